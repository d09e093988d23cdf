"""Live traffic in four processes with faults, a SIGKILL and a kill switch: do all counts agree?

    python benchmarks/traffic_workers.py [--requests 20000]

Four workers share one log. One request of twenty fails at the treatment, and the control answers it. After a third of
the requests, one worker is killed and started again, and after two thirds the watched file turns the treatment off. The
count and the bill of the relay are then compared with the log, with the report of the grade, and with the sum of all
monitors. The worker is between two batches when it is killed, because only the relay knows of a request in flight.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from measured import RunningRelay, load

from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.reader import read_files
from pytest_graysplit.traffic.monitor.replay import Replay

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
WORKERS, BATCH = 4, 250
PROJECT = f"""
[tool.graysplit.prices]
"{CONTROL}" = {{ input = 1, output = 2 }}
"{TREATMENT}" = {{ input = 1, output = 2 }}
"""
WORKER = """
import asyncio, json, sys
from pytest_graysplit import Split, SplitClient, TrafficSplitter
log, watch, project, url, control, treatment = sys.argv[1:]
splitter = TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5)], salt="workers", version=1)

async def main():
    client = SplitClient(splitter, log=log, watch=watch, project=project, base_url=url, api_key="any", fallback=True,
                         retries=0, breaker=False)
    async with client:
        turn = asyncio.Semaphore(16)
        async def ask(number):
            async with turn:
                fails = " FAIL" if number % 20 == 0 else ""
                messages = [{"role": "user", "content": f"Question {number}{fails}"}]
                await client.chat(messages, unit=f"user-{number % 997}")
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            await asyncio.gather(*map(ask, range(*map(int, line.split()))))
            report = client.monitor.report()
            print(json.dumps({"total": report["total"], "weight": report["arms"][1]["weight"]}), flush=True)

asyncio.run(main())
"""


class Worker:
    """A process that sends batches of requests, and the totals of its monitor after the latest one."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-c", WORKER, *map(str, arguments), CONTROL, TREATMENT]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.totals: dict[str, float] = {}
        self.read()

    def read(self) -> str:
        """Wait for the end of the batch."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        if line.startswith("{"):
            self.totals = json.loads(line)["total"]
        return line

    def send(self, begin: int, end: int) -> None:
        """Begin a batch."""
        print(begin, end, file=self.process.stdin, flush=True)

    def end(self) -> None:
        """Close the input of the worker and wait for it."""
        self.process.communicate(timeout=60)


def write_weights(file: Path, version: int, share: float) -> None:
    """Replace the watched file at once."""
    arms = f'{{ model = "{CONTROL}", weight = {1 - share} }}, {{ model = "{TREATMENT}", weight = {share} }}'
    beside = file.with_suffix(".new")
    beside.write_text(f"[splits.workers]\nversion = {version}\narms = [{arms}]\n", encoding="utf-8")
    beside.replace(file)


def run(requests: int, folder: Path, relay: RunningRelay) -> list[dict[str, float]]:
    """Send all requests, and return the last totals of every worker, also of the killed one."""
    log, watch, project = folder / "traffic.jsonl", folder / "splits.toml", folder / "pyproject.toml"
    project.write_text(PROJECT, encoding="utf-8")
    write_weights(watch, 1, 0.5)
    start = (log, watch, project, relay.url)
    workers, ended = [Worker(*start) for _ in range(WORKERS)], []
    done, killed, stopped = 0, False, False
    while done < requests:
        for worker in workers:
            worker.send(done, done + BATCH)
            done += BATCH
        for worker in workers:
            worker.read()
        if not killed and done >= requests / 3:
            killed = True
            time.sleep(0.2)  # the log's thread writes at once, and the queue is empty then
            workers[0].process.send_signal(signal.SIGKILL)
            workers[0].process.wait()
            ended.append(workers[0].totals)
            workers[0] = Worker(*start)
        if not stopped and done >= 2 * requests / 3:
            stopped = True
            write_weights(watch, 2, 0.0)
    for worker in workers:
        worker.end()
    return [*ended, *(worker.totals for worker in workers)]


def logged(log: Path) -> tuple[int, int, Decimal]:
    """Return the requests of the log, their calls of the relay, and their cost in US dollars."""
    requests, calls, cost_usd = 0, 0, Decimal(0)
    for line in log.read_text(encoding="utf-8").splitlines():
        one = json.loads(line, parse_float=Decimal)
        if one["kind"] == "request":
            replies = [one, *([one["fallback"]] if one.get("fallback") else [])]
            requests += 1
            calls += sum(reply.get("attempts", 1) for reply in replies)
            cost_usd += sum((Decimal(reply.get("cost_usd") or 0) for reply in replies), Decimal(0))
    return requests, calls, cost_usd


def main() -> None:
    """Run the workers, print every count, and exit with 1 if two of them differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    options = parser.parse_args()
    print(load())
    with RunningRelay() as relay, tempfile.TemporaryDirectory(prefix="graysplit-benchmark-") as name:
        relay.control(faults=[{"kind": "500", "model": TREATMENT, "match": "FAIL", "times": None}])
        monitors = run(options.requests, Path(name), relay)
        stats = relay.stats()
        replay = Replay()
        replay.feed(read_files(log_files([Path(name, "traffic.jsonl")], replay.gaps), replay.gaps))
        report = replay.monitor.report()
        requests, calls, cost_usd = logged(Path(name, "traffic.jsonl"))
    billed = Decimal(stats["billed"]["cost_usd"])
    rows = {
        "requests": [options.requests, requests, report["total"]["requests"], sum(one["requests"] for one in monitors)],
        "calls": [stats["total"], calls, report["total"]["attempts"], sum(one["attempts"] for one in monitors)],
        "cost_usd": [f"{billed:.8f}", f"{cost_usd:.8f}", f"{report['total']['cost_usd']:.8f}",
                     f"{sum(one['cost_usd'] for one in monitors):.8f}"],
    }  # fmt: skip
    print(f"{'':10} {'relay':>14} {'log':>14} {'grade':>14} {'monitors':>14}")
    for name, values in rows.items():
        print(f"{name:10} {' '.join(f'{value:>14}' for value in values)}")
    grade = replay.monitor.grade()
    print(f"grade: {grade.verdict}, {grade.reasons[0]}")
    sys.exit(any(len(set(values)) > 1 for values in rows.values()))


if __name__ == "__main__":
    main()
