"""The cost of live traffic for an application: splitting, counting, memory, quantiles, and the client's share.

    python benchmarks/traffic.py [--requests 640] [--rounds 4]

The rates are the best of five passes on one core. The client is compared with the cheapest code that an application
would write: one `httpx.AsyncClient` that posts the same JSON to the same relay and reads the JSON of its answers.
"""

import argparse
import asyncio
import math
import os
import random
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from measured import RunningRelay, load, verdict

from pytest_graysplit import Monitor, Split, SplitClient, TrafficSplitter, Usage
from pytest_graysplit.traffic.sums.latencies import Latencies

SPLITTER = TrafficSplitter([Split("claude-sonnet-4.5", 0.9), Split("deepseek-v3.2", 0.1)], salt="benchmark")
RECORDS, PASSES, MILLION = 200_000, 5, 1_000_000
IN_FLIGHT = 16
SEED = 20_261_126
QUESTION = "Summarise this ticket: the parcel came on Monday, and the lid of the box was broken."


def rate(work: Callable[[], object], units: int) -> float:
    """Units per second, in the best of the passes: other load can only make a pass slower."""
    best_s = math.inf
    for _ in range(PASSES):
        started = time.perf_counter()
        work()
        best_s = min(best_s, time.perf_counter() - started)
    return units / best_s


def at_least(measured: float, bound: float) -> str:
    """Print a rate beside its bound."""
    return f"{measured:10,.0f} a second (bound {bound:,.0f}, {'within' if measured >= bound else 'BELOW'})"


def rates() -> Iterator[str]:
    """Splitting, counting, and both in a row as an application does it."""
    units = [f"user-{number}" for number in range(RECORDS)]
    arms = [SPLITTER.assign(unit) for unit in units]
    latencies = [0.1 + number % 997 / 500 for number in range(RECORDS)]
    usages = [Usage(prompt=500 + n % 97, completion=200 + n % 53, total=700 + n % 97 + n % 53) for n in range(RECORDS)]

    def assign() -> None:
        for unit in units:
            SPLITTER.assign(unit)

    def record() -> None:
        monitor = Monitor(SPLITTER)
        for unit, arm, latency_s in zip(units, arms, latencies, strict=True):
            monitor.record(arm, unit=unit, latency_s=latency_s)

    def record_priced() -> None:
        monitor = Monitor(SPLITTER)
        for unit, arm, latency_s, usage in zip(units, arms, latencies, usages, strict=True):
            monitor.record(arm, unit=unit, latency_s=latency_s, usage=usage)

    def both() -> None:
        monitor = Monitor(SPLITTER)
        for unit, latency_s, usage in zip(units, latencies, usages, strict=True):
            monitor.record(SPLITTER.assign(unit), unit=unit, latency_s=latency_s, usage=usage)

    yield f"assign                         {at_least(rate(assign, RECORDS), 300_000)}"
    yield f"record, latency alone          {at_least(rate(record, RECORDS), 100_000)}"
    yield f"record, priced by its tokens   {at_least(rate(record_priced, RECORDS), 100_000)}"
    yield f"assign and record, priced      {rate(both, RECORDS):10,.0f} a second (no bound)"


class Traffic:
    """Records of new users, 100 per second, so that the minutes of a monitor roll over all the time."""

    def __init__(self) -> None:
        """Begin at zero, on a clock of its own."""
        self.number, self.dice = 0, random.Random(SEED)
        self.monitor = Monitor(SPLITTER, clock=lambda: self.number / 100)

    def until(self, last: int) -> None:
        """Record until there are this many."""
        while self.number < last:
            self.number += 1
            unit = f"user-{self.number}"
            self.monitor.record(
                SPLITTER.assign(unit),
                unit=unit,
                latency_s=self.dice.lognormvariate(0, 0.5),
                usage=Usage(prompt=500, completion=200, total=700),
            )


