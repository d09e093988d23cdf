"""The rows of a comparison: each an estimate with its interval, held against its bound in one of three states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.policy import ALPHA, PASS_RATE, SEED, TAG
from pytest_graysplit.verdict.pairs import clusters_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.policy import Policy
    from pytest_graysplit.stats import Interval
    from pytest_graysplit.verdict.pairs import Both, Pair

State = Literal["pass", "fail", "inconclusive"]
LATE_SHARE = 0.05
FAIL_ALPHA = 0.05
# How often a treatment that is worse by the whole margin may be promoted, over what a bound may err: 6% at 5%.
SIZE_OVER_ALPHA = 1.2
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of a comparison with its interval over n cases; `state` is None where nothing is asked of it.

    The interval is one of 90%, unless looks were planned. `bound` is what it is held against, `fail_p` the one-sided p
    value of "the truth is within its bound".
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
    confidence: float = 1 - 2 * ALPHA

    @property
    def tag(self) -> str | None:
        """The tag whose cases alone this row is about; None where it is about all."""
        return self.name.removeprefix(TAG) if self.name.startswith(TAG) else None

    @property
    def is_pass_rate(self) -> bool:
        """Whether this is the difference of pass rates, of all cases or of those with one tag."""
        return self.name == PASS_RATE or self.tag is not None


def rows_of(pairs: Sequence[Pair], policy: Policy, *, resampled: bool = True) -> tuple[Row, ...]:
    """Return every row that the pairs have data for, the pass rate first and the tags last.

    Whoever looks while the run goes on can do without those of resamples: they cost more than all the others.
    """
    rows = [
        *_pass_rate(PASS_RATE, pairs, policy),
        *_deficit(pairs, policy),
        *_errors(pairs, policy),
        *_latency(pairs, policy, resampled=resampled),
        *_latency_budget(pairs, policy),
        *_cost_per_pass(pairs, policy),
        *_savings(pairs),
    ]
    marked = [replace(row, critical=row.name in policy.critical) for row in rows]
    rows = [*marked, *_tags(pairs, policy)]
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
        shares = [pair.passed for pair in pairs]
        row, _, below_p = _share_difference(name, pairs, shares, -policy.margin, policy.confidence)
        held = at_least(row, -policy.margin, below_p)
        yield replace(held, state="inconclusive") if held.state == "pass" and _is_lucky(pairs, policy) else held


def _is_lucky(pairs: Sequence[Pair], policy: Policy) -> bool:
    """Tell whether a treatment worse by the whole margin would look as good in more than 6% of such runs.

    Where the treatment alone passes nothing, Tango's interval is a little too sure of itself for a few sizes (52 to 54
    cases without a miss: up to 6.9%, counted exactly). The exact binomial of the cases lost keeps it below 6%. Where
    a bound may err less than 5%, so may this.
    """
    differences = [pair.difference for pair in pairs]
    if any(difference > 0 for difference in differences):
        return False
    lost_p = stats.binomial_budget_p(sum(difference < 0 for difference in differences), len(pairs), policy.margin)
    return lost_p > SIZE_OVER_ALPHA * policy.alpha


def _errors(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    if pairs:
        bound = policy.bounds["errors"]
        shares = [pair.troubled for pair in pairs]
        row, above_p, _ = _share_difference("errors", pairs, shares, bound, policy.confidence)
        yield at_most(row, bound, above_p)


class Compared(NamedTuple):
    """A difference of shares, and the p values of "it is at most the bound" and of "it is at least the bound"."""

    row: Row
    above_p: float
    below_p: float


def _share_difference(
    name: str, pairs: Sequence[Pair], shares: Sequence[Both], bound: float, confidence: float
) -> Compared:
    """Compare two shares in pairs: one reply a case and no clusters make whole passes, for Tango's score interval."""
    n, differences = len(pairs), [both.treatment - both.control for both in shares]
    clusters = clusters_of(pairs)
    if clusters is not None or any(share not in (0, 1) for both in shares for share in both):
        return _mean_difference(name, differences, clusters, bound, confidence)
    better, worse = differences.count(1), differences.count(-1)
    above_p = stats.tango_p(better, worse, n, bound)
    row = _row(name, stats.tango(better, worse, n, confidence), n, "Tango score, paired")
    return Compared(row, above_p, 1 - above_p)


