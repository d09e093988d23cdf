"""The rows of a comparison: each an estimate with its interval, held against its bound in one of three states."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.display import plural
from pytest_graysplit.policy import ALPHA, GUARDS, PASS_RATE, RETENTION, SEED, TAG
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.policy import Policy
    from pytest_graysplit.stats import Interval
    from pytest_graysplit.verdict.pairs import Pair

State = Literal["pass", "fail", "inconclusive"]
LATE_SHARE = 0.05
FAIL_ALPHA = 0.05
# How often a treatment that is worse by the whole margin may be promoted, over what a bound may err: 6% at 5%.
SIZE_OVER_ALPHA = 1.2
MILLION = 1_000_000
# Sums of thirds and tenths miss a whole number by less than this.
_NOISE = 1e-9
FREE = "exact, a model is free"
# Where other pairs were measured apart, fewer than this many side by side say nothing of latency.
FEWEST_SIDE_BY_SIDE = 30
NOT_SIDE_BY_SIDE = "not measured side by side"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of a comparison with its interval over n cases; `state` is None where nothing is asked of it.

    The interval is one of 90%, unless looks were planned. `bound` is what it is held against, `fail_p` the one-sided p
    value of "the truth is within its bound". `remark` says which cases are left out: a row with a bound and a remark
    but no state could not be judged, and a critical one is open.
    """

    name: str
    estimate: float
    low: float
    high: float
    n: int
    method: str
    state: State | None = None
    bound: float | None = None
    fail_p: float = 1.0
    critical: bool = False
    remark: str = ""
    confidence: float = 1 - 2 * ALPHA

    @property
    def tag(self) -> str | None:
        """The tag whose cases alone this row is about; None where it is about all."""
        return self.name.removeprefix(TAG) if self.name.startswith(TAG) else None

    @property
    def of_a_free_model(self) -> bool:
        """Whether this ratio of costs is 0, infinite or 1 because a model, or both, are free."""
        return self.method == FREE

    @property
    def is_pass_rate(self) -> bool:
        """Whether this is the difference of pass rates, of all cases or of those with one tag."""
        return self.name == PASS_RATE or self.tag is not None


def rows_of(pairs: Sequence[Pair], policy: Policy, *, resampled: bool = True) -> tuple[Row, ...]:
    """Return every row that the pairs have data for, the pass rate first and the tags last.

    Whoever looks while the run goes on can do without those of resamples: they cost more than all the others.
    """
    rated = [pair for pair in pairs if pair.is_evidence]
    rows = [
        *_pass_rate(PASS_RATE, rated, policy),
        *_retention(rated, policy),
        *_deficit(pairs, policy),
        *_errors(pairs, policy),
        *_guards(pairs, policy),
        *_latency(pairs, policy, resampled=resampled),
        *_latency_budget(pairs, policy),
        *_cost_per_pass(pairs, policy),
        *_savings(pairs),
    ]
    marked = [replace(row, critical=row.name in policy.critical) for row in rows]
    rows = [*marked, *_tags(rated, policy)]
    return tuple(row if row.bound is None else replace(row, confidence=policy.confidence) for row in rows)


def at_least(row: Row, bound: float, below_p: float) -> Row:
    """Hold a row that must stay above its bound; `below_p` is the p value of "the truth is not below it"."""
    state: State = "pass" if row.low > bound else "fail" if row.high < bound else "inconclusive"
    return replace(row, bound=bound, state=state, fail_p=below_p)


def at_most(row: Row, bound: float, above_p: float) -> Row:
    """Hold a row that must stay at or below its bound; `above_p` is the p value of "the truth is not above it"."""
    state: State = "pass" if row.high <= bound else "fail" if row.low > bound else "inconclusive"
    return replace(row, bound=bound, state=state, fail_p=above_p)


def _row(name: str, interval: Interval, n: int, method: str) -> Row:
    return Row(name=name, estimate=interval.estimate, low=interval.low, high=interval.high, n=n, method=method)


