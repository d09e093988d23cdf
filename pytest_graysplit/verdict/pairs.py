"""Pairs: the cases that both arms were judged on, as the numbers from which criteria are computed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
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

# The guard that compares tool calls; another call changes the effect, so it is never noise.
CALLS_CHANGED = "tool-changed"
_FAILED = frozenset({"error", "refusal", "filtered"})


class PairedValue(NamedTuple):
    """One figure of the control and of the treatment."""

    control: float
    treatment: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One case on both arms; figures are means over the case's replies, None if either arm has none.

    The latency of a conversation is the mean over its answers, and its cost is their sum.

    `passed` and `failed` (errors and refusals) are shares of the replies. `shortfall` is the similarity of the control
    to itself minus that of the treatment to the control. `latency_s` compares replies that were measured side by side;
    it is None if the latencies of both arms are `apart`. `wait_s` is the treatment's own mean, whenever it was
    measured. `flagged` is the share of the treatment's pairs of answers with a flag of a guard, and the same for the
    control among its own answers; None if the control has only one. `missed` is the kind of the treatment's first
    failed expectation. `asserted` tells whether any check of the answers could have failed.
    `checked` are the shares of the replies that passed everything but the rubric; None if no judge decides a pass.
    `calls` are the calls of the model in a run of an application; None for any other case.
    """

    name: str
    cluster: str
    tags: tuple[str, ...]
    passed: PairedValue
    failed: PairedValue
    latency_s: PairedValue | None
    cost_usd: PairedValue | None
    shortfall: float | None
    apart: bool = False
    wait_s: float | None = None
    similarity: float | None = None
    flagged: PairedValue | None = None
    calls_changed: bool = False
    missed: str = ""
    must_pass: bool = False
    asserted: bool = False
    checked: PairedValue | None = None
    calls: PairedValue | None = None

    @property
    def is_evidence(self) -> bool:
        """Whether the pass rate counts the pair: passing shows nothing if nothing could fail."""
        return self.asserted or self.passed != (1, 1)

    @property
    def difference(self) -> float:
        """Pass share of the treatment minus that of the control, from -1 to 1."""
        return self.passed.treatment - self.passed.control


def order_of(key: Iterable[str], cluster: str | None = None) -> bytes:
    """Return a case's position in the seeded random order; `key` is its file, its id and the hash of its request.

    The order mixes cases of all kinds, and adding or removing a case does not move the others. The cases of a cluster
    are neighbours, because together they are one piece of evidence.
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


def unseen_losses(results: Results, treatment: str) -> tuple[Pair, ...]:
    """Return the cases that the treatment failed, and whose control lacks a judge's verdict, as if the control passed.

    They are not judged on both models, so they are in no rate; if they were many, a promotion would overlook a loss.
    """
    lost = []
    for row in results.rows:
        control, other = row.arms.get(CONTROL), row.arms.get(treatment)
        if control is None or other is None or not (control.lacks_verdict and control.replies and other.replies):
            continue
        if not other.lacks_verdict and not other.unasked and not other.bug and other.known_share < 1:
            passed = PairedValue(1.0, other.known_share)
            lost.append(replace(_pair(row, treatment), passed=passed))
    return tuple(lost)


def clusters_of(pairs: Sequence[Pair]) -> list[str] | None:
    """Return each pair's cluster if any two pairs share one, else None."""
    clusters = [pair.cluster for pair in pairs]
    return clusters if len(set(clusters)) < len(clusters) else None


def _pair(row: CaseRow, treatment: str) -> Pair:
    arms = row.arms[CONTROL], row.arms[treatment]
    comparison = row.comparisons.get(treatment)
    reached = min(max((len(reply.turns) for reply in arm.replies), default=0) for arm in arms)
    # A time of 0 was not measured: a ratio cannot use it, and n must not count it. A turn that only one arm has reached
    # is left out.
    timed = [[one for one in arm.answers if one.latency_s and (one.turn or 0) < reached] for arm in arms]
    near = _near(*timed), _near(*reversed(timed))
    return Pair(
        name=row.name,
        cluster=f"cluster {row.case.cluster}" if row.case.cluster else f"case {row.key}",
        tags=row.case.tags,
        passed=PairedValue(*(arm.pass_share for arm in arms)),
        failed=PairedValue(*(fmean(reply.outcome in _FAILED for reply in arm.replies) for arm in arms)),
        latency_s=_both([_latency_s(replies) for replies in near]),
        cost_usd=_both([_cost_usd(arm.replies) for arm in arms]),
        shortfall=_shortfall(comparison),
        apart=all(timed) and not all(near),
        wait_s=_latency_s(timed[1]),
        similarity=None if comparison is None else comparison.similarity,
        flagged=_flagged(comparison),
        calls_changed=comparison is not None and any(flag.name == CALLS_CHANGED for flag in comparison.flags),
        missed=_missed(arms[1]),
        must_pass=row.case.must_pass,
        asserted=row.asserted,
        checked=PairedValue(*map(_checks_share, arms)) if row.case.rubric else None,
        calls=_both([arm.calls_per_run for arm in arms]),
    )


def _checks_share(arm: ArmResult) -> float:
    """Return the share of an arm's answers that the judge could pass; all of them if that is not known."""
    return 1.0 if arm.checks_share is None else arm.checks_share


def _shortfall(comparison: Comparison | None) -> float | None:
    if comparison is None or comparison.similarity is None or comparison.self_similarity is None:
        return None
    return comparison.self_similarity - comparison.similarity


def _flagged(comparison: Comparison | None) -> PairedValue | None:
    """Return how often the guards flag the control against itself, and the treatment against the control."""
    if comparison is None or not comparison.pairs or not comparison.self_pairs:
        return None
    return PairedValue(
        *(fmean(_is_flagged(pair) for pair in some) for some in (comparison.self_pairs, comparison.pairs))
    )


def _is_flagged(pair: PairScore) -> bool:
    return any(flag.name != CALLS_CHANGED for flag in pair.flags)


def _missed(arm: ArmResult) -> str:
    """Return the kind of the arm's first failed expectation, or the outcome if the reply is not an answer."""
    kinds = [miss.slug.removeprefix("outcome-") if miss.kind == "outcome" else miss.kind for miss in arm.misses]
    return kinds[0] if kinds else ""


def _both(figures: Sequence[float | None]) -> PairedValue | None:
    control, treatment = figures
    return None if control is None or treatment is None else PairedValue(control, treatment)


def _near(replies: Sequence[Reply], others: Sequence[Reply]) -> list[Reply]:
    """Return the replies that were measured side by side with a reply of the other arm, or may have been."""
    return [reply for reply in replies if any(side_by_side(reply, other) is not False for other in others)]


def _latency_s(replies: Sequence[Reply]) -> float | None:
    measured = [reply.latency_s for reply in replies if reply.latency_s is not None]
    return fmean(measured) if measured else None


def _cost_usd(replies: Sequence[Reply]) -> float | None:
    """Return the mean cost of a reply; a failed call without a price counts as 0, an answer without one is unknown."""
    answers = [answer for reply in replies for answer in reply.turns]
    if any(answer.cost_usd is None and answer.outcome != "error" for answer in answers):
        return None
    return float(sum((answer.cost_usd for answer in answers if answer.cost_usd is not None), Decimal(0)) / len(replies))
