"""The cost of a replay: 2,000 recorded pairs against 2,000 parametrized tests that do nothing.

    python benchmarks/replay.py

Both sessions run three times, in turns, and the best time of each counts.
"""

from measured import ARMS, RunningRelay, load, session, suite, verdict

PAIRS = 2000
ROUNDS = 3
BOUND = 1.3


def main() -> None:
    """Print the ratio."""
    print(load())
    with suite(PAIRS, asks=True) as asking, suite(PAIRS, asks=False) as idle:
        with RunningRelay() as relay:
            session(asking, *ARMS, f"--graysplit-base-url={relay.url}", "--graysplit-concurrency=64")
        replays_s, floors_s = [], []
        for _ in range(ROUNDS):
            replays_s.append(session(asking, *ARMS, "--graysplit-record=none"))
            floors_s.append(session(idle))
    share = min(replays_s) / min(floors_s)
    print(f"\n{PAIRS:,} recorded pairs: replay / floor = {share:.2f} ({verdict(share, BOUND)})")
    print(f"  replay {min(replays_s):.2f} s, floor {min(floors_s):.2f} s, best of {ROUNDS} each")


if __name__ == "__main__":
    main()
