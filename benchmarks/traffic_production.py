"""The cost of a bad treatment for the users of the control, and of the client for a service.

    python benchmarks/traffic_production.py [--seconds 15] [--only harm,throughput,deadline,overhead]

Each part compares two measurements of the same run against a loopback relay. Exits with 1 if a bound is missed.
"""

import argparse
import asyncio
import inspect
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from measured import RunningRelay, load
from traffic import IN_FLIGHT, client, in_flight, messages

from pytest_graysplit import RequestFailedError, Split, SplitClient, TrafficSplitter
from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.client import Relay

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
SPLITTER = TrafficSplitter([Split(CONTROL, 0.5), Split(TREATMENT, 0.5)], salt="production")
LATENCY_S, DEADLINE_S = 0.1, 3.0
USERS_PER_S = 60
# Users that have no answer this long after the last request are cancelled, and count with the time that they waited.
PATIENCE_S = 2 * DEADLINE_S
HALF = "every second ticket"
FAULTS: dict[str, list[dict[str, Any]]] = {
    "no fault": [],
    "429, Retry-After 30": [{"kind": "429", "retry_after": 30, "model": TREATMENT, "times": None}],
    "hanging": [{"kind": "hang", "model": TREATMENT, "times": None}],
    "failing half": [{"kind": "500", "model": TREATMENT, "match": HALF, "times": None}],
}


class Bounds:
    """The bounds of a run: each is printed beside its number, and a missed one is remembered."""

    def __init__(self) -> None:
        self.missed = 0

    def at_most(self, measured: float, bound: float) -> str:
        """Compare with an upper bound."""
        return self._told(f"at most {bound:g}", within=measured <= bound)

    def at_least(self, measured: float, bound: float) -> str:
        """Compare with a lower bound."""
        return self._told(f"at least {bound:g}", within=measured >= bound)

    def _told(self, bound: str, *, within: bool) -> str:
        self.missed += not within
        return f"({bound}: {'kept' if within else 'MISSED'})"


def opened(url: str, **settings: Any) -> SplitClient:
    """Return a client with those of the settings that it knows."""
    known = inspect.signature(SplitClient.__init__).parameters
    settings = {"timeout_s": DEADLINE_S, "deadline_s": DEADLINE_S, "fallback": True, **settings}
    given = {name: value for name, value in settings.items() if name in known}
    return SplitClient(SPLITTER, base_url=url, api_key="any", **given)


async def wait_of(work: Awaitable[object]) -> tuple[float, bool]:
    """Return the seconds until the work has ended, and whether it gave an answer."""
    started = time.perf_counter()
    try:
        await work
    except (RequestFailedError, asyncio.CancelledError):
        return time.perf_counter() - started, False
    return time.perf_counter() - started, True


async def users(ours: SplitClient, seconds: float) -> list[tuple[str, float, bool]]:
    """Let users arrive at a steady rate, whether or not others have an answer; return arm, wait and success of each."""
    arms, tasks = [], []
    began = time.perf_counter()
    for number in range(round(seconds * USERS_PER_S)):
        await asyncio.sleep(max(0.0, began + number / USERS_PER_S - time.perf_counter()))
        unit = f"user-{number}"
        arms.append(SPLITTER.assign(unit).model)
        content = f"Summarise {HALF if number // 2 % 2 else 'this ticket'}: number {number}."
        tasks.append(asyncio.ensure_future(wait_of(ours.chat([{"role": "user", "content": content}], unit=unit))))
    _, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
    for task in late:
        task.cancel()
    waits = await asyncio.gather(*tasks)
    return [(arm, *waited) for arm, waited in zip(arms, waits, strict=True)]


async def harmed(server: RunningRelay, faults: Sequence[dict[str, Any]], seconds: float) -> list[Any]:
    """Return the waits of users while the treatment has these faults, and the requests that it gets in the end."""
    server.reset()
    server.control(latency=LATENCY_S, faults=list(faults))
    async with opened(server.url) as ours:
        running = asyncio.ensure_future(users(ours, seconds))
        await asyncio.sleep(seconds * 2 / 3)
        before = await asyncio.to_thread(server.stats)
        waits = await running
    after = await asyncio.to_thread(server.stats)
    return [waits, after["requests"].get(TREATMENT, 0) - before["requests"].get(TREATMENT, 0)]


