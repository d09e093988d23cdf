"""Load: the number of requests in flight beside each reply, and warnings that it affects the latencies."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.formatting.display import listed, seconds
from pytest_graysplit.stats import rises_p

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_graysplit.types import Reply
    from pytest_graysplit.verdict.results import Results

# The probability of a warning if latency does not depend on the load.
RISES_ALPHA = 1e-4
# The smallest ratio of the latency at high load to that at low load that counts as a rise.
RISES_BY, RISES_BY_A_TOKEN = 1.5, 1.25
# A busy client also delays answers, but by less than this many seconds.
RISES_BY_S = 0.1
FEWEST_LOW = 4
# Larger ratios between the loads of the two models are reported; with fewer replies, a usual load is unknown.
UNLIKE, FEWEST = 2.0, 10


class Loaded(NamedTuple):
    """The replies of one model at low and at high load, and the largest number of requests in flight."""

    low: Sequence[Reply]
    high: Sequence[Reply]
    most: int


def warnings(results: Results) -> Iterator[str]:
    """Yield warnings if the number of requests in flight makes the latencies less trustworthy."""
    replies = {
        f"{arm.role} {arm.name}": [
            one for row in results.rows if arm.arm in row.arms for one in row.arms[arm.arm].answers
        ]
        for arm in results.arms()
    }
    yield from _rising([_loaded(some) for some in replies.values()])
    yield from _unlike({name: [load for one in some if (load := one.in_flight)] for name, some in replies.items()})


def _in_flight(reply: Reply) -> int:
    return reply.in_flight or 0


def _loaded(replies: Sequence[Reply]) -> Loaded:
    """Split the answers at half of the largest number in flight, without those whose latency or load is unknown."""
    known = [reply for reply in replies if reply.outcome != "error" and reply.in_flight and reply.latency_s]
    most = max(map(_in_flight, known), default=0)
    low = [reply for reply in known if 2 * _in_flight(reply) <= most]
    return Loaded(low, [reply for reply in known if 2 * _in_flight(reply) > most], most)


def _rising(arms: Sequence[Loaded]) -> Iterator[str]:
    """Warn of a server that queues requests: the latency rises beyond chance and by at least half.

    Models differ, so each latency is divided by the model's own median at high load, and the ranks are over all models.
    """
    able = [arm for arm in arms if arm.low and len(arm.high) >= FEWEST_LOW]
    if sum(len(arm.low) for arm in able) < FEWEST_LOW:
        return
    loads = [_in_flight(reply) / arm.most for arm in able for reply in (*arm.low, *arm.high)]
    took = [time for arm in able for time in _by_its_own(arm, _latency_s, (*arm.low, *arm.high))]
    if rises_p(loads, took) > RISES_ALPHA or _times(able, _latency_s) < RISES_BY:
        return
    if _times(able, _s_per_token) < RISES_BY_A_TOKEN:
        return  # the answers at low load were shorter
    worst = max(able, key=lambda arm: _times([arm], _latency_s))
    if _median_s(worst.high) - _median_s(worst.low) < RISES_BY_S:
        return
    figures = ", ".join(f"{seconds(_median_s(some))} at {_span(some)}" for some in (worst.low, worst.high))
    yield f"latency rises with the number in flight ({figures}): lower --graysplit-concurrency for a local server"


def _by_its_own(arm: Loaded, figure: Callable[[Reply], float], replies: Sequence[Reply]) -> list[float]:
    usual = median(map(figure, arm.high))
    return [figure(reply) / usual for reply in replies]


def _times(arms: Sequence[Loaded], figure: Callable[[Reply], float]) -> float:
    """Return the ratio of the usual figure at high load to that at low load, over all of these models."""
    return 1 / median(share for arm in arms for share in _by_its_own(arm, figure, arm.low))


def _latency_s(reply: Reply) -> float:
    return reply.latency_s or 0.0


def _s_per_token(reply: Reply) -> float:
    return _latency_s(reply) / max(1, reply.usage.output if reply.usage else 1)


def _median_s(replies: Sequence[Reply]) -> float:
    return median(map(_latency_s, replies))


def _span(replies: Sequence[Reply]) -> str:
    loads = [_in_flight(reply) for reply in replies]
    return f"{min(loads)}" if min(loads) == max(loads) else f"{min(loads)}-{max(loads)}"


def _unlike(loads: dict[str, list[int]]) -> Iterator[str]:
    """Warn if one model was asked under a much higher load than the other."""
    usual = {name: median(some) for name, some in loads.items() if len(some) >= FEWEST}
    if usual and max(usual.values()) > UNLIKE * min(usual.values()):
        loads_shown = listed([f"{name} with {load:g} in flight" for name, load in usual.items()])
        yield (
            f"the models were asked under different loads, {loads_shown}: "
            "part of the difference in latency comes from the load, --graysplit-record=all measures both again"
        )
