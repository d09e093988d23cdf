"""The standing of a judge whose verdicts decide passes: its errors on labelled answers, or why they are unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import percent, plural
from pytest_graysplit.stats.judge_accuracy import FEWEST_LABELS, LEAST_INFORMED

if TYPE_CHECKING:
    from pytest_graysplit.stats import Interval, JudgeAccuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeStanding:
    """A judge's accuracy on the answers of a file of labels, or the `problem` because of which it is unknown."""

    model: str = ""
    labels: str = ""
    accuracy: JudgeAccuracy | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        """The judge in a sentence."""
        return f"the judge {self.model}" if self.model else "the judge of the rubrics"

    @property
    def usable(self) -> JudgeAccuracy | None:
        """The accuracy by which pass rates are corrected; None if the judge is uncalibrated."""
        return self.accuracy if self.accuracy is not None and not self.uncalibrated_because else None

    @property
    def uncalibrated_because(self) -> str:
        """The reason why nothing can be corrected; empty if the judge is calibrated."""
        if self.problem or self.accuracy is None:
            return self.problem or "nothing is known about its errors"
        right, wrong = self.accuracy.holding, self.accuracy.failing
        if min(right, wrong) < FEWEST_LABELS:
            return (
                f"{self.labels or 'the labels'}: {plural(right, 'answer')} hold and {wrong} fail, and at least "
                f"{FEWEST_LABELS} of each are needed"
            )
        if not self.accuracy.is_known:
            return (
                f"it hardly tells the answers of {self.labels or 'the labels'} apart: {self.described}; sensitivity + "
                f"specificity - 1 may be {self.accuracy.informedness.low:.2f}, and must be above {LEAST_INFORMED}"
            )
        return ""

    @property
    def may_be_a_coin(self) -> bool:
        """Whether there are labels enough, and they show that its verdicts may say nothing about the answers."""
        accuracy = self.accuracy
        if self.problem or accuracy is None or min(accuracy.holding, accuracy.failing) < FEWEST_LABELS:
            return False
        return accuracy.informedness.low <= 0

    @property
    def described(self) -> str:
        """The accuracy in words."""
        return f"yes to {self._yes}, no to {self._no}"

    @property
    def _yes(self) -> str:
        accuracy = self.accuracy
        assert accuracy is not None  # noqa: S101 # callers have checked it
        return f"{percent(accuracy.said_yes, accuracy.holding)} of {plural(accuracy.holding, 'answer')} that hold"

    @property
    def _no(self) -> str:
        accuracy = self.accuracy
        assert accuracy is not None  # noqa: S101 # callers have checked it
        return f"{percent(accuracy.said_no, accuracy.failing)} of {accuracy.failing} that fail"


# A judge about which nothing was said.
UNKNOWN_JUDGE = JudgeStanding()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRates:
    """The influence of a judge on a comparison: the number of cases that it decided, and the pass rates.

    `difference` is that of the verdicts as they are. `control` and `treatment` are the corrected pass rates, with
    intervals of the confidence of the rows; None if the judge is uncalibrated.
    """

    standing: JudgeStanding
    cases: int
    difference: Interval
    control: Interval | None = None
    treatment: Interval | None = None