def harm(bounds: Bounds, seconds: float) -> Iterator[str]:
    """Compare the control's users under each fault of the treatment with those under none."""
    yield f"the control's users while the treatment fails; {USERS_PER_S} users per second, half of them in each arm"
    healthy_s = 0.0
    with RunningRelay() as server:
        for name, faults in FAULTS.items():
            waits, sent = asyncio.run(harmed(server, faults, seconds))
            control = [(wait_s, answered) for arm, wait_s, answered in waits if arm == CONTROL]
            p50_s = statistics.median(wait_s for wait_s, _ in control)
            healthy_s = healthy_s or p50_s
            unanswered = sum(not answered for _, answered in control)
            kept = bounds.at_most(p50_s / healthy_s, 1.05) if faults else ""
            lost = bounds.at_most(unanswered, 0) if faults else ""
            yield f"  {name:20} p50 {1000 * p50_s:6.0f} ms, x{p50_s / healthy_s:.3f} {kept}"
            yield f"  {'':20} {unanswered} of {len(control)} without an answer {lost}"
            treated = [wait_s for arm, wait_s, _ in waits if arm == TREATMENT]
            yield (
                f"  {'':20} users of the treatment: p50 {statistics.median(treated):.2f} s, "
                f"longest {max(treated):.2f} s; {sent} requests to it in the last third, for {len(treated) // 3} users"
            )


async def rate_of(ask: Callable[[str, str], Awaitable[object]], requests: int) -> float:
    """Send all at once, and return the answers per second until nineteen in twenty have come."""
    ends: list[float] = []

    async def one(number: int) -> None:
        content = f"Summarise {'a refused ticket' if number % 50 == 49 else 'this ticket'}: number {number}."
        if (await wait_of(ask(content, f"user-{number}")))[1]:
            ends.append(time.perf_counter())

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(requests)))
    place = round(requests * 0.95)
    return place / (sorted(ends)[place - 1] - began) if len(ends) >= place else 0.0


async def relay_rate(url: str, requests: int) -> float:
    """Return the answers per second of one relay client, with the limits of live traffic."""
    settings = Settings(base_url=url, concurrency=64, timeout_s=60)
    async with Relay(settings, is_refusal=is_refusal, live=True) as relay:

        async def ask(content: str, unit: str) -> None:
            body: dict[str, Any] = {"model": CONTROL, "messages": [{"role": "user", "content": content}], "user": unit}
            reply, _ = await relay.attempt(Arm.plain(CONTROL), body, deadline_s=60)
            if reply.outcome != "ok":
                raise asyncio.CancelledError

        await relay.open_ahead()
        return await rate_of(ask, requests)


async def client_rate(url: str, requests: int) -> float:
    """Return the answers per second of the whole client."""
    async with opened(url, timeout_s=60, deadline_s=60, concurrency=64) as ours:
        await ours.warm_up()
        return await rate_of(lambda content, _: ours.chat([{"role": "user", "content": content}], unit="one"), requests)


