"""A support desk as a small web service: one of two models answers each user, and a page compares the models.

    GRAYSPLIT_BASE_URL=http://127.0.0.1:8801/v1 uvicorn service:app --port 8802

POST /chat or /stream {"user": "...", "message": "..."}, POST /feedback {"id": "...", "score": 1}, POST /ticket
{"user": "..."}; the page is at /graysplit/, and /graysplit/readyz says whether the service is ready.
"""

import json
import logging
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route

from pytest_graysplit import (
    BreakerPolicy,
    GraysplitError,
    Monitor,
    RequestFailedError,
    SplitClient,
    dashboard_app,
    load_splitter,
)

HERE = Path(__file__).parent
LOGGER = logging.getLogger("support-desk")
SYSTEM = "You answer for Lantern & Loom, a shop for lamps and rugs. Answer in at most three sentences."
SORRY = "Nobody can answer just now, please try again."

splitter = load_splitter("support", HERE / "pyproject.toml")
monitor = Monitor(splitter, project=HERE / "pyproject.toml")


def tell(rolled_back):
    """Tell a person, here by a line of the application's own log; the page and the metrics know it already."""
    LOGGER.warning("%s has no users any more: %s", rolled_back.arm, rolled_back.reason)


@asynccontextmanager
async def lifespan(app):
    """Open one client, with one pool of connections and one log, for as long as the service runs."""
    async with SplitClient(
        splitter,
        monitor=monitor,
        project=HERE / "pyproject.toml",
        log="traffic.jsonl",
        fallback=True,
        breaker=BreakerPolicy(window_s=2),
        headers=["X-AB-Variant"],
        timeout_s=20,
        on_rollback=tell,
    ) as client:
        app.state.client = client
        yield


def prompt(message):
    """Return the messages of a question."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": message}]


async def chat(request):
    """Answer a user; a user always gets the same model."""
    asked = await request.json()
    try:
        reply = await request.app.state.client.chat(prompt(asked["message"]), unit=asked["user"], max_tokens=120)
    except RequestFailedError:
        # It has been counted and logged; the user gets a sentence, not a traceback.
        return JSONResponse({"error": SORRY}, status_code=503)
    return JSONResponse({"id": reply.id, "text": reply.text})


async def stream(request):
    """Answer a user word by word, as server-sent events; if the user goes away, the answer is stopped and counted."""
    asked = await request.json()
    answer = request.app.state.client.stream(prompt(asked["message"]), unit=asked["user"], max_tokens=120)
    return StreamingResponse(events(answer), media_type="text/event-stream")


async def events(answer):
    """Yield the pieces of an answer, then its id."""
    try:
        async for piece in answer:
            yield f"data: {json.dumps({'text': piece})}\n\n"
    except RequestFailedError:
        yield f"event: error\ndata: {json.dumps({'error': SORRY})}\n\n"
    else:
        yield f"event: end\ndata: {json.dumps({'id': answer.reply.id})}\n\n"


async def feedback(request):
    """Take a thumb up or down for an answer."""
    given = await request.json()
    try:
        request.app.state.client.feedback(given["id"], given["score"])
    except GraysplitError as error:
        return JSONResponse({"error": error.problem}, status_code=400)
    return JSONResponse({})


async def ticket(request):
    """Take note that a user had to write to a person: a signal that is compared per user."""
    given = await request.json()
    request.app.state.client.signal(given["user"], "ticket")
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/chat", chat, methods=["POST"]),
        Route("/stream", stream, methods=["POST"]),
        Route("/feedback", feedback, methods=["POST"]),
        Route("/ticket", ticket, methods=["POST"]),
        Mount("/graysplit", dashboard_app(monitor, title="support desk")),
    ],
    lifespan=lifespan,
)
