"""Rows of shares and scores from -1 to 1: pass rates, what is kept of the passes, errors, flags and similarity."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.config.policy import GUARDS, RETENTION, TAG
from pytest_graysplit.verdict.criteria import Criterion, at_least, at_most, criterion_of, t_method
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.pairs import Pair

FAIL_ALPHA = 0.05
# How often a treatment that is worse by the whole margin may be promoted, over what a bound may err: 6% at 5%.
SIZE_OVER_ALPHA = 1.2
# Sums of thirds and tenths miss a whole number by less than this.
_NOISE = 1e-9


def pass_rate_rows(name: str, pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the difference of pass rates over some pairs, treatment minus control."""
    if pairs:
        differences, clusters = [pair.difference for pair in pairs], clusters_of(pairs)
        row, _, below_p = _difference(name, differences, clusters, -policy.margin, policy.confidence)
        held = at_least(row, -policy.margin, below_p)
        yield _doubted(held) if _is_lucky(differences, clusters, policy.margin, policy.alpha) else held


def retention_rows(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the share of the control's passes that the treatment keeps: a loss of 5 points is half of a rate of 10%."""
    clusters = clusters_of(pairs)
    kept, passed = [pair.passed.treatment for pair in pairs], [pair.passed.control for pair in pairs]
    found = (
        _clustered_retention(kept, passed, clusters, policy) if clusters else _paired_retention(kept, passed, policy)
    )
    if found is not None:
        row, _, below_p = found
        held = at_least(row, policy.bounds[RETENTION], below_p)
        yield _doubted(held) if _is_lucky_retention(pairs, clusters, policy) else held


def _paired_retention(kept: Sequence[float], passed: Sequence[float], policy: Policy) -> Compared | None:
    if (interval := stats.retention(kept, passed, policy.confidence)) is None:
        return None
    above_p = stats.retention_p(kept, passed, policy.bounds[RETENTION])
    return Compared(criterion_of(RETENTION, interval, len(kept), "score of the ratio, paired"), above_p, 1 - above_p)


def _clustered_retention(
    kept: Sequence[float], passed: Sequence[float], clusters: Sequence[str], policy: Policy
) -> Compared | None:
    """Compare by the delta method, clustered; never more sharply than as many cases as clusters that all agree."""
    if (interval := stats.ratio_of_sums(kept, passed, policy.confidence, clusters)) is None:
        return None
    alike, bound = [1.0] * max(1, math.floor(len(set(clusters)) * fmean(passed))), policy.bounds[RETENTION]
    floor = stats.retention(alike, alike, policy.confidence)
    assert floor is not None  # noqa: S101  # they pass
    row = criterion_of(RETENTION, interval, len(kept), "delta method on the log ratio, clustered")
    row = replace(row, low=min(row.low, row.estimate * floor.low), high=max(row.high, row.estimate * floor.high))
    coarse_p = stats.retention_p(alike, alike, bound / row.estimate)
    fine_p = stats.ratio_of_sums_p(kept, passed, bound, clusters)
    return Compared(row, max(fine_p, coarse_p), max(1 - fine_p, 1 - coarse_p))


def _is_lucky_retention(pairs: Sequence[Pair], clusters: Sequence[str] | None, policy: Policy) -> bool:
    """Tell the same of the passes that are kept: of 11 passes none is lost in 8.6% of runs that lose a fifth."""
    arms = [[pair.passed[arm] for pair in pairs] for arm in (0, 1)]
    control, treatment = (_means_of(arm, clusters) if clusters else arm for arm in arms)
    gains = [kept - passed for kept, passed in zip(treatment, control, strict=True)]
    won, lost = (math.fsum(max(0.0, sign * gain) for gain in gains) for sign in (1, -1))
    if won >= 1 - _NOISE:
        return False
    passes = math.floor(math.fsum(control) + _NOISE)
    lost_p = stats.binomial_budget_p(min(passes, math.ceil(lost - _NOISE)), passes, 1 - policy.bounds[RETENTION])
    return lost_p > SIZE_OVER_ALPHA * policy.alpha


def error_rows(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield how many more errors, refusals and filtered answers the treatment has."""
    if pairs:
        more = [pair.troubled.treatment - pair.troubled.control for pair in pairs]
        yield _at_most_more("errors", more, clusters_of(pairs), policy)


def deficit_rows(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield how much less the treatment is like the control than the control is like itself."""
    measured = [pair for pair in pairs if pair.deficit is not None]
    if deficits := [pair.deficit for pair in measured if pair.deficit is not None]:
        yield _at_most_more("similarity_deficit", deficits, clusters_of(measured), policy)


def _at_most_more(name: str, differences: Sequence[float], clusters: Sequence[str] | None, policy: Policy) -> Criterion:
    """Hold a difference of which more is worse: what a pass rate is, seen in a mirror."""
    bound = policy.bounds[name]
    row, above_p, _ = _difference(name, differences, clusters, bound, policy.confidence)
    held, mirrored = at_most(row, bound, above_p), [-difference for difference in differences]
    return _doubted(held) if _is_lucky(mirrored, clusters, bound, policy.alpha) else held


def _doubted(row: Criterion) -> Criterion:
    return replace(row, state="inconclusive") if row.state == "pass" else row


def _is_lucky(differences: Sequence[float], clusters: Sequence[str] | None, margin: float, alpha: float) -> bool:
    """Tell whether a treatment worse by the whole margin would look as good in more than 6% of such runs.

    Where the treatment alone passes nothing, Tango's interval is a little too sure of itself for a few sizes (52 to 54
    cases without a miss: up to 6.9%, counted exactly). The exact binomial of the cases lost keeps it below 6%.
    Shares add up: two halves lost are one case lost, and gains that do not add up to a case are not a win. A cluster
    counts as one case. Where a bound may err less than 5%, so may this.
    """
    cases = _means_of(differences, clusters) if clusters else differences
    won, lost = (math.fsum(max(0.0, sign * case) for case in cases) for sign in (1, -1))
    if not 0 < margin < 1 or won >= 1 - _NOISE:
        return False
    return stats.binomial_budget_p(math.ceil(lost - _NOISE), len(cases), margin) > SIZE_OVER_ALPHA * alpha


def _means_of(differences: Sequence[float], clusters: Sequence[str]) -> list[float]:
    groups: dict[str, list[float]] = {}
    for difference, cluster in zip(differences, clusters, strict=True):
        groups.setdefault(cluster, []).append(difference)
    return [fmean(group) for group in groups.values()]


def guard_rows(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield how much more often the guards flag the treatment than the control against itself."""
    flagged = [pair for pair in pairs if pair.flagged is not None]
    if flagged:
        more = [pair.flagged.treatment - pair.flagged.control for pair in flagged if pair.flagged is not None]
        row, above_p, _ = _difference(GUARDS, more, clusters_of(flagged), 0.0, policy.confidence)
        yield at_most(row, 0.0, above_p)


class Compared(NamedTuple):
    """A mean difference, and the p values of "it is at most the bound" and of "it is at least the bound"."""

    row: Criterion
    above_p: float
    below_p: float


def _difference(
    name: str, differences: Sequence[float], clusters: Sequence[str] | None, bound: float, confidence: float
) -> Compared:
    """Compare differences from -1 to 1: whole passes by Tango's score interval, shares by the ordinal one."""
    if clusters is not None:
        return _clustered_difference(name, differences, clusters, bound, confidence)
    n, better, worse = len(differences), differences.count(1), differences.count(-1)
    if better + worse + differences.count(0) == n:
        above_p = stats.tango_p(better, worse, n, bound)
        row = criterion_of(name, stats.tango(better, worse, n, confidence), n, "Tango score, paired")
        return Compared(row, above_p, 1 - above_p)
    above_p = stats.ordinal_tango_p(differences, bound)
    row = criterion_of(name, stats.ordinal_tango(differences, confidence), n, "ordinal Tango score, paired")
    return Compared(row, above_p, 1 - above_p)


def _clustered_difference(
    name: str, differences: Sequence[float], clusters: Sequence[str], bound: float, confidence: float
) -> Compared:
    """Compare means by a clustered t; never more sharply than Tango's interval without a discordant cluster.

    In a small sample that agrees nothing varies, and t alone would be certain of it.
    """
    interval = stats.t_interval(differences, confidence, clusters)
    assert interval is not None  # noqa: S101  # there are pairs
    half = stats.tango(0, 0, len(set(clusters)), confidence).high
    row = criterion_of(name, interval, len(differences), t_method(clusters))
    row = replace(row, low=max(-1, min(row.low, row.estimate - half)), high=min(1, max(row.high, row.estimate + half)))
    coarse_p = NormalDist(row.estimate, half / NormalDist().inv_cdf((1 + confidence) / 2)).cdf(bound)
    fine_p = stats.t_p(differences, bound, clusters=clusters)
    return Compared(row, max(fine_p, coarse_p), max(1 - fine_p, 1 - coarse_p))


def tag_rows(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the pass rate of each tag; one that nobody declared critical fails only by Holm's correction over all.

    Among many tags one looks bad by chance, and a reader would look at just that one.
    """
    tags = sorted({tag for pair in pairs for tag in pair.tags})
    rows = [row for tag in tags for row in pass_rate_rows(f"{TAG}{tag}", [p for p in pairs if tag in p.tags], policy)]
    beyond = stats.holm([row.fail_p for row in rows], FAIL_ALPHA)
    for tag, row, fails in zip(tags, rows, beyond, strict=True):
        critical = tag in policy.critical_tags
        by_chance = row.state == "fail" and not (critical or fails)
        yield replace(row, critical=critical, state="inconclusive" if by_chance else row.state)
