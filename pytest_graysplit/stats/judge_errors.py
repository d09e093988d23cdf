"""Pass rates by a judge, corrected for the judge's errors (Rogan and Gladen 1978, Am. J. Epidemiology 107:71).

A judge says yes to a share `sens` of the answers that hold, and to a share 1 - spec of those that fail. If an arm
passes everything else in a share d of the answers, and the judge too in a share y, its true pass rate p solves
y = sens p + (1 - spec)(d - p). So p = (y - (1 - spec) d) / J with J = sens + spec - 1, and the difference of two arms
is corrected in the same way if the judge errs alike on both.

Intervals are those of Fieller (1954): a true value p is kept if y - (1 - spec) d - J p differs from 0 by no more than
z standard errors. Nothing is divided by an estimate of J, which is where the plain delta method fails for a weak judge.
The variance of the cases is that of their score test at p, and the variance of `sens` and `spec` is read from their
Wilson intervals on the side that matters (MOVER: Zou and Donner 2008, Statistics in Medicine 27:1693).
"""

from __future__ import annotations

import math
from statistics import NormalDist, fmean
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.stats.distributions import normal_tail, two_sided_z
from pytest_graysplit.stats.interval import Interval, check_confidence, finite
from pytest_graysplit.stats.means import clustered_tails
from pytest_graysplit.stats.ordinal import ordinal_tango_tail
from pytest_graysplit.stats.proportions import wilson
from pytest_graysplit.stats.restricted import steep_crossing

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pytest_graysplit.stats.judge_accuracy import JudgeAccuracy

    Tails = Callable[[float], tuple[float, float]]

# Beyond this many standard errors a p-value is 0 or 1, and floats lose its digits.
_FARTHEST_P = 1e-15
_NOTHING, _ALMOST = 1e-12, 1 - 1e-9


class JudgedCase(NamedTuple):
    """One case of an arm, or the difference of two arms in it: shares of answers, or differences of them.

    `passed` counts the answers that pass with the judge's verdicts, and `checked` those that pass everything else. A
    case that no judge has decided (`by_judge` is false) needs no correction.
    """

    passed: float
    checked: float
    by_judge: bool


