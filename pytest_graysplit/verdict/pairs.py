"""The cases that both arms were judged on, as numbers: what the rows of a comparison are computed from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.policy import SEED
from pytest_graysplit.results import CONTROL
from pytest_graysplit.types import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.results import CaseRow, Results
    from pytest_graysplit.types import Reply

_TROUBLED = frozenset({"error", "refusal", "filtered"})


class Both(NamedTuple):
    """One figure of the control and of the treatment."""

    control: float
    treatment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case on both arms; figures are means over the case's replies, None where either arm has none.

    `passed` and `troubled` (errors and refusals) are shares of the replies, `deficit` is how much less the treatment
    is like the control than the control is like itself. `latency_s` compares what was measured side by side, and is
    None where both arms have latencies that are `apart`; `wait_s` is the treatment's own mean, whenever measured.
    """

    name: str
    cluster: str
    tags: tuple[str, ...]
    passed: Both
    troubled: Both
    latency_s: Both | None
    cost_usd: Both | None
    deficit: float | None
    apart: bool = False
    wait_s: float | None = None

    @property
    def difference(self) -> float:
        """Pass share of the treatment minus that of the control, from -1 to 1."""
        return self.passed.treatment - self.passed.control


def order_of(key: Iterable[str]) -> bytes:
    """Return a case's place in the seeded random order; `key` is its file, its id and the hash of its request.

    In that order no early part is of one kind, and a case that is added or removed moves no other.
    """
    return hashlib.sha256("\0".join((str(SEED), *key)).encode("utf-8", "backslashreplace")).digest()


def pairs_of(results: Results, treatment: str) -> tuple[Pair, ...]:
    """Return every case that both arms were judged on, in the seeded random order."""
    judged = [
        row
        for row in results.rows
        if all(arm in row.arms and row.arms[arm].judged and row.arms[arm].replies for arm in (CONTROL, treatment))
    ]
    return tuple(_pair(row, treatment) for row in sorted(judged, key=lambda row: order_of(row.key)))


def clusters_of(pairs: Sequence[Pair]) -> list[str] | None:
    """Return each pair's cluster where any two pairs share one, else None: every case stands for itself."""
    clusters = [pair.cluster for pair in pairs]
    return clusters if len(set(clusters)) < len(clusters) else None


def _pair(row: CaseRow, treatment: str) -> Pair:
    arms = row.arms[CONTROL], row.arms[treatment]
    comparison = row.comparisons.get(treatment)
    deficit = None
    if comparison is not None and comparison.similarity is not None and comparison.self_similarity is not None:
        deficit = comparison.self_similarity - comparison.similarity
    timed = [[reply for reply in arm.replies if reply.latency_s is not None] for arm in arms]
    near = _near(*timed), _near(*reversed(timed))
    return Pair(
        name=row.name,
        cluster=f"cluster {row.case.cluster}" if row.case.cluster else f"case {row.key}",
        tags=row.case.tags,
        passed=Both(*(arm.pass_share for arm in arms)),
        troubled=Both(*(fmean(reply.outcome in _TROUBLED for reply in arm.replies) for arm in arms)),
        latency_s=_both([_latency_s(replies) for replies in near]),
        cost_usd=_both([_cost_usd(arm.replies) for arm in arms]),
        deficit=deficit,
        apart=all(timed) and not all(near),
        wait_s=_latency_s(timed[1]),
    )


def _both(figures: Sequence[float | None]) -> Both | None:
    control, treatment = figures
    return None if control is None or treatment is None else Both(control, treatment)


def _near(replies: Sequence[Reply], others: Sequence[Reply]) -> list[Reply]:
    """Return the replies that any of the other arm's was measured side by side with, as far as is known."""
    return [reply for reply in replies if any(side_by_side(reply, other) is not False for other in others)]


def _latency_s(replies: Sequence[Reply]) -> float | None:
    measured = [reply.latency_s for reply in replies if reply.latency_s is not None]
    return fmean(measured) if measured else None


def _cost_usd(replies: Sequence[Reply]) -> float | None:
    """Return the mean cost of a reply; a failed call without a price cost nothing, an answer without one is unknown."""
    if any(reply.cost_usd is None and reply.outcome != "error" for reply in replies):
        return None
    return float(sum((reply.cost_usd for reply in replies if reply.cost_usd is not None), Decimal(0)) / len(replies))
