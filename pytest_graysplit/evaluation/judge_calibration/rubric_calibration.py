"""Accuracy of a judge of rubrics on labelled answers: the figures that correct a run, and the lines that report them.

A run passes whole answers, so the accuracy that corrects it is that of whole answers: yes if every criterion holds. The
accuracy on single criteria is shown beside it, and says which criterion to reword.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.judge_calibration.calibration import SHOWN, kappa_text, share_text
from pytest_graysplit.formatting.display import cut, percent, plural
from pytest_graysplit.stats import JudgeAccuracy, cohen_kappa, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_graysplit.evaluation.judge_calibration.rubric_labels import RubricLabel
    from pytest_graysplit.stats import Interval

    Table = Counter[tuple[bool, bool | None]]

_WORDS = {True: "holds", False: "fails"}
_VERDICTS = {True: "yes", False: "no", None: "no verdict"}
_LONGEST = 48


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """A labelled answer and the judge's verdict on each of its criteria; None stands for an unreadable verdict."""

    label: RubricLabel
    verdicts: tuple[bool | None, ...]

    @property
    def verdict(self) -> bool | None:
        """The verdict on the whole answer, as a run reads it: one no decides, else a missing verdict leaves it open."""
        if False in self.verdicts:
            return False
        return None if None in self.verdicts else True

    @property
    def agrees(self) -> bool:
        """Whether judge and people say the same about the whole answer."""
        return self.verdict == self.label.holds


@dataclass(frozen=True)
class RubricCalibration:
    """All labelled answers with the judge's verdicts."""

    results: Sequence[JudgedAnswer]

    @property
    def agreement(self) -> Interval:
        """The share of answers on which judge and people agree; one without a verdict counts as a disagreement."""
        return wilson(sum(one.agrees for one in self.results), len(self.results))

    @cached_property
    def table(self) -> Table:
        """How often each label of a whole answer met each verdict."""
        return Counter((one.label.holds, one.verdict) for one in self.results)

    @cached_property
    def by_criterion(self) -> dict[str, Table]:
        """How often each label of a criterion met each verdict."""
        tables: dict[str, Table] = {}
        for one in self.results:
            for criterion, holds, verdict in zip(one.label.case.rubric, one.label.holding, one.verdicts, strict=True):
                tables.setdefault(criterion, Counter())[holds, verdict] += 1
        return tables

    @property
    def accuracy(self) -> JudgeAccuracy:
        """The judge's accuracy on whole answers; those without a verdict are in no pass rate of a run either."""
        return accuracy_of(self.table)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa over the answers with a verdict."""
        return cohen_kappa(_read(self.table))

    def lines(self) -> Iterator[str]:
        """Yield the report, without the cost of the calls."""
        agreed, whole, accuracy = sum(one.agrees for one in self.results), len(self.results), self.accuracy
        yield f"agreement      {share_text(agreed, whole)}"
        yield f"sensitivity    {share_text(accuracy.said_yes, accuracy.holding)}: yes to answers that hold"
        yield f"specificity    {share_text(accuracy.said_no, accuracy.failing)}: no to answers that fail"
        yield f"kappa          {kappa_text(self.kappa, ('holds', 'fails'))}"
        verdicts = [verdict for one in self.results for verdict in one.verdicts]
        yield f"unreadable     {verdicts.count(None)} of {plural(len(verdicts), 'verdict')}"
        yield ""
        yield from _table(self.table)
        yield ""
        yield from _criteria(self.by_criterion)
        if disagreed := [one for one in self.results if not one.agrees]:
            yield ""
            yield from map(_disagreement, disagreed[:SHOWN])
        if len(disagreed) > SHOWN:
            yield f"... and {len(disagreed) - SHOWN} more"


def accuracy_of(table: Table) -> JudgeAccuracy:
    """Return the accuracy from a table of labels and verdicts, without the missing verdicts.

    >>> accuracy_of(Counter({(True, True): 9, (True, False): 1, (True, None): 5, (False, False): 4, (False, True): 2}))
    JudgeAccuracy(said_yes=9, holding=10, said_no=4, failing=6)
    """
    return JudgeAccuracy(
        said_yes=table[True, True],
        holding=table[True, True] + table[True, False],
        said_no=table[False, False],
        failing=table[False, False] + table[False, True],
    )


def _read(table: Table) -> dict[tuple[bool, bool | None], int]:
    return {cell: number for cell, number in table.items() if cell[1] is not None}


def _table(table: Table) -> Iterator[str]:
    yield "label \\ judge  " + "  ".join(f"{title:>10}" for title in _VERDICTS.values())
    for label, word in _WORDS.items():
        yield f"{word:<15}" + "  ".join(f"{table[label, verdict]:>10}" for verdict in _VERDICTS)


def _criteria(tables: dict[str, Table]) -> Iterator[str]:
    """Yield the accuracy on single criteria: all of them together, then those with the most disagreements."""
    whole: Table = sum(tables.values(), Counter())
    yield from _columns([("each criterion", whole)])
    wrong = {
        criterion: sum(table.values()) - table[True, True] - table[False, False] for criterion, table in tables.items()
    }
    worst = sorted((name for name, number in wrong.items() if number), key=lambda name: (-wrong[name], name))
    yield from (line for line in list(_columns([(name, tables[name]) for name in worst[:SHOWN]]))[1:])
    if len(worst) > SHOWN:
        yield f"... and {len(worst) - SHOWN} more criteria with a disagreement"


def _columns(named: Iterable[tuple[str, Table]]) -> Iterator[str]:
    yield f"{'criterion':<{_LONGEST}}  {'yes if holds':>14}  {'no if fails':>14}  {'no verdict':>10}"
    for name, table in named:
        accuracy = accuracy_of(table)
        shares = [(accuracy.said_yes, accuracy.holding), (accuracy.said_no, accuracy.failing)]
        cells = [f"{right}/{of} {percent(right, of)}" if of else "-" for right, of in shares]
        missing = table[True, None] + table[False, None]
        yield f"{cut(name, _LONGEST):<{_LONGEST}}  {cells[0]:>14}  {cells[1]:>14}  {missing:>10}"


def _disagreement(one: JudgedAnswer) -> str:
    wrong = [
        criterion
        for criterion, holds, verdict in zip(one.label.case.rubric, one.label.holding, one.verdicts, strict=True)
        if holds != verdict
    ]
    about = f" ({cut(wrong[0], _LONGEST)})" if wrong else ""
    return (
        f"{one.label.case.where} {one.label.case.id}: {_WORDS[one.label.holds]}, judge {_VERDICTS[one.verdict]}{about}"
    )
