"""Start the relay and the service, and send the questions of many users while the page is open.

python load.py                      # 3,000 requests of 600 users, an incident of the small model, then Ctrl-C
python load.py --requests 200 --and-stop
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

import httpx
from relay import QUESTIONS

HERE = Path(__file__).parent
IN_FLIGHT = 16
TREATMENT = "smollm2-135m"
# The incident lasts until the rollback, or for so many times a fifth of the requests.
MOST_BATCHES = 20


def free_port():
    """Return a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(app, port, **environ):
    """Start an app with uvicorn, in this folder."""
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        app,
        "--port",
        str(port),
        "--log-level",
        "warning",
        "--app-dir",
        str(HERE),
    ]
    return subprocess.Popen(command, env={**os.environ, **environ})


async def until_ready(client, url):
    """Wait until an address answers that all is well."""
    for _ in range(200):
        try:
            if (await client.get(url)).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.05)
    sys.exit(f"{url} is not ready")


def thumb(text):
    """Return a user's score of an answer: these users like short answers that mention days or a colleague."""
    good = len(text.split()) < 60 and any(
        word in text.lower() for word in ("days", "colleague", "free", "eur", "warranty")
    )
    return 1.0 if random.random() < (0.85 if good else 0.45) else 0.0


async def whole_answer(client, service, asked):
    """Ask for a whole answer; return its id and its text, or None."""
    answer = await client.post(f"{service}/chat", json=asked)
    return (answer.json()["id"], answer.json()["text"]) if answer.status_code == 200 else None


async def streamed_answer(client, service, asked):
    """Ask for an answer word by word; return its id and its text, or None."""
    text = ""
    async with client.stream("POST", f"{service}/stream", json=asked) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                told = json.loads(line.removeprefix("data: "))
                text += told.get("text", "")
                if "id" in told:
                    return told["id"], text
    return None


async def ask(client, service, places, users):
    """Ask one question as one user, score some of the answers, and write to a person after a bad one."""
    async with places:
        # Some users ask once, some all day.
        asked = {"user": f"user-{int(random.expovariate(3 / users))}", "message": random.choice(QUESTIONS)}
        way = streamed_answer if random.random() < 0.25 else whole_answer
        told = await way(client, service, asked)
        if told is not None and random.random() < 0.4:
            score = thumb(told[1])
            await client.post(f"{service}/feedback", json={"id": told[0], "score": score})
            if score == 0 and random.random() < 0.2:
                await client.post(f"{service}/ticket", json={"user": asked["user"]})
        return told is not None


async def play(client, relay, service, options):
    """Send the questions, then those of an incident of the small model, and print what the page says."""
    places = asyncio.Semaphore(IN_FLIGHT)

    async def some(requests):
        answered = await asyncio.gather(*(ask(client, service, places, options.users) for _ in range(requests)))
        print(f"{requests} requests, {sum(answered)} answered", flush=True)

    calm = options.requests * 4 // 5
    await some(calm)
    grade = (await client.get(f"{service}/graysplit/metrics/validate-grade")).json()
    print(f"{grade['status']}: {grade['treatments'][0]['reasons'][0]}", flush=True)
    await client.post(f"{relay}/faults", json={TREATMENT: 1.0})
    print(f"the relay of {TREATMENT} fails from now on", flush=True)
    for _ in range(MOST_BATCHES):
        await some(options.requests - calm)
        shown = (await client.get(f"{service}/graysplit/metrics/dashboard")).json()
        if any("rolled back" in note for note in shown["notes"]):
            break
    for note in shown["notes"]:
        print(f"the page says: {note}", flush=True)


async def main(options):
    """Run everything, and print the address of the page."""
    random.seed(options.seed)
    relay_port, port = free_port(), options.port or free_port()
    relay, service = f"http://127.0.0.1:{relay_port}", f"http://127.0.0.1:{port}"
    servers = [start("relay:app", relay_port), start("service:app", port, GRAYSPLIT_BASE_URL=f"{relay}/v1")]
    try:
        async with httpx.AsyncClient(
            timeout=60, trust_env=False, limits=httpx.Limits(max_connections=IN_FLIGHT)
        ) as client:
            for url in (f"{relay}/v1/models", f"{service}/graysplit/readyz"):
                await until_ready(client, url)
            print(f"the page: {service}/graysplit/", flush=True)
            await play(client, relay, service, options)
            if not options.and_stop:
                print("Ctrl-C ends it; what was asked is in traffic.jsonl", flush=True)
                await asyncio.Event().wait()
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--port", type=int, default=0, help="port of the service (default: any that is free)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--and-stop", action="store_true", help="stop when all has been asked")
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        print()