def _pass_rate(name: str, pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    if pairs:
        differences, clusters = [pair.difference for pair in pairs], clusters_of(pairs)
        row, _, below_p = _difference(name, differences, clusters, -policy.margin, policy.confidence)
        held = at_least(row, -policy.margin, below_p)
        yield _doubted(held) if _is_lucky(differences, clusters, policy.margin, policy.alpha) else held


def _retention(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
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
    return Compared(_row(RETENTION, interval, len(kept), "score of the ratio, paired"), above_p, 1 - above_p)


def _clustered_retention(
    kept: Sequence[float], passed: Sequence[float], clusters: Sequence[str], policy: Policy
) -> Compared | None:
    """Compare by the delta method, clustered; never more sharply than as many cases as clusters that all agree."""
    if (interval := stats.ratio_of_sums(kept, passed, policy.confidence, clusters)) is None:
        return None
    alike, bound = [1.0] * max(1, math.floor(len(set(clusters)) * fmean(passed))), policy.bounds[RETENTION]
    floor = stats.retention(alike, alike, policy.confidence)
    assert floor is not None  # noqa: S101  # they pass
    row = _row(RETENTION, interval, len(kept), "delta method on the log ratio, clustered")
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


def _errors(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    if pairs:
        more = [pair.troubled.treatment - pair.troubled.control for pair in pairs]
        yield _at_most_more("errors", more, clusters_of(pairs), policy)


def _deficit(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    measured = [pair for pair in pairs if pair.deficit is not None]
    if deficits := [pair.deficit for pair in measured if pair.deficit is not None]:
        yield _at_most_more("similarity_deficit", deficits, clusters_of(measured), policy)


def _at_most_more(name: str, differences: Sequence[float], clusters: Sequence[str] | None, policy: Policy) -> Row:
    """Hold a difference of which more is worse: what a pass rate is, seen in a mirror."""
    bound = policy.bounds[name]
    row, above_p, _ = _difference(name, differences, clusters, bound, policy.confidence)
    held, mirrored = at_most(row, bound, above_p), [-difference for difference in differences]
    return _doubted(held) if _is_lucky(mirrored, clusters, bound, policy.alpha) else held


def _doubted(row: Row) -> Row:
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


def _guards(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    """Yield how much more often the guards flag the treatment than the control against itself."""
    flagged = [pair for pair in pairs if pair.flagged is not None]
    if flagged:
        more = [pair.flagged.treatment - pair.flagged.control for pair in flagged if pair.flagged is not None]
        row, above_p, _ = _difference(GUARDS, more, clusters_of(flagged), 0.0, policy.confidence)
        yield at_most(row, 0.0, above_p)


class Compared(NamedTuple):
    """A mean difference, and the p values of "it is at most the bound" and of "it is at least the bound"."""

    row: Row
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
        row = _row(name, stats.tango(better, worse, n, confidence), n, "Tango score, paired")
        return Compared(row, above_p, 1 - above_p)
    above_p = stats.ordinal_tango_p(differences, bound)
    row = _row(name, stats.ordinal_tango(differences, confidence), n, "ordinal Tango score, paired")
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
    row = _row(name, interval, len(differences), _t_method(clusters))
    row = replace(row, low=max(-1, min(row.low, row.estimate - half)), high=min(1, max(row.high, row.estimate + half)))
    coarse_p = NormalDist(row.estimate, half / NormalDist().inv_cdf((1 + confidence) / 2)).cdf(bound)
    fine_p = stats.t_p(differences, bound, clusters=clusters)
    return Compared(row, max(fine_p, coarse_p), max(1 - fine_p, 1 - coarse_p))


def _latency(pairs: Sequence[Pair], policy: Policy, *, resampled: bool) -> Iterator[Row]:
    """Compare the latencies that were measured side by side, and name what is missing where those are too few."""
    timed, apart = [pair for pair in pairs if pair.latency_s is not None], sum(pair.apart for pair in pairs)
    beside = f"{len(timed):,} of {plural(len(timed) + apart, 'pair')} measured side by side" if apart else ""
    for name, q in (("latency", 0.0), ("latency_p95", 0.95), ("latency_p99", 0.99)):
        # With fewer cases a sample cannot bound its own percentile from above.
        needed = stats.smallest_n_for_quantile(q) if q else 1
        if len(timed) + apart < needed or (q and not resampled):
            continue
        if apart and len(timed) < max(needed, FEWEST_SIDE_BY_SIDE):
            yield _not_side_by_side(name, len(timed), policy.bounds[name])
        elif (row := _percentile(name, q, timed, policy) if q else _ratio(timed, policy)) is not None:
            yield replace(row, remark="; ".join(filter(None, (beside, row.remark))))


def _not_side_by_side(name: str, n: int, bound: float) -> Row:
    unknown = stats.Interval(math.nan, -math.inf, math.inf)
    return replace(_row(name, unknown, n, "none"), bound=bound, remark=NOT_SIDE_BY_SIDE)


def _ratio(timed: Sequence[Pair], policy: Policy) -> Row | None:
    treatment, control = _columns(timed)
    clusters, bound = clusters_of(timed), policy.bounds["latency"]
    if (interval := stats.log_ratio(treatment, control, policy.confidence, clusters)) is None:
        return None
    row = _row("latency", interval, len(timed), f"{_t_method(clusters)} of log ratios")
    return at_most(row, bound, stats.log_ratio_p(treatment, control, bound, clusters=clusters))


def _percentile(name: str, q: float, timed: Sequence[Pair], policy: Policy) -> Row | None:
    if (ratio := stats.quantile_ratio(*_columns(timed), q, seed=SEED)) is None:
        return None
    row = _row(name, ratio.interval(policy.confidence), len(timed), "paired percentile bootstrap")
    return at_most(row, policy.bounds[name], ratio.p(policy.bounds[name]))


def _columns(timed: Sequence[Pair]) -> tuple[list[float], list[float]]:
    """Return the latencies of the treatment and of the control."""
    both = [pair.latency_s for pair in timed if pair.latency_s is not None]
    return [one.treatment for one in both], [one.control for one in both]


def _latency_budget(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    """Hold 95 of 100 replies of the treatment to the latency budget, by the exact binomial test.

    It is about the treatment alone: when the control was measured, and whether it was, does not matter.
    """
    budget_s = policy.max_latency_s
    waits_s = [pair.wait_s for pair in pairs if pair.wait_s is not None]
    if budget_s is None or not waits_s:
        return
    n, late = len(waits_s), sum(wait_s > budget_s for wait_s in waits_s)
    share = stats.clopper_pearson(late, n, policy.confidence)
    row = _row("latency_budget", share, n, "exact binomial, share over the budget")
    yield at_most(row, LATE_SHARE, 1 - stats.binomial_budget_p(late - 1, n, LATE_SHARE) if late else 1.0)


def _cost_per_pass(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    costs = [pair.cost_usd for pair in pairs if pair.cost_usd is not None]
    if len(costs) < len(pairs):
        return  # a part of the bill is not the bill
    columns = (
        [cost.treatment for cost in costs],
        [pair.passed.treatment for pair in pairs],
        [cost.control for cost in costs],
        [pair.passed.control for pair in pairs],
    )
    clusters = clusters_of(pairs)
    bound = policy.bounds["cost_per_pass"]
    treated, passed, controlled, control_passed = map(math.fsum, columns)
    if (exact := free_row((treated, passed), (controlled, control_passed), len(pairs), bound)) is not None:
        yield exact
    elif (interval := stats.cost_per_pass_ratio(*columns, policy.confidence, clusters)) is not None:
        row = _row("cost_per_pass", interval, len(pairs), "delta method on the log ratio")
        held = at_most(row, bound, stats.cost_per_pass_ratio_p(*columns, bound, clusters=clusters))
        # Cheaper is the point: the same price is no pass.
        yield replace(held, state="inconclusive") if held.state == "pass" and row.high >= bound else held


def free_row(treatment: tuple[float, float], control: tuple[float, float], n: int, bound: float) -> Row | None:
    """Return the cost of a pass where a model is free: 0, infinite, or 1 where both are; None elsewhere.

    Each model comes as its cost and its passes. What is free is so in every case, so nothing has to be estimated. A
    model that passed nothing has no such cost.
    """
    (usd, passed), (control_usd, control_passed) = treatment, control
    if not (passed and control_passed) or (usd and control_usd):
        return None
    ratio = math.inf if usd else 0.0 if control_usd else 1.0
    row = Row(name="cost_per_pass", estimate=ratio, low=ratio, high=ratio, n=n, method=FREE)
    if ratio == 1:
        return replace(row, bound=bound, state="pass" if bound > 1 else "inconclusive")
    return at_most(row, bound, 0.0 if ratio else 1.0)


def _savings(pairs: Sequence[Pair]) -> Iterator[Row]:
    """Yield what a million calls save, in US dollars: without, and with a fallback to the control where it fails."""
    priced = [(pair, pair.cost_usd) for pair in pairs if pair.cost_usd is not None]
    if not priced or len(priced) < len(pairs):
        return
    clusters = clusters_of(pairs)
    plain = [MILLION * (cost.control - cost.treatment) for _, cost in priced]
    caught = [
        MILLION * (cost.control - cost.treatment - (1 - pair.passed.treatment) * cost.control) for pair, cost in priced
    ]
    for name, savings in (("savings", plain), ("savings_with_fallback", caught)):
        if (interval := stats.t_interval(savings, clusters=clusters)) is not None:
            yield _row(name, interval, len(pairs), f"{_t_method(clusters)}, US dollars a million calls")


def _tags(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    """Yield the pass rate of each tag; one that nobody declared critical fails only by Holm's correction over all.

    Among many tags one looks bad by chance, and a reader would look at just that one.
    """
    tags = sorted({tag for pair in pairs for tag in pair.tags})
    rows = [row for tag in tags for row in _pass_rate(f"{TAG}{tag}", [p for p in pairs if tag in p.tags], policy)]
    beyond = stats.holm([row.fail_p for row in rows], FAIL_ALPHA)
    for tag, row, fails in zip(tags, rows, beyond, strict=True):
        critical = tag in policy.critical_tags
        by_chance = row.state == "fail" and not (critical or fails)
        yield replace(row, critical=critical, state="inconclusive" if by_chance else row.state)


def _t_method(clusters: Sequence[str] | None) -> str:
    return "t, clustered" if clusters else "paired t"