class Corrected:
    """A corrected pass rate, or a corrected difference of two, with its interval and p-values.

    `values` are the corrected values of the cases, whose mean is the estimate; one alone may lie beyond its scale.

    >>> from pytest_graysplit.stats.judge_accuracy import JudgeAccuracy
    >>> accuracy = JudgeAccuracy(said_yes=27, holding=30, said_no=16, failing=20)
    >>> cases = [JudgedCase(float(place < 70), 1.0, by_judge=True) for place in range(100)]
    >>> [round(bound, 3) for bound in Corrected(cases, accuracy, ends=(0.0, 1.0)).interval()]
    [0.714, 0.544, 0.899]
    """

    def __init__(
        self,
        cases: Sequence[JudgedCase],
        accuracy: JudgeAccuracy,
        clusters: Sequence[Hashable] | None = None,
        *,
        ends: tuple[float, float] = (-1.0, 1.0),
        confidence: float = 0.90,
    ) -> None:
        """Correct the mean of the cases, whose values lie between the ends; raise ValueError if that is impossible."""
        check_confidence(confidence)
        accuracy.check()
        if not cases:
            raise ValueError("at least one case is needed")
        self._ends, self._z = ends, two_sided_z(confidence)
        self._yes = wilson(accuracy.said_yes, accuracy.holding, confidence)
        self._no = wilson(accuracy.said_no, accuracy.failing, confidence)
        self._informed = self._yes.estimate + self._no.estimate - 1
        if not self._informed > 0:
            raise ValueError(f"a judge with an informedness of {self._informed!r} tells nothing")
        values = finite(map(self._value, cases))
        self.values = [value / self._informed for value in values]
        self._mean = fmean(values)
        self._plain = math.fsum(case.passed for case in cases if not case.by_judge) / len(cases)
        self._checked = math.fsum(case.checked for case in cases if case.by_judge) / len(cases)
        self._tails = _tails(values, self._span(), clusters, confidence)

    def _value(self, case: JudgedCase) -> float:
        """Return the case's part of y - (1 - spec) d; the informedness times its own value without a judge."""
        if not case.by_judge:
            return self._informed * case.passed
        return case.passed - (1 - self._no.estimate) * case.checked

    def _span(self) -> tuple[float, float]:
        """Return the ends of the scale of the cases' values: a rate's reach from spec - 1 to spec, not from -1."""
        low, _ = self._ends
        return (-1.0, 1.0) if low < 0 else (self._no.estimate - 1, self._no.estimate)

    @property
    def estimate(self) -> float:
        """The corrected mean, within its ends."""
        return self._within(self._raw)

    @property
    def _raw(self) -> float:
        """The corrected mean; it lies beyond its ends if the run and the labels hardly agree."""
        return self._mean / self._informed

    def _within(self, value: float) -> float:
        low, high = self._ends
        return min(high, max(low, value))

    def interval(self) -> Interval:
        """Return the estimate with every value that the cases and the labels do not exclude.

        If the mean lies beyond its ends, the interval is moved with it, so that it keeps its width.
        """
        low, high = self._ends
        return Interval(self.estimate, self._bound(low, 1), self._bound(high, -1))

    def p(self, bound: float) -> float:
        """Return the one-sided p of H0 "the true value is at most `bound`"; 0.5 if it is the estimate."""
        return normal_tail(self._score(bound))

    def p_below(self, bound: float) -> float:
        """Return the one-sided p of H0 "the true value is at least `bound`"."""
        return normal_tail(-self._score(bound))

    def labels_error(self, value: float) -> float:
        """Return the standard error that the labels alone leave, if the true value is that one."""
        return math.sqrt(self._labels_variance(value, self._informed)) / self._informed

    def _bound(self, end: float, sign: int) -> float:
        """Return where the score reaches z between the estimate and an end of the scale; the end if it does not."""

        def excess(mirrored: float) -> float:
            return sign * self._score(sign * mirrored) - self._z

        # The scale is mirrored for an upper bound, so that the score falls.
        low, high = sign * end, sign * self._raw
        beyond = excess(low) if low < high else 0.0
        if beyond <= 0:
            return end
        found = sign * steep_crossing(excess, (low, beyond), (high, -self._z))
        return self._within(found + self.estimate - self._raw)

    def _score(self, value: float) -> float:
        """Return how far the data are above a value, in standard errors."""
        away = self._mean - value * self._informed
        if abs(away) < _NOTHING:
            return 0.0
        above, below = self._tails(value * self._informed)
        own = abs(NormalDist().inv_cdf(min(0.5, max(_FARTHEST_P, above if away > 0 else below))))
        return math.copysign(own / math.sqrt(1 + self._labels_variance(value, away) * (own / away) ** 2), away)

    def _labels_variance(self, value: float, away: float) -> float:
        """Return the variance that the labels add, from the side on which the judge would have to be wrong."""
        by_yes = self._plain - value
        by_no = self._plain + self._checked - value
        return sum(
            (weight * _reach(rate, down=(away > 0) == (weight > 0)) / self._z) ** 2
            for weight, rate in ((by_yes, self._yes), (by_no, self._no))
        )


def _tails(
    values: Sequence[float], span: tuple[float, float], clusters: Sequence[Hashable] | None, confidence: float
) -> Tails:
    """Return both tails of the mean of values between the ends of a span, as a function of the bound."""
    if clusters is not None:
        return clustered_tails(values, clusters, confidence)
    low, high = span
    tail = ordinal_tango_tail([_scaled(value, low, high) for value in values])

    def both(bound: float) -> tuple[float, float]:
        above = tail(min(_ALMOST, max(-_ALMOST, _scaled(bound, low, high))))
        return above, 1 - above

    return both


def _scaled(value: float, low: float, high: float) -> float:
    """Move a value from a span to the scale from -1 to 1."""
    return min(1.0, max(-1.0, (2 * value - low - high) / (high - low)))


def _reach(rate: Interval, *, down: bool) -> float:
    return rate.estimate - rate.low if down else rate.high - rate.estimate