def throughput(bounds: Bounds, rounds: int) -> Iterator[str]:
    """Compare the answers per second under 2% of 429s with those without any."""
    requests = 2_000
    yield f"answers per second, {requests:,} requests, 64 in flight, {1000 * LATENCY_S:g} ms"
    limited = [{"kind": "429", "retry_after": 1, "match": "a refused", "times": requests // 50}]
    with RunningRelay() as server:
        for way, measure in (("relay", relay_rate), ("client", client_rate)):
            rates: dict[str, list[float]] = {"without": [], "with": []}
            for _ in range(rounds):
                for name, faults in (("without", []), ("with", limited)):
                    server.reset()
                    server.control(latency=LATENCY_S, faults=faults)
                    rates[name].append(asyncio.run(measure(server.url, requests)))
            free, refused = statistics.median(rates["without"]), statistics.median(rates["with"])
            told = bounds.at_least(refused / free, 0.8)
            yield f"  {way:6} without 429s {free:.0f}, with 2% of 429s {refused:.0f}: x{refused / free:.2f} {told}"


async def longest_waits(ask: Callable[[int], Awaitable[object]], count: int) -> tuple[float, float]:
    """Send so many requests within a second; return the longest wait, and that of as many plain timers.

    A busy machine wakes both late.
    """

    async def one(number: int) -> tuple[float, float]:
        await asyncio.sleep(number / count)
        (wait_s, _), (timer_s, _) = await asyncio.gather(wait_of(ask(number)), wait_of(asyncio.sleep(DEADLINE_S)))
        return wait_s, timer_s

    waits = await asyncio.gather(*map(one, range(count)))
    return max(wait_s for wait_s, _ in waits), max(timer_s for _, timer_s in waits)


async def waits_of(url: str) -> dict[str, tuple[float, float]]:
    """Return the longest waits for the relay client alone, and for the whole client where it takes a deadline."""
    arm, count, ways = Arm.plain(TREATMENT), 120, {}
    settings = Settings(base_url=url, concurrency=16, retries=3, timeout_s=60)
    async with Relay(settings, is_refusal=is_refusal, live=True) as relay:

        async def attempt(number: int) -> None:
            body: dict[str, Any] = {"model": TREATMENT, "messages": [{"role": "user", "content": f"{HALF} {number}"}]}
            await relay.attempt(arm, body, deadline_s=DEADLINE_S)

        ways["relay"] = await longest_waits(attempt, count)
    if "deadline_s" in inspect.signature(SplitClient.__init__).parameters:
        async with opened(url, timeout_s=60, concurrency=16) as ours:

            async def chat(number: int) -> None:
                await ours.chat([{"role": "user", "content": f"{HALF} {number}"}], unit=f"user-{number}")

            ways["client"] = await longest_waits(chat, count)
    return ways


def deadline(bounds: Bounds) -> Iterator[str]:
    """Compare the longest wait with the deadline, with more requests than connections."""
    yield f"the longest wait under a deadline of {DEADLINE_S:g} s, 120 requests in a second, 16 connections"
    with RunningRelay() as server:
        for name, faults in FAULTS.items():
            if not faults:
                continue
            server.reset()
            server.control(latency=LATENCY_S, faults=faults)
            for way, (wait_s, timer_s) in asyncio.run(waits_of(server.url)).items():
                over_ms = 1000 * (wait_s - timer_s)
                told = bounds.at_most(over_ms, 50)
                yield f"  {name:20} {way}: {wait_s:.3f} s, a plain timer {timer_s:.3f} s: {over_ms:+.0f} ms {told}"


async def relay_turns(url: str, log: Path, requests: int, rounds: int) -> list[tuple[float, float]]:
    """Return the processor seconds of the relay client alone and of the whole client, in turns."""
    settings = Settings(base_url=url, concurrency=IN_FLIGHT)
    async with (
        Relay(settings, is_refusal=is_refusal, live=True) as relay,
        SplitClient(SPLITTER, log=log, base_url=url, api_key="any", concurrency=IN_FLIGHT) as ours,
    ):

        async def attempt(number: int) -> None:
            body: dict[str, Any] = {"model": CONTROL, "messages": messages(number), "temperature": 0}
            await relay.attempt(Arm.plain(CONTROL), body)

        async def chat(number: int) -> None:
            await ours.chat(messages(number), unit=f"user-{number}", temperature=0)

        for ask in (attempt, chat):
            await in_flight(4 * IN_FLIGHT, ask)
        return [((await in_flight(requests, attempt))[1], (await in_flight(requests, chat))[1]) for _ in range(rounds)]


def overhead(bounds: Bounds, rounds: int) -> Iterator[str]:
    """Compare the processor time of `chat` with that of a bare httpx call, and with that of the relay client alone."""
    requests = 640
    yield f"processor time of chat per call, {IN_FLIGHT} in flight, 20 ms"
    with RunningRelay(latency=0.02) as server, tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "traffic.jsonl")
        bare = [(plain[1], ours[1]) for plain, ours in asyncio.run(client(server.url, log, requests, rounds))]
        alone = asyncio.run(relay_turns(server.url, log, requests, rounds))
    for name, turns, bound in (("a bare httpx call", bare, 1.25), ("the relay client alone", alone, None)):
        ratio = statistics.median(ours_s / plain_s for plain_s, ours_s in turns)
        plain_us, ours_us = (1e6 * statistics.median(turn[which] for turn in turns) / requests for which in (0, 1))
        told = bounds.at_most(ratio, bound) if bound else "(no bound)"
        yield f"  over {name:22}  {ours_us:.0f} us over {plain_us:.0f} us: x{ratio:.2f} {told}"


def main() -> None:
    """Print a paragraph for each part; exit with 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=15, help="of traffic for each fault of the treatment")
    parser.add_argument("--rounds", type=int, default=3, help="turns of both measurements of a ratio")
    parser.add_argument("--only", default="harm,throughput,deadline,overhead", help="the parts to run")
    asked = parser.parse_args()
    bounds = Bounds()
    parts = {
        "harm": harm(bounds, asked.seconds),
        "throughput": throughput(bounds, asked.rounds),
        "deadline": deadline(bounds),
        "overhead": overhead(bounds, asked.rounds),
    }
    print(load())
    for name in asked.only.split(","):
        print()
        for line in parts[name]:
            print(line, flush=True)
    sys.exit(bool(bounds.missed))


if __name__ == "__main__":
    main()
