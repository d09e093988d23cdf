"""How a run of 1,000 requests handles 20% random faults of every kind that the loopback relay knows.

    python benchmarks/faults.py --requests 1000 --share 0.2 --seed 1

Each request gets an outcome, no answer belongs to another request, and the process stays small. Half of the faults
pass after one attempt; the other half stay. Kinds that rightly end a run, such as a refused key, are left out.
"""

import argparse
import asyncio
import resource
import sys
import time
from collections import Counter, defaultdict
from random import Random

from measured import RunningRelay, load
from relay_server.faults import FAULTS, STATUS_MESSAGES

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.replies.refusals import is_refusal
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.types import Reply

MODEL = "deepseek-v3.2"
# A key that is refused, a balance that is used up: one message ends the run. `text` says what a test tells it to.
ENDS_A_RUN = {"401", "402", "403", "404", "quota", "text"}
KINDS = sorted({*FAULTS, *map(str, STATUS_MESSAGES)} - ENDS_A_RUN)
# A call of a tool has no text.
WITHOUT_TEXT = {"tool", "nested"}
LIMIT_MB = 150


def question(number: int) -> str:
    """Return a prompt that is not contained in any other."""
    return f"Question {number}, please"


def chosen(requests: int, share: float, random: Random) -> dict[int, dict[str, object]]:
    """Assign faults to a share of the requests: every kind in turn, in a random order."""
    numbers = random.sample(range(requests), round(requests * share))
    kinds = [KINDS[place % len(KINDS)] for place in range(len(numbers))]
    random.shuffle(kinds)
    return {
        number: {"kind": kind, "match": question(number), "times": random.choice((1, None)), "cost": "0.001"}
        for number, kind in zip(numbers, kinds, strict=True)
    }


async def ask_all(url: str, requests: int, timeout_s: float) -> list[Reply | BaseException]:
    """Send all and return the replies in order; an exception takes the place of its reply."""
    settings = Settings(base_url=url, concurrency=16, timeout_s=timeout_s)
    async with Relay(settings, is_refusal=is_refusal) as relay:
        await relay.preflight([MODEL])
        bodies = [
            {"model": MODEL, "messages": [{"role": "user", "content": question(number)}]} for number in range(requests)
        ]
        return await asyncio.gather(*(relay.ask(Arm.plain(MODEL), body) for body in bodies), return_exceptions=True)


def is_wrong(number: int, kind: str, reply: Reply | BaseException) -> bool:
    """Tell whether a reply passes as an answer and is not the one to its question."""
    if not isinstance(reply, Reply) or reply.outcome != "ok":
        return False
    expected = "" if kind in WITHOUT_TEXT else f"Answer of {MODEL} to: {question(number)}"
    return reply.text != expected and not (kind in WITHOUT_TEXT and reply.text)


def outcome_of(reply: Reply | BaseException) -> str:
    """Return the outcome of a request, in one word."""
    if isinstance(reply, GraysplitError):
        return f"raised {reply.slug}"
    return reply.outcome if isinstance(reply, Reply) else f"raised {type(reply).__name__}"


def main() -> None:
    """Print the outcomes of each kind, and whether the bounds hold; exit with 1 if they do not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=3.0, help="seconds for each attempt; a hang lasts as long")
    options = parser.parse_args()
    print(load())
    faults = chosen(options.requests, options.share, Random(options.seed))
    with RunningRelay(latency=0.02) as server:
        server.control(faults=list(faults.values()))
        started = time.perf_counter()
        replies = asyncio.run(ask_all(server.url, options.requests, options.timeout))
    wall_s = time.perf_counter() - started
    kinds = {number: str(faults[number]["kind"]) if number in faults else "no fault" for number in range(len(replies))}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for number, reply in enumerate(replies):
        table[kinds[number]][outcome_of(reply)] += 1
    for kind, outcomes in sorted(table.items()):
        print(f"{kind:<14} {', '.join(f'{outcome} {count}' for outcome, count in outcomes.most_common())}")
    wrong = [number for number, reply in enumerate(replies) if is_wrong(number, kinds[number], reply)]
    raised = sum(not isinstance(reply, Reply) for reply in replies)
    lost = sum(kinds[number] == "no fault" and outcome_of(reply) != "ok" for number, reply in enumerate(replies))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in kB
    print(f"{len(replies) - raised} of {options.requests} have an outcome, {len(wrong)} wrong, {wall_s:.1f} s")
    print(f"{lost} without a fault of their own have no answer; peak {peak_mb:.0f} MB of {LIMIT_MB}")
    for number in wrong[:5]:
        print(f"wrong, {kinds[number]}: {question(number)!r} -> {getattr(replies[number], 'text', '')[:80]!r}")
    sys.exit(bool(raised or wrong or lost or peak_mb > LIMIT_MB))


if __name__ == "__main__":
    main()
