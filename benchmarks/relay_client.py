"""How close the bare relay client comes to the ideal: N requests of a known latency, with a fixed number in flight.

    python benchmarks/relay_client.py --requests 2560 --latency 0.2 --concurrency 64

The relay runs in a process of its own on the same machine and takes its share of the processor.
"""

import argparse
import asyncio
import resource
import statistics
import time

from measured import RunningRelay, load

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.relay.stats import RelayStats
from pytest_graysplit.types import Reply


async def measure(url: str, requests: int, concurrency: int) -> tuple[float, list[Reply], RelayStats]:
    """Send the requests and return the wall time in seconds, the replies, and the counts of the relay client."""
    settings = Settings(base_url=url, concurrency=concurrency)
    async with Relay(settings, is_refusal=lambda _: False) as relay:
        await relay.preflight(["deepseek-v3.2"])
        bodies = [
            {"model": "deepseek-v3.2", "messages": [{"role": "user", "content": f"Question {number}, please"}]}
            for number in range(requests)
        ]
        started = time.perf_counter()
        replies = await asyncio.gather(*(relay.ask(Arm.plain("deepseek-v3.2"), body) for body in bodies))
        return time.perf_counter() - started, replies, relay.stats()


def main() -> None:
    """Print one line of numbers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=2560)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--concurrency", type=int, default=64)
    options = parser.parse_args()
    print(load())
    with RunningRelay(latency=options.latency) as server:
        wall_s, replies, stats = asyncio.run(measure(server.url, options.requests, options.concurrency))
        seen = server.stats()
    latencies = [reply.latency_s for reply in replies]
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    ideal_s = options.requests / options.concurrency * options.latency
    p95_s = statistics.quantiles(latencies, n=20)[-1]
    print(f"wall {wall_s:.2f} s (ideal {ideal_s:.2f} s), cpu {cpu.ru_utime + cpu.ru_stime:.2f} s")
    print(f"latency p50 {statistics.median(latencies):.3f} s, p95 {p95_s:.3f} s")
    print(f"outcomes ok {sum(reply.outcome == 'ok' for reply in replies)}, {stats}, peak {seen['peak_in_flight']}")


if __name__ == "__main__":
    main()
