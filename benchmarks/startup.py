"""The cost of the plugin if it is installed but not used: pytest on an empty suite, with it and without.

    python benchmarks/startup.py

Sessions run in turns, and the median of the differences counts. Below it are the heavy modules that the unused plugin
imports.
"""

import statistics
import subprocess
import sys
from pathlib import Path

from measured import ALONE, load, session, suite, verdict

ROUNDS = 60
BOUND_MS = 15
HEAVY = ("asyncio", "h11", "jsonschema", "msgspec", "rapidfuzz", "ssl", "yaml")
IMPORTED = f"""\
import sys, pytest
pytest.main(sys.argv[1:])
print(*(name for name in {HEAVY!r} if name in sys.modules))
"""


def imported(folder: Path, *arguments: str) -> set[str]:
    """Return which of the heavy modules a session with one ordinary test has imported."""
    command = [sys.executable, "-c", IMPORTED, "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def main() -> None:
    """Print the difference, and the modules."""
    print(load())
    with suite(0, asks=False) as folder:
        session(folder)  # compiles modules that were never imported before
        pairs = [(session(folder), session(folder, "-pno:graysplit")) for _ in range(ROUNDS)]
    added_ms = [1000 * (with_it - without) for with_it, without in pairs]
    median_ms, without_ms = statistics.median(added_ms), 1000 * statistics.median(without for _, without in pairs)
    quarters = statistics.quantiles(added_ms, n=4)
    print(f"\nunused, on an empty suite: {median_ms:+.1f} ms of {without_ms:.0f} ms ({verdict(median_ms, BOUND_MS)})")
    print(f"  median of {ROUNDS} differences, half of them from {quarters[0]:+.1f} to {quarters[2]:+.1f} ms")
    with suite(1, asks=False) as folder:
        own = imported(folder, *ALONE) - imported(folder, *ALONE, "-pno:graysplit")
    print(f"  imported because of it, of {', '.join(HEAVY)}: {', '.join(sorted(own)) or 'none'}")


if __name__ == "__main__":
    main()
