"""How close a whole live session comes to the ideal: every pair is asked for from a relay that answers after 200 ms.

    python benchmarks/live.py

ideal = requests / in flight x 200 ms; floor = a pytest session of as many parametrized tests that do nothing.
"""

import json
from pathlib import Path

from measured import ARMS, RunningRelay, load, session, suite, verdict

LATENCY_S = 0.2
# Pairs, requests in flight, and the bound on wall / (ideal + floor).
RUNS = ((320, 16, 1.15), (1280, 64, 1.35))


def measure(pairs: int, in_flight: int) -> tuple[float, dict[str, float], int]:
    """Return the wall time in seconds, the reported p50 of each arm, and the requests that the relay saw."""
    with RunningRelay(latency=LATENCY_S) as relay, suite(pairs, asks=True) as folder:
        given = (*ARMS, f"--graysplit-base-url={relay.url}", f"--graysplit-concurrency={in_flight}")
        wall_s = session(folder, *given, "--graysplit-json=results.json")
        arms = json.loads(Path(folder, "results.json").read_text(encoding="utf-8"))["arms"]
        return wall_s, {arm["role"]: arm["latency_s"]["p50"] for arm in arms}, relay.stats()["total"]


def main() -> None:
    """Print a paragraph per run."""
    print(load())
    for pairs, in_flight, bound in RUNS:
        with suite(pairs, asks=False) as folder:
            floor_s = session(folder)
        wall_s, p50, seen = measure(pairs, in_flight)
        ideal_s = 2 * pairs / in_flight * LATENCY_S
        share = wall_s / (ideal_s + floor_s)
        print(
            f"\n{pairs:,} pairs, {in_flight} in flight: wall / (ideal + floor) = {share:.2f} ({verdict(share, bound)})"
        )
        print(f"  wall {wall_s:.2f} s, ideal {ideal_s:.2f} s, floor {floor_s:.2f} s")
        print(f"  requests seen by the relay: {seen:,} (2 a pair: {2 * pairs:,})")
        for role, seconds in p50.items():
            print(f"  p50 of the {role}: {1000 * seconds:.0f} ms, x{seconds / LATENCY_S:.2f} of the relay's 200 ms")


if __name__ == "__main__":
    main()