def resident_bytes() -> int:
    """The memory that this process uses now, by the system's count."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory() -> Iterator[str]:
    """Memory after more and more records, by the system's count and by Python's own."""
    traffic = Traffic()
    held = []
    for records in (10_000, 100_000, 400_000, MILLION):
        traffic.until(records)
        held.append(f"{records:,}: {resident_bytes() / 1e6:.1f} MB")
    yield f"resident size after records    {', '.join(held)}"
    tracemalloc.start()
    traffic, held = Traffic(), []
    # The sixty minutes are full at 360,000 records; tracing would make the last million too slow.
    for records in (10_000, 50_000, 100_000):
        traffic.until(records)
        held.append(f"{records:,}: {tracemalloc.get_traced_memory()[0] / 1e6:.2f} MB")
    tracemalloc.stop()
    yield f"allocated by Python            {', '.join(held)}"


def quantiles() -> Iterator[str]:
    """The largest error of p50, p95 and p99 of a million values."""
    dice = random.Random(SEED)
    shapes: dict[str, Callable[[], float]] = {
        "lognormal": lambda: dice.lognormvariate(0, 1),
        "two peaks": lambda: abs(dice.gauss(0.2, 0.02)) if dice.random() < 0.9 else abs(dice.gauss(8, 1)),
    }
    for name, draw in shapes.items():
        sketch, values = Latencies(), [draw() for _ in range(MILLION)]
        for value in values:
            sketch.add(value)
        values.sort()
        errors = []
        for q in (0.5, 0.95, 0.99):
            exact = values[round(q * (MILLION - 1))]
            errors.append(abs((sketch.quantile_s(q) or 0.0) / exact - 1))
        shown = ", ".join(f"{error:.2%}" for error in errors)
        yield f"p50, p95, p99 of {name:14}off by {shown} ({verdict(max(errors), 0.01)})"


async def in_flight(requests: int, ask: Callable[[int], object]) -> tuple[float, float]:
    """Send so many requests, sixteen at a time, and return the wall time and the time of this processor, in seconds."""
    numbers = iter(range(requests))

    async def worker() -> None:
        for number in numbers:
            await ask(number)

    wall_s, cpu_s = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def messages(number: int) -> list[dict[str, str]]:
    """A conversation of one message, another for each number."""
    return [{"role": "user", "content": f"{QUESTION} ({number})"}]


async def client(url: str, log: Path, requests: int, rounds: int) -> list[tuple[tuple[float, float], ...]]:
    """Take turns between both, as often as there are rounds, after one of each that opens connections."""
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    headers = {"Authorization": "Bearer any"}
    async with (
        httpx.AsyncClient(limits=limits, timeout=60, headers=headers) as bare,
        SplitClient(SPLITTER, log=log, base_url=url, api_key="any", concurrency=IN_FLIGHT) as ours,
    ):

        async def ask_bare(number: int) -> None:
            body = {"model": "claude-sonnet-4.5", "messages": messages(number), "temperature": 0}
            response = await bare.post(f"{url}/chat/completions", json=body)
            response.raise_for_status()
            response.json()["choices"][0]["message"]["content"]

        async def ask_ours(number: int) -> None:
            await ours.chat(messages(number), unit=f"user-{number}", temperature=0)

        asks = (ask_bare, ask_ours)
        for ask in asks:
            await in_flight(4 * IN_FLIGHT, ask)
        return [tuple([await in_flight(requests, ask) for ask in asks]) for _ in range(rounds)]


def clients(requests: int, rounds: int) -> Iterator[str]:
    """The ratio of wall times, and the processor time per call, at two latencies of the relay."""
    for latency_s, number, bounded in ((0.2, requests, True), (0.02, 4 * requests, False)):
        with RunningRelay(latency=latency_s) as relay, tempfile.TemporaryDirectory() as folder:
            turns = asyncio.run(client(relay.url, Path(folder, "traffic.jsonl"), number, rounds))
        bare, ours = ([turn[which] for turn in turns] for which in (0, 1))
        ratios = [mine[0] / plain[0] for plain, mine in turns]
        ratio, spread = statistics.median(ratios), f"{min(ratios):.3f} to {max(ratios):.3f}"
        told = verdict(ratio, 1.10) if bounded else "no bound"
        yield f"client over bare call, {1000 * latency_s:3.0f} ms  x{ratio:.3f}, {spread} ({told})"
        for name, runs in (("bare", bare), ("ours", ours)):
            wall_s, cpu_s = (statistics.median(run[which] for run in runs) for which in (0, 1))
            ideal_s = number / IN_FLIGHT * latency_s
            yield (
                f"  {name}: {number:,} requests in {wall_s:.2f} s (ideal {ideal_s:.2f} s), "
                f"{1e6 * cpu_s / number:,.0f} us of processor time a call"
            )


def main() -> None:
    """Print a paragraph for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--requests", type=int, default=640, help="of each turn of the client at 200 ms, four times as many at 20 ms"
    )
    parser.add_argument("--rounds", type=int, default=4, help="turns of the client, ours and the bare one each")
    asked = parser.parse_args()
    print(load())
    for part in (rates(), memory(), quantiles(), clients(asked.requests, asked.rounds)):
        print()
        for line in part:
            print(line, flush=True)


if __name__ == "__main__":
    main()
