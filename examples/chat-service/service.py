"""A support desk as a small web service: one of two models answers each user, and a page compares the models.

    GRAYSPLIT_BASE_URL=http://127.0.0.1:8801/v1 uvicorn service:app --port 8802

POST /chat {"user": "...", "message": "..."}, POST /feedback {"id": "...", "score": 1}; the page is at /graysplit/,
and /graysplit/readyz says whether the service is ready.
"""

from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from pytest_graysplit import GraysplitError, Monitor, RequestFailedError, SplitClient, dashboard_app, load_splitter

HERE = Path(__file__).parent
SYSTEM = "You answer for Lantern & Loom, a shop for lamps and rugs. Answer in at most three sentences."

splitter = load_splitter("support", HERE / "pyproject.toml")
monitor = Monitor(splitter, project=HERE / "pyproject.toml")


@asynccontextmanager
async def lifespan(app):
    """Open one client, with one pool of connections and one log, for as long as the service runs."""
    async with SplitClient(
        splitter,
        monitor=monitor,
        project=HERE / "pyproject.toml",
        log="traffic.jsonl",
        fallback=True,
        headers=["X-AB-Variant"],
        timeout_s=20,
    ) as client:
        app.state.client = client
        yield


async def chat(request):
    """Answer a user; a user always gets the same model."""
    asked = await request.json()
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked["message"]}]
    try:
        reply = await request.app.state.client.chat(messages, unit=asked["user"], max_tokens=120)
    except RequestFailedError:
        # It has been counted and logged; the user gets a sentence, not a traceback.
        return JSONResponse({"error": "Nobody can answer just now, please try again."}, status_code=503)
    return JSONResponse({"id": reply.id, "text": reply.text})


async def feedback(request):
    """Take a thumb up or down for an answer."""
    given = await request.json()
    try:
        request.app.state.client.feedback(given["id"], given["score"])
    except GraysplitError as error:
        return JSONResponse({"error": error.problem}, status_code=400)
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/chat", chat, methods=["POST"]),
        Route("/feedback", feedback, methods=["POST"]),
        Mount("/graysplit", dashboard_app(monitor, title="support desk")),
    ],
    lifespan=lifespan,
)
