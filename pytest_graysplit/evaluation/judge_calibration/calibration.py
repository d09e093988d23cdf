"""Agreement of a judge with labels: statistics of its verdicts and the lines that report them. Pure functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.judge_calibration.labelled import LABELS
from pytest_graysplit.evaluation.metrics.judge import BETTER, TIE
from pytest_graysplit.formatting.display import format_share, listed, percent, plural
from pytest_graysplit.stats import cohen_kappa, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.evaluation.judge_calibration.labelled import Label, Labelled
    from pytest_graysplit.evaluation.metrics.judge import JudgeVerdict
    from pytest_graysplit.stats import Interval

SHOWN = 10
# Landis and Koch 1977, Biometrics 33:159; their words are a convention, not a law.
_KAPPA_WORDS = ((0.0, "slight"), (0.2, "fair"), (0.4, "moderate"), (0.6, "substantial"), (0.8, "almost perfect"))


@dataclass(frozen=True, slots=True)
class LabelledResult:
    """A labelled pair and the judge's verdict on it."""

    pair: Labelled
    judge_verdict: JudgeVerdict

    @property
    def verdict(self) -> Label | None:
        """The side that the judge found better; None without a verdict."""
        score = self.judge_verdict.score
        if score is None:
            return None
        return "treatment" if score == BETTER else "tie" if score == TIE else "control"

    @property
    def agrees(self) -> bool:
        """Whether the judge found the labelled side better."""
        return self.verdict == self.pair.label


@dataclass(frozen=True, slots=True)
class Calibration:
    """All labelled pairs with the judge's verdicts."""

    results: Sequence[LabelledResult]

    @property
    def agreement(self) -> Interval:
        """The share of pairs on which judge and label agree; a pair without a verdict counts as a disagreement."""
        return wilson(sum(one.agrees for one in self.results), len(self.results))

    @property
    def table(self) -> Counter[tuple[Label, Label | None]]:
        """How often each label met each verdict."""
        return Counter((one.pair.label, one.verdict) for one in self.results)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa over the pairs with a verdict; None where chance alone would agree on all."""
        return cohen_kappa({cell: number for cell, number in self.table.items() if cell[1] is not None})

    @property
    def disagreements(self) -> tuple[int, int]:
        """The number of pairs whose orders named different winners, and of all pairs that the judge was asked about."""
        asked = [one.judge_verdict for one in self.results if one.judge_verdict.verdicts]
        return sum(verdict.disagreed for verdict in asked), len(asked)

    @property
    def first_won(self) -> tuple[int, int]:
        """The number of answers that named the first position, and of those that named a winner."""
        winners = [verdict for one in self.results for verdict in one.judge_verdict.verdicts if verdict in ("A", "B")]
        return winners.count("A"), len(winners)

    @property
    def unreadable(self) -> tuple[int, int]:
        """The number of answers without a verdict, and of all answers."""
        verdicts = [verdict for one in self.results for verdict in one.judge_verdict.verdicts]
        return verdicts.count(None), len(verdicts)

    def lines(self) -> Iterator[str]:
        """Yield the report, without the cost of the calls."""
        return _lines(self)


def _lines(calibration: Calibration) -> Iterator[str]:
    agreed, whole = sum(one.agrees for one in calibration.results), len(calibration.results)
    yield f"agreement      {share_text(agreed, whole)}"
    yield f"kappa          {kappa_text(calibration.kappa, LABELS)}"
    split, pairs = calibration.disagreements
    yield f"orders         named different winners on {split} of {plural(pairs, 'pair')}, {percent(split, pairs)}"
    first, decided = calibration.first_won
    bias = f"{percent(first, decided)}  ({_interval(wilson(first, decided))}; 50.0% means no preference)"
    yield f"first answer   won {first} of {decided}, {bias}"
    odd, answers = calibration.unreadable
    yield f"unreadable     {odd} of {plural(answers, 'answer')}"
    yield ""
    yield from _table(calibration)
    if disagreed := [one for one in calibration.results if not one.agrees]:
        yield ""
        yield from map(_disagreement, disagreed[:SHOWN])
    if len(disagreed) > SHOWN:
        yield f"... and {len(disagreed) - SHOWN} more"


def describe_kappa(kappa: float) -> str:
    """Describe a kappa in words.

    >>> describe_kappa(0.74), describe_kappa(-0.1)
    ('substantial', 'worse than chance')
    """
    words = [word for least, word in _KAPPA_WORDS if kappa >= least]
    return words[-1] if words else "worse than chance"


def share_text(number: int, whole: int) -> str:
    """Write a share with its 95% interval; a dash without a whole."""
    return f"{number}/{whole}  {percent(number, whole)}  ({_interval(wilson(number, whole))})" if whole else "-"


def kappa_text(kappa: float | None, labels: Sequence[str]) -> str:
    """Write a kappa with its description."""
    if kappa is None:
        return f"unknown: it takes labels and verdicts of more than one kind ({listed(labels)})"
    return f"{kappa:.2f}, {describe_kappa(kappa)}"


def _interval(interval: Interval) -> str:
    return f"95% CI {format_share(interval.low)} .. {format_share(interval.high)}"


def _table(calibration: Calibration) -> Iterator[str]:
    verdicts: list[Label | None] = [*LABELS, None]
    titles = [verdict or "no verdict" for verdict in verdicts]
    yield "label \\ judge  " + "  ".join(f"{title:>10}" for title in titles)
    for label in LABELS:
        yield f"{label:<15}" + "  ".join(f"{calibration.table[label, verdict]:>10}" for verdict in verdicts)


def _disagreement(one: LabelledResult) -> str:
    verdict = one.verdict or "no verdict"
    return f"{one.pair.case.where} {one.pair.case.id}: label {one.pair.label}, judge {verdict}"
