"""Start the relay and the service, and send the questions of many users while the page is open.

python load.py                      # 3,000 requests of 600 users, then Ctrl-C
python load.py --requests 200 --and-stop
"""

import argparse
import asyncio
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


async def until_up(client, url):
    """Wait for a server to answer."""
    for _ in range(200):
        try:
            await client.get(url)
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return
    sys.exit(f"nothing answers at {url}")


def thumb(text):
    """Return a user's score of an answer: these users like short answers that mention days or a colleague."""
    good = len(text.split()) < 60 and any(
        word in text.lower() for word in ("days", "colleague", "free", "eur", "warranty")
    )
    return 1.0 if random.random() < (0.85 if good else 0.45) else 0.0


async def ask(client, service, places, users):
    """Ask one question as one user, and sometimes score the answer."""
    async with places:
        # Some users ask once, some all day.
        user, question = f"user-{int(random.expovariate(3 / users))}", random.choice(QUESTIONS)
        answer = await client.post(f"{service}/chat", json={"user": user, "message": question})
        if answer.status_code == 200 and random.random() < 0.4:
            told = answer.json()
            await client.post(f"{service}/feedback", json={"id": told["id"], "score": thumb(told["text"])})
        return answer.status_code


async def main(options):
    """Run everything, and print the address of the page."""
    random.seed(options.seed)
    relay_port, port = free_port(), options.port or free_port()
    service = f"http://127.0.0.1:{port}"
    servers = [
        start("relay:app", relay_port),
        start("service:app", port, GRAYSPLIT_BASE_URL=f"http://127.0.0.1:{relay_port}/v1"),
    ]
    try:
        async with httpx.AsyncClient(
            timeout=60, trust_env=False, limits=httpx.Limits(max_connections=IN_FLIGHT)
        ) as client:
            await until_up(client, f"http://127.0.0.1:{relay_port}/v1/models")
            await until_up(client, f"{service}/graysplit/healthz")
            print(f"the page: {service}/graysplit/", flush=True)
            places = asyncio.Semaphore(IN_FLIGHT)
            asked = (ask(client, service, places, options.users) for _ in range(options.requests))
            statuses = await asyncio.gather(*asked)
            grade = (await client.get(f"{service}/graysplit/metrics/validate-grade")).json()
            print(f"{len(statuses)} requests, {statuses.count(200)} answered")
            print(f"{grade['status']}: {grade['treatments'][0]['reasons'][0]}", flush=True)
            if not options.and_stop:
                print("Ctrl-C ends it; what was asked is in traffic.jsonl")
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
