"""The cases that both arms were judged on, as numbers: what the rows of a comparison are computed from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.config.policy import SEED
from pytest_graysplit.types import side_by_side
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_graysplit.types import Comparison, PairScore, Reply
    from pytest_graysplit.verdict.results import ArmResult, CaseRow, Results

# The guard that compares tool calls: another call is another deed, and never noise.
CALLS_CHANGED = "tool-changed"
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
    `flagged` is the share of its pairs of answers that carry a guard's flag, the control's among its own answers; None
    without a second one. `missed` says in few words what the treatment missed, and `asserted` whether anything about
    the answers could have failed.
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
    similarity: float | None = None
    flagged: Both | None = None
    calls_changed: bool = False
    missed: str = ""
    must_pass: bool = False
    asserted: bool = False

    @property
    def is_evidence(self) -> bool:
        """Whether the pass rate may count it: what could not fail shows nothing by having passed."""
        return self.asserted or self.passed != (1, 1)

    @property
    def difference(self) -> float:
        """Pass share of the treatment minus that of the control, from -1 to 1."""
        return self.passed.treatment - self.passed.control


def order_of(key: Iterable[str], cluster: str | None = None) -> bytes:
    """Return a case's place in the seeded random order; `key` is its file, its id and the hash of its request.

    In that order no early part is of one kind, and a case that is added or removed moves no other. The cases of a
    cluster stand together, because they are one piece of evidence, which is complete with the last of them.
    """
    key = tuple(key)
    return _digest(("cluster", cluster) if cluster else key) + _digest(key)


def _digest(parts: Iterable[str]) -> bytes:
    return hashlib.sha256("\0".join((str(SEED), *parts)).encode("utf-8", "backslashreplace")).digest()


def pairs_of(results: Results, treatment: str) -> tuple[Pair, ...]:
    """Return every case that both arms were judged on, in the seeded random order."""
    judged = [
        row
        for row in results.rows
        if all(arm in row.arms and row.arms[arm].judged and row.arms[arm].replies for arm in (CONTROL, treatment))
    ]
    return tuple(_pair(row, treatment) for row in sorted(judged, key=lambda row: order_of(row.key, row.case.cluster)))


def clusters_of(pairs: Sequence[Pair]) -> list[str] | None:
    """Return each pair's cluster where any two pairs share one, else None: every case stands for itself."""
    clusters = [pair.cluster for pair in pairs]
    return clusters if len(set(clusters)) < len(clusters) else None


def _pair(row: CaseRow, treatment: str) -> Pair:
    arms = row.arms[CONTROL], row.arms[treatment]
    comparison = row.comparisons.get(treatment)
    # A time of 0 was not measured: no ratio can take it, and a row that left it out would count it in its n.
    timed = [[reply for reply in arm.replies if reply.latency_s] for arm in arms]
    near = _near(*timed), _near(*reversed(timed))
    return Pair(
        name=row.name,
        cluster=f"cluster {row.case.cluster}" if row.case.cluster else f"case {row.key}",
        tags=row.case.tags,
        passed=Both(*(arm.pass_share for arm in arms)),
        troubled=Both(*(fmean(reply.outcome in _TROUBLED for reply in arm.replies) for arm in arms)),
        latency_s=_both([_latency_s(replies) for replies in near]),
        cost_usd=_both([_cost_usd(arm.replies) for arm in arms]),
        deficit=_deficit(comparison),
        apart=all(timed) and not all(near),
        wait_s=_latency_s(timed[1]),
        similarity=None if comparison is None else comparison.similarity,
        flagged=_flagged(comparison),
        calls_changed=comparison is not None and any(flag.name == CALLS_CHANGED for flag in comparison.flags),
        missed=_missed(arms[1]),
        must_pass=row.case.must_pass,
        asserted=row.asserted,
    )


def _deficit(comparison: Comparison | None) -> float | None:
    if comparison is None or comparison.similarity is None or comparison.self_similarity is None:
        return None
    return comparison.self_similarity - comparison.similarity


def _flagged(comparison: Comparison | None) -> Both | None:
    """Return how often the guards flag the control against itself, and the treatment against the control."""
    if comparison is None or not comparison.pairs or not comparison.self_pairs:
        return None
    return Both(*(fmean(_is_flagged(pair) for pair in some) for some in (comparison.self_pairs, comparison.pairs)))


def _is_flagged(pair: PairScore) -> bool:
    return any(flag.name != CALLS_CHANGED for flag in pair.flags)


def _missed(arm: ArmResult) -> str:
    """Return the kind of the arm's first miss; for an answer that is not one, how it came out."""
    kinds = [miss.slug.removeprefix("outcome-") if miss.kind == "outcome" else miss.kind for miss in arm.misses]
    return kinds[0] if kinds else ""


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
