"""An OpenAI-compatible relay for this desk: it returns recorded answers of two real models, at their relative speed.

    uvicorn relay:app --port 8801

The answers are the 200 of ../support-desk/answers-as-received.jsonl. One request in FAULTS fails: too many requests, an
overloaded server, a broken connection. SPEED makes the models this many times as fast. An incident is made with
POST /faults {"smollm2-135m": 1.0}: from then on this share of the model's requests fails; {} ends it.
"""

import asyncio
import json
import os
import random
from collections import defaultdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

ANSWERS = Path(__file__).parent.parent / "support-desk" / "answers-as-received.jsonl"
SPEED = float(os.environ.get("SPEED", "20"))
FAULTS = float(os.environ.get("FAULTS", "0.03"))
MODELS = ("qwen2.5-coder-0.5b", "smollm2-135m")
INCIDENT = {}


def received():
    """Return the real answers by model and question."""
    known = defaultdict(list)
    for text in ANSWERS.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        known[line["model"], line["request"]["messages"][-1]["content"]].append(line)
    return known


KNOWN = received()
QUESTIONS = sorted({question for _, question in KNOWN})


async def chat(request):
    """Answer as the model did, or fail as relays do."""
    body = await request.json()
    lines = KNOWN.get((body["model"], body["messages"][-1]["content"]))
    if lines is None:
        return JSONResponse({"error": {"message": "this relay knows the questions of the support desk only"}}, 400)
    if random.random() < INCIDENT.get(body["model"], FAULTS):
        status = random.choice([429, 503, 503, 500])
        return JSONResponse({"error": {"message": "try again", "code": status}}, status, {"retry-after": "0.05"})
    line = random.choice(lines)
    if body.get("stream"):
        return StreamingResponse(pieces(line), media_type="text/event-stream")
    await asyncio.sleep(line["latency_s"] / SPEED)
    return JSONResponse(line["response"])


async def pieces(line):
    """Yield the answer word by word, in the time that the model took for it, and then its tokens."""
    answer = line["response"]
    [choice] = answer["choices"]
    words = choice["message"]["content"].split(" ")
    for number, word in enumerate(words):
        await asyncio.sleep(line["latency_s"] / SPEED / len(words))
        yield event(answer, [{"index": 0, "delta": {"content": f" {word}" if number else word}}])
    yield event(answer, [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}])
    yield event(answer, [], usage=answer["usage"])
    yield "data: [DONE]\n\n"


def event(answer, choices, **more):
    """Write one event of a stream."""
    chunk = {"id": answer["id"], "object": "chat.completion.chunk", "model": answer["model"], "choices": choices}
    return f"data: {json.dumps({**chunk, **more})}\n\n"


async def faults(request):
    """Begin or end an incident."""
    INCIDENT.clear()
    INCIDENT.update(await request.json())
    return JSONResponse(INCIDENT)


async def models(_):
    """List the models."""
    return JSONResponse({"object": "list", "data": [{"id": model} for model in MODELS]})


app = Starlette(
    routes=[
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/models", models, methods=["GET", "HEAD"]),
        Route("/faults", faults, methods=["POST"]),
    ]
)
