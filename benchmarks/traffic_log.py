"""The cost of reading a traffic log, in units of a plain `json.loads` of its lines, and of a line for the application.

    python benchmarks/traffic_log.py [--lines 200000]

Half of the prompts are distinct, and a quarter have an order number and an e-mail address. Each command runs in a
process of its own, so that its peak of memory is its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from measured import load

from pytest_graysplit import Split, TrafficSplitter
from pytest_graysplit.traffic.log.records import RequestRecord
from pytest_graysplit.traffic.log.writer import TrafficLog
from pytest_graysplit.traffic.monitor.request_id import new_id

SPLITTER = TrafficSplitter([Split("claude-sonnet-4.5", 0.5), Split("deepseek-v3.2", 0.5)], salt="benchmark")
SEED = 20_261_130
SYSTEM = "You are a helpful assistant of a parcel service. Answer in two sentences. " * 2
RUN = """
import resource, sys, time
from pytest_graysplit.cli import main
began = time.process_time()
main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(time.process_time() - began, peak / 1024)
"""


def requests(lines: int) -> Iterator[RequestRecord]:
    """Yield the requests of the log."""
    dice = Random(SEED)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(3000)]
    prompts = [" ".join(dice.choices(words, k=60)) for _ in range(lines // 2)]
    for number in range(lines):
        unit = f"user-{dice.randrange(lines // 3)}"
        one = SPLITTER.assign(unit)
        personal = f" order {number}, mail to bob{number % 50}@example.com" if number % 4 == 0 else ""
        yield RequestRecord(
            new_id(SPLITTER.identity, one.index, number % 4096),
            f"2026-11-26T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}.000Z",
            SPLITTER.identity,
            one.arm,
            one.model,
            "ok",
            unit=SPLITTER.key(unit).hex(),
            latency_s=0.5,
            messages=(
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": dice.choice(prompts) + personal},
            ),
            params={"temperature": 0},
            text=" ".join(dice.choices(words, k=80)),
        )


def written(path: Path, lines: int) -> float:
    """Write the log; return the seconds per line that the application waits."""
    waited_s = 0.0
    with TrafficLog(path, splitter=SPLITTER, clock=time.time, max_bytes=10**12) as log:
        for number, record in enumerate(requests(lines)):
            began_s = time.perf_counter()
            log.write(record)
            waited_s += time.perf_counter() - began_s
            if number % 1000 == 0:
                log.flush()
    return waited_s / lines


def parsed_s(path: Path) -> float:
    """Return the processor time of a loop that only parses the lines."""
    began_s = time.process_time()
    with path.open("rb") as file:
        for line in file:
            json.loads(line)
    return time.process_time() - began_s


def main() -> None:
    """Print each command beside the loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    lines = parser.parse_args().lines
    print(f"load {load()}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "traffic.jsonl")
        print(f"write: {1e6 * written(path, lines):.1f} us per line in the thread of the application")
        plain_s = parsed_s(path)
        print(f"json.loads of {lines:,} lines, {path.stat().st_size / 1e6:.0f} MB: {plain_s:.1f} s of processor time")
        for command in (["grade"], ["cases", "from-traffic"]):
            arguments = [sys.executable, "-c", RUN, *command, path.name]
            done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=True)
            took_s, peak_mb = map(float, done.stdout.splitlines()[-1].split())
            print(f"{' '.join(command)}: {took_s:.1f} s, {took_s / plain_s:.1f} x json.loads, {peak_mb:.0f} MB")


if __name__ == "__main__":
    main()
