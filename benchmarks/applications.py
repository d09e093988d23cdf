"""The cost of the gateway that answers the requests of an application, live and from recordings.

    python benchmarks/applications.py

Live: the body of a test with `graysplit_app` times its own requests, once through the gateway and once straight to the
loopback relay with the same client, in turns. Replay: 500 tests of 3 requests against as many tests that do nothing.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measured import ARMS, RunningRelay, load, session, verdict

CALLS, QUICK_CALLS, LATENCY_S = 20, 200, 0.2
CASES, ROUNDS = 250, 3  # a case runs once per arm, so these are 500 tests
CALL_BOUND_MS, LIVE_BOUND, REPLAY_BOUND, REPLAY_BOUND_MS = 2.0, 1.03, 2.0, 1.5

# An application with one client in the process, built at import, and one over a socket of its own.
APPLICATION = """\
import http.client
import json
import os
import time
from urllib.parse import urlsplit

import httpx

CLIENT = httpx.Client(base_url="{url}", timeout=60, headers={{"authorization": "Bearer any"}})


def asked(number, step):
    text = f"Question {{number}}, step {{step}}: what is it good for?"
    return {{"model": "claude-sonnet-4.5", "messages": [{{"role": "user", "content": text}}], "max_tokens": 20}}


def in_process(number, calls):
    for step in range(calls):
        CLIENT.post("/chat/completions", json=asked(number, step)).raise_for_status()


def by_socket(number, calls):
    address = urlsplit(os.environ["OPENAI_BASE_URL"])
    connection = http.client.HTTPConnection(address.hostname, address.port)
    headers = {{"content-type": "application/json", "authorization": f"Bearer {{os.environ['OPENAI_API_KEY']}}"}}
    for step in range(calls):
        connection.request("POST", f"{{address.path}}/chat/completions", json.dumps(asked(number, step)), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def timed(ask, calls):
    ask("warm", 1)
    started = time.perf_counter()
    ask("timed", calls)
    with open("times.jsonl", "a", encoding="utf-8") as file:
        file.write(f"{{time.perf_counter() - started}}\\n")
"""
TIMED = """\
import pytest
from application import by_socket, in_process, timed


{marker}
def test_calls({fixture}):
    timed({ask}, {calls})
"""
REPLAYED = """\
import pytest
from application import by_socket, in_process


{marker}
@pytest.mark.parametrize("number", range({cases}))
def test_calls(number{fixture}):
    {body}
"""
MARKER = "@pytest.mark.graysplit"
SETTINGS = '[tool.graysplit.app]\nmax_calls = 1000\nhosts = ["localhost"]\n'


@contextmanager
def folder_of(test: str, url: str) -> Iterator[Path]:
    """Write a test and its application into a folder of their own, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="graysplit-benchmark-") as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(f"[tool.pytest.ini_options]\n\n{SETTINGS}", encoding="utf-8")
        (folder / "application.py").write_text(APPLICATION.format(url=url), encoding="utf-8")
        (folder / "test_calls.py").write_text(test, encoding="utf-8")
        yield folder


def best_s(folder: Path) -> float:
    """Return the shortest time that a body has written; a run through the gateway has one per arm."""
    times = (folder / "times.jsonl").read_text(encoding="utf-8").split()
    return min(map(float, times))


def live(ask: str, calls: int, latency_s: float) -> tuple[float, float]:
    """Return the seconds that the requests of one test take through the gateway, and straight to the relay."""
    with RunningRelay(latency=latency_s) as relay:
        through = TIMED.format(marker=MARKER, fixture="graysplit_app", ask=ask, calls=calls)
        straight = TIMED.format(marker="", fixture="", ask=ask, calls=calls)
        address = {"OPENAI_BASE_URL": relay.url, "OPENAI_API_KEY": "any"}
        with folder_of(through, relay.url) as ours, folder_of(straight, relay.url) as plain:
            given = (*ARMS, f"--graysplit-base-url={relay.url}", "--graysplit-record=all", "--graysplit-gate=none")
            for _ in range(ROUNDS):
                session(ours, *given, environ=address)
                session(plain, environ=address)
            return best_s(ours), best_s(plain)


def replay(ask: str) -> tuple[float, float]:
    """Return the wall times of a session that replays the tests, and of one of as many empty tests."""
    with RunningRelay() as relay:
        asking = REPLAYED.format(marker=MARKER, cases=CASES, fixture=", graysplit_app", body=f"{ask}(number, 3)")
        idle = REPLAYED.format(marker="", cases=2 * CASES, fixture="", body="pass")
        with folder_of(asking, relay.url) as ours, folder_of(idle, relay.url) as empty:
            session(ours, *ARMS, f"--graysplit-base-url={relay.url}", "--graysplit-gate=none")
            seen = relay.stats()["total"]
            replaying = (*ARMS, "--graysplit-record=none", "--graysplit-gate=none")
            session(ours, *replaying, "--graysplit-json=results.json")
            check_replay(ours / "results.json", relay.stats()["total"] - seen)
            replays_s, floors_s = [], []
            for _ in range(ROUNDS):
                replays_s.append(session(ours, *replaying))
                floors_s.append(session(empty))
            return min(replays_s), min(floors_s)


def check_replay(report: Path, sent: int) -> None:
    """Exit unless every case was judged on both arms without a request: a run that skips tests is fast."""
    arms = json.loads(report.read_text(encoding="utf-8"))["arms"]
    counted = [(arm["cases"], arm["errors"]) for arm in arms]
    if sent or counted != [(CASES, 0)] * 2:
        raise SystemExit(f"the replay is incomplete: cases and errors per arm {counted}, {sent} requests sent")


def print_live(ask: str) -> None:
    """Print what the gateway adds to quick requests, and to requests of 200 ms."""
    ours_s, plain_s = live(ask, QUICK_CALLS, 0.0)
    added_ms = 1000 * (ours_s - plain_s) / QUICK_CALLS
    print(f"\n{ask}: the gateway adds {added_ms:.2f} ms to a request ({verdict(added_ms, CALL_BOUND_MS)})")
    print(f"  {QUICK_CALLS} requests: through it {ours_s:.3f} s, straight to the relay {plain_s:.3f} s")
    ours_s, plain_s = live(ask, CALLS, LATENCY_S)
    share = ours_s / plain_s
    print(f"  {CALLS} requests of 200 ms: gateway / straight = {share:.3f} ({verdict(share, LIVE_BOUND)})")


def print_replay(ask: str) -> None:
    """Print how long recorded tests take, beside their bound."""
    replay_s, floor_s = replay(ask)
    bound_s = REPLAY_BOUND * floor_s + REPLAY_BOUND_MS * 2 * CASES * 3 / 1000
    shown = verdict(replay_s, round(bound_s, 2))
    print(f"\n{ask}: replay of {2 * CASES} recorded tests of 3 requests: {replay_s:.2f} s ({shown})")
    print(f"  floor {floor_s:.2f} s, bound {REPLAY_BOUND:g} x floor + {REPLAY_BOUND_MS} ms per request")


def main() -> None:
    """Print a paragraph per measurement."""
    print(load())
    for ask in ("in_process", "by_socket"):
        print_live(ask)
    for ask in ("in_process", "by_socket"):
        print_replay(ask)


if __name__ == "__main__":
    main()
