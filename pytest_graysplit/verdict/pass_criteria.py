"""Criteria of shares and scores from -1 to 1: pass rate, retention, errors, flags and similarity."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.config.policy import GUARDS, RETENTION, TAG
from pytest_graysplit.verdict.criteria import Criterion, at_least, at_most, criterion_of, t_method
from pytest_graysplit.verdict.judged_criteria import are_judged, corrected_pass_rate, without_promise
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.stats import JudgeAccuracy
    from pytest_graysplit.verdict.pairs import Pair

FAIL_ALPHA = 0.05
# The probability of promoting a treatment that is worse by the whole margin, over the alpha of a bound: 6% at 5%.
SIZE_OVER_ALPHA = 1.2
# Sums of thirds and tenths differ from a whole number by less than this.
_NOISE = 1e-9


def pass_rate_criteria(
    name: str, pairs: Sequence[Pair], policy: Policy, accuracy: JudgeAccuracy | None = None
) -> Iterator[Criterion]:
    """Yield the difference of pass rates over some pairs, treatment minus control.

    If a judge has a part in them, it is corrected by the judge's accuracy, and cannot pass without one.
    """
    if not pairs:
        return
    differences, clusters, margin = [pair.difference for pair in pairs], clusters_of(pairs), policy.margin
    if accuracy is not None and are_judged(pairs):
        judged = corrected_pass_rate(name, pairs, policy, accuracy)
        margin *= accuracy.informedness.estimate  # so much of a loss by the margin do the verdicts show
    else:
        criterion, _, below_p = _difference(name, differences, clusters, -margin, policy.confidence)
        judged = at_least(criterion, -margin, below_p)
        judged = without_promise(judged) if are_judged(pairs) else judged
    yield _doubted(judged) if _is_lucky(differences, clusters, margin, policy.alpha) else judged


def retention_criteria(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the share of the control's passes that the treatment keeps; 5 points are half of a pass rate of 10%."""
    clusters = clusters_of(pairs)
    kept, passed = [pair.passed.treatment for pair in pairs], [pair.passed.control for pair in pairs]
    found = (
        _clustered_retention(kept, passed, clusters, policy) if clusters else _paired_retention(kept, passed, policy)
    )
    if found is not None:
        criterion, _, below_p = found
        judged = at_least(criterion, policy.bounds[RETENTION], below_p)
        yield _doubted(judged) if _is_lucky_retention(pairs, clusters, policy) else judged


def _paired_retention(kept: Sequence[float], passed: Sequence[float], policy: Policy) -> Compared | None:
    if (interval := stats.retention(kept, passed, policy.confidence)) is None:
        return None
    above_p = stats.retention_p(kept, passed, policy.bounds[RETENTION])
    return Compared(criterion_of(RETENTION, interval, len(kept), "score of the ratio, paired"), above_p, 1 - above_p)


def _clustered_retention(
    kept: Sequence[float], passed: Sequence[float], clusters: Sequence[str], policy: Policy
) -> Compared | None:
    """Compare by the delta method, clustered; never more sharply than one case per cluster, all of them equal."""
    if (interval := stats.ratio_of_sums(kept, passed, policy.confidence, clusters)) is None:
        return None
    alike, bound = [1.0] * max(1, math.floor(len(set(clusters)) * fmean(passed))), policy.bounds[RETENTION]
    floor = stats.retention(alike, alike, policy.confidence)
    assert floor is not None  # noqa: S101  # they pass
    criterion = criterion_of(RETENTION, interval, len(kept), "delta method on the log ratio, clustered")
    criterion = replace(
        criterion,
        low=min(criterion.low, criterion.estimate * floor.low),
        high=max(criterion.high, criterion.estimate * floor.high),
    )
    coarse_p = stats.retention_p(alike, alike, bound / criterion.estimate)
    fine_p = stats.ratio_of_sums_p(kept, passed, bound, clusters)
    return Compared(criterion, max(fine_p, coarse_p), max(1 - fine_p, 1 - coarse_p))


def _is_lucky_retention(pairs: Sequence[Pair], clusters: Sequence[str] | None, policy: Policy) -> bool:
    """Tell the same for retention: a treatment that loses a fifth of 11 passes loses none in 8.6% of runs."""
    arms = [[pair.passed[arm] for pair in pairs] for arm in (0, 1)]
    control, treatment = (_means_of(arm, clusters) if clusters else arm for arm in arms)
    gains = [kept - passed for kept, passed in zip(treatment, control, strict=True)]
    won, lost = (math.fsum(max(0.0, sign * gain) for gain in gains) for sign in (1, -1))
    if won >= 1 - _NOISE:
        return False
    passes = math.floor(math.fsum(control) + _NOISE)
    lost_p = stats.binomial_budget_p(min(passes, math.ceil(lost - _NOISE)), passes, 1 - policy.bounds[RETENTION])
    return lost_p > SIZE_OVER_ALPHA * policy.alpha