def _mean_difference(
    name: str, differences: Sequence[float], clusters: Sequence[str] | None, bound: float, confidence: float
) -> Compared:
    """Compare means a case by t; never more sharply than Tango's interval without a discordant pair.

    In a small sample that agrees nothing varies, and t alone would be certain of it.
    """
    interval = stats.t_interval(differences, confidence, clusters)
    assert interval is not None  # noqa: S101  # there are pairs
    half = stats.tango(0, 0, len(set(clusters)) if clusters else len(differences), confidence).high
    row = _row(name, interval, len(differences), "t, clustered" if clusters else "t on case means")
    row = replace(row, low=max(-1, min(row.low, row.estimate - half)), high=min(1, max(row.high, row.estimate + half)))
    coarse_p = NormalDist(row.estimate, half / NormalDist().inv_cdf((1 + confidence) / 2)).cdf(bound)
    fine_p = stats.t_p(differences, bound, clusters=clusters)
    return Compared(row, max(fine_p, coarse_p), max(1 - fine_p, 1 - coarse_p))


def _deficit(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    measured = [pair for pair in pairs if pair.deficit is not None]
    deficits, clusters = [pair.deficit for pair in measured if pair.deficit is not None], clusters_of(measured)
    bound = policy.bounds["similarity_deficit"]
    if (interval := stats.t_interval(deficits, policy.confidence, clusters)) is not None:
        row = _row("similarity_deficit", interval, len(measured), _t_method(clusters))
        yield at_most(row, bound, stats.t_p(deficits, bound, clusters=clusters))


def _latency(pairs: Sequence[Pair], policy: Policy, *, resampled: bool) -> Iterator[Row]:
    timed = [pair for pair in pairs if pair.latency_s is not None]
    both = [pair.latency_s for pair in timed if pair.latency_s is not None]
    control, treatment = [one.control for one in both], [one.treatment for one in both]
    clusters = clusters_of(timed)
    bound = policy.bounds["latency"]
    if (interval := stats.log_ratio(treatment, control, policy.confidence, clusters)) is not None:
        row = _row("latency", interval, len(timed), f"{_t_method(clusters)} of log ratios")
        yield at_most(row, bound, stats.log_ratio_p(treatment, control, bound, clusters=clusters))
    for name, q in (("latency_p95", 0.95), ("latency_p99", 0.99)):
        # With fewer cases a sample cannot bound its own percentile from above.
        enough = resampled and len(timed) >= stats.smallest_n_for_quantile(q)
        if enough and (ratio := stats.quantile_ratio(treatment, control, q, seed=SEED)) is not None:
            row = _row(name, ratio.interval(policy.confidence), len(timed), "paired percentile bootstrap")
            yield at_most(row, policy.bounds[name], ratio.p(policy.bounds[name]))


def _latency_budget(pairs: Sequence[Pair], policy: Policy) -> Iterator[Row]:
    """Hold 95 of 100 replies of the treatment to the latency budget, by the exact binomial test."""
    budget_s = policy.max_latency_s
    waits_s = [pair.latency_s.treatment for pair in pairs if pair.latency_s is not None]
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
    if (interval := stats.cost_per_pass_ratio(*columns, policy.confidence, clusters)) is not None:
        row = _row("cost_per_pass", interval, len(pairs), "delta method on the log ratio")
        held = at_most(row, bound, stats.cost_per_pass_ratio_p(*columns, bound, clusters=clusters))
        # Cheaper is the point: the same price is no pass.
        yield replace(held, state="inconclusive") if held.state == "pass" and row.high >= bound else held


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