def error_criteria(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the difference of errors, refusals and filtered answers, treatment minus control."""
    if pairs:
        more = [pair.failed.treatment - pair.failed.control for pair in pairs]
        yield _at_most_more("errors", more, clusters_of(pairs), policy)


def shortfall_criteria(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield the shortfall: the similarity of the control to itself, minus that of the treatment to the control."""
    measured = [pair for pair in pairs if pair.shortfall is not None]
    if shortfalls := [pair.shortfall for pair in measured if pair.shortfall is not None]:
        yield _at_most_more("similarity_deficit", shortfalls, clusters_of(measured), policy)


def _at_most_more(name: str, differences: Sequence[float], clusters: Sequence[str] | None, policy: Policy) -> Criterion:
    """Compare a difference that must not rise with its bound: the mirror image of a pass rate."""
    bound = policy.bounds[name]
    criterion, above_p, _ = _difference(name, differences, clusters, bound, policy.confidence)
    judged, mirrored = at_most(criterion, bound, above_p), [-difference for difference in differences]
    return _doubted(judged) if _is_lucky(mirrored, clusters, bound, policy.alpha) else judged


def _doubted(criterion: Criterion) -> Criterion:
    return replace(criterion, state="inconclusive") if criterion.state == "pass" else criterion


def _is_lucky(differences: Sequence[float], clusters: Sequence[str] | None, margin: float, alpha: float) -> bool:
    """Tell whether a treatment worse by the whole margin would look as good in more than 6% of such runs.

    If no case is passed by the treatment alone, Tango's interval is slightly too narrow for a few sizes (52 to 54 cases
    without a miss: up to 6.9%, counted exactly). The exact binomial of the lost cases keeps it below 6%. Shares add up:
    two halves lost are one case lost, and gains that do not add up to a case are not a win. A cluster counts as one
    case. If alpha is below 5%, the limit of 6% falls in proportion.
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


def guard_criteria(pairs: Sequence[Pair], policy: Policy) -> Iterator[Criterion]:
    """Yield how much more often the guards flag the treatment than the control against itself."""
    flagged = [pair for pair in pairs if pair.flagged is not None]
    if flagged:
        more = [pair.flagged.treatment - pair.flagged.control for pair in flagged if pair.flagged is not None]
        criterion, above_p, _ = _difference(GUARDS, more, clusters_of(flagged), 0.0, policy.confidence)
        yield at_most(criterion, 0.0, above_p)


class Compared(NamedTuple):
    """A mean difference, and the p values of "it is at most the bound" and of "it is at least the bound"."""

    criterion: Criterion
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
        criterion = criterion_of(name, stats.tango(better, worse, n, confidence), n, "Tango score, paired")
        return Compared(criterion, above_p, 1 - above_p)
    above_p = stats.ordinal_tango_p(differences, bound)
    criterion = criterion_of(name, stats.ordinal_tango(differences, confidence), n, "ordinal Tango score, paired")
    return Compared(criterion, above_p, 1 - above_p)


def _clustered_difference(
    name: str, differences: Sequence[float], clusters: Sequence[str], bound: float, confidence: float
) -> Compared:
    """Compare means by a clustered t; never more sharply than Tango's interval without a discordant cluster.

    In a small sample without a difference nothing varies, and t alone would have no width.
    """
    interval = stats.t_interval(differences, confidence, clusters)
    assert interval is not None  # noqa: S101  # there are pairs
    half = stats.tango(0, 0, len(set(clusters)), confidence).high
    criterion = criterion_of(name, interval, len(differences), t_method(clusters))
    criterion = replace(
        criterion,
        low=max(-1, min(criterion.low, criterion.estimate - half)),
        high=min(1, max(criterion.high, criterion.estimate + half)),
    )
    return Compared(criterion, *stats.clustered_tails(differences, clusters, confidence)(bound))


def tag_criteria(pairs: Sequence[Pair], policy: Policy, accuracy: JudgeAccuracy | None = None) -> Iterator[Criterion]:
    """Yield the pass rate of each tag; one that is not critical fails only by Holm's correction over all of them.

    Among many tags, one looks bad by chance, and a reader would look at just that one.
    """
    tags = sorted({tag for pair in pairs for tag in pair.tags})
    criteria = [
        criterion
        for tag in tags
        for criterion in pass_rate_criteria(f"{TAG}{tag}", [p for p in pairs if tag in p.tags], policy, accuracy)
    ]
    beyond = stats.holm([criterion.fail_p for criterion in criteria], FAIL_ALPHA)
    for tag, criterion, fails in zip(tags, criteria, beyond, strict=True):
        critical = tag in policy.critical_tags
        by_chance = criterion.state == "fail" and not (critical or fails)
        yield replace(criterion, critical=critical, state="inconclusive" if by_chance else criterion.state)
