"""The report of `graysplit suite check`: the wrong answers that a suite noticed, and its power."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.mutations import KINDS
from pytest_graysplit.formatting.display import exact_number, format_share, listed, percent, plural
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.reporting.suite_report.counts import LEFT_OUT, by_kind, caught_share, display_names, left_out
from pytest_graysplit.reporting.suite_report.suite_power import mixtures, power_of
from pytest_graysplit.reporting.summary import StyledText
from pytest_graysplit.reporting.summary.table import plain
from pytest_graysplit.verdict.planning import power_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.evaluation.mutations.findings import MutantFinding, SuiteFindings
    from pytest_graysplit.reporting.suite_report.suite_power import SuitePower
    from pytest_graysplit.reporting.summary import Line

# Missed answers and cases that are shown without `-v`.
MOST_SHOWN = 6
_LABEL = 16


def suite_lines(found: SuiteFindings, width: int, *, verbose: bool = False) -> Iterator[Line]:
    """Yield the report for a terminal of that width; `verbose` shows every missed answer and every name."""
    yield from _wrapped(_headline(found), width)
    yield plain("")
    yield from _table(found, width)
    yield from _missed(found, width, verbose=verbose)
    yield plain("")
    names = display_names(found.cases)
    idle = [f"{names[case.nodeid]} ({case.cannot_fail})" for case in found.checked if case.cannot_fail]
    yield from _labelled("cannot fail", _names(idle, verbose=verbose) if idle else "none of the checked cases", width)
    for state, cases in left_out(found).items():
        who = _names([names[case.nodeid] for case in cases], verbose=verbose)
        yield from _labelled("not checked", f"{plural(len(cases), 'case')}, {LEFT_OUT[state]}: {who}", width)
    for text in _other_models(found):
        yield from _labelled("mixed in", text, width)
    yield from _power(power_of(found), width)


def _headline(found: SuiteFindings) -> str:
    return (
        f"Would this suite notice? {len(found.checked)} of {plural(len(found.cases), 'case')}, "
        f"{plural(len(found.mutants), 'wrong answer')} made of the recorded ones of {found.control}, "
        "no request was sent"
    )


def _table(found: SuiteFindings, width: int) -> Iterator[Line]:
    counts = by_kind(found)
    rows = [(KINDS[count.kind], count.caught, count.mutants, count.missed_in) for count in counts]
    caught, mutants = sum(count.caught for count in counts), sum(count.mutants for count in counts)
    interval = caught_share(found)
    first = max(len(title) for title in ["wrong answer", *(title for title, *_ in rows)])
    shares = [f"{some} of {every}" for _, some, every, _ in [*rows, ("all", caught, mutants, ())]]
    second = max(map(len, shares))
    yield (StyledText(f"{'wrong answer':<{first}}   {'caught':<{second + 8}}   missed in", "bold"),)
    for (title, some, every, missed), share in zip(rows, shares, strict=False):
        begin = f"{title:<{first}}   {share:>{second}}  {percent(some, every):>6}   "
        yield (StyledText(f"{begin}{_fitting(missed, width - len(begin))}".rstrip(), "" if some else "red"),)
    cases = plural(sum(bool(case.mutants) for case in found.checked), "case")
    bounds = f"95% CI {format_share(interval.low)} .. {format_share(interval.high)}, {cases}"
    yield (StyledText(f"{'all':<{first}}   {shares[-1]:>{second}}  {percent(caught, mutants):>6}   {bounds}", "bold"),)


def _fitting(names: Sequence[str], width: int) -> str:
    """Join as many names as fit, and count the rest."""
    every = [on_one_line(name) for name in names]
    for shown in range(len(every), 0, -1):
        text = ", ".join(every[:shown]) + (f" and {len(every) - shown} more" if shown < len(every) else "")
        if len(text) <= width:
            return text
    return plural(len(every), "case") if every else ""


def _missed(found: SuiteFindings, width: int, *, verbose: bool) -> Iterator[Line]:
    names = display_names(found.cases)
    missed = [
        (on_one_line(names[case.nodeid]), mutant)
        for case in found.checked
        for mutant in case.mutants
        if mutant.state != "caught"
    ]
    shown = missed if verbose else _of_each_kind(missed)
    if missed:
        yield plain("")
    for name, mutant in shown:
        note = ", which breaks the test and counts for no model" if mutant.state == "broke" else ""
        text = f"MISSED {name} - {KINDS[mutant.kind]}: {on_one_line(mutant.what)}{note}"
        yield (StyledText(text if verbose else textwrap.shorten(text, width, placeholder=" …"), "yellow"),)
    if len(shown) < len(missed):
        yield plain(f"... and {len(missed) - len(shown)} more, -v shows all")


def _of_each_kind(missed: Sequence[tuple[str, MutantFinding]]) -> list[tuple[str, MutantFinding]]:
    """Return a few missed answers: the first of each kind, then others, in their order."""
    kinds = [mutant.kind for _, mutant in missed]
    ranked = sorted(range(len(missed)), key=lambda place: (kinds[:place].count(kinds[place]), place))
    return [missed[place] for place in sorted(ranked[:MOST_SHOWN])]


def _names(names: Sequence[str], *, verbose: bool) -> str:
    every = [on_one_line(name) for name in names]
    more = 0 if verbose else len(every) - MOST_SHOWN
    return ", ".join(every) if more <= 0 else f"{', '.join(every[:MOST_SHOWN])} and {more} more"


def _other_models(found: SuiteFindings) -> Iterator[str]:
    for other in found.others:
        change = f"its recorded answers fail {other.lost} of {plural(other.cases, 'case')} that the control passes"
        mixed = mixtures(found, other)
        shares, runs = [f"{one.share:.0%}" for one in mixed], [_of_100(one.rejected) for one in mixed]
        rejected = f". A treatment that answers {listed(shares)} of the cases as it does is rejected in {listed(runs)} "
        rejected = f"{rejected}of 100 runs" if mixed else ""
        yield f"{on_one_line(other.model)}: {change}, and pass {other.won} that it fails{rejected}"


def _power(power: SuitePower, width: int) -> Iterator[Line]:
    if power.is_too_small:
        yield from _labelled("power", power_line(power.cases, power.margin), width)
        return
    counted = plural(power.cases, "case")
    counted += f" in {plural(power.units, 'cluster')}" if power.is_clustered else ""
    points = f"a margin of {exact_number(round(100 * power.margin, 6))} points"
    if power.harder or power.missed_looks:
        reason = _too_hard(power) if power.harder else _between_looks(power)
        yield from _labelled("power", f"{counted}, {points}; {reason}", width)
        return
    if power.source:
        [at] = power.at
        who = (
            "the control's own second answers" if power.source == "again" else f"{on_one_line(power.source)}'s answers"
        )
        share = f"about {format_share(at.by_chance)}% of cases differ by chance, by {who}"
        equal = f"an equally good model is promoted in {_of_100(at.promoted)} of 100 runs"
        yield from _labelled("power", f"{counted}, {points}; {share}: {equal}, and {_drop_text(at.drop)}", width)
        return
    yield from _labelled("power", f"{counted}, {points}, if so many cases differ by chance", width)
    rows = [
        ("", [f"{at.by_chance:.0%}" for at in power.at]),
        ("an equally good model is promoted in", [f"{_of_100(at.promoted)}%" for at in power.at]),
        (
            "the smallest drop rejected in 80%",
            ["none" if at.drop is None else f"{100 * at.drop:.0f}" for at in power.at],
        ),
    ]
    for title, cells in rows:
        end = " points" if title.startswith("the smallest") else ""
        yield plain(f"  {title:<37}{''.join(f'{cell:>7}' for cell in cells)}{end}".rstrip())


def _too_hard(power: SuitePower) -> str:
    return (
        f"the control's own second answers fail {power.harder} cases more than its first ones: the thresholds ask for "
        "more than the control gives, so an equally good model is hardly ever promoted; min_similarity=auto would not"
    )


def _between_looks(power: SuitePower) -> str:
    return f"at none of the planned looks ({', '.join(map(str, power.missed_looks))}), so every verdict is a hold"


def _drop_text(drop: float | None) -> str:
    if drop is None:
        return "no drop of the pass rate is rejected in 80 of them"
    return f"the smallest drop of the pass rate that is rejected in 80 of them is {100 * drop:.0f} points"


def _of_100(share: float) -> str:
    return "<1" if 0 < share < 0.01 else ">99" if 0.99 < share < 1 else f"{100 * share:.0f}"


def _labelled(label: str, text: str, width: int) -> Iterator[Line]:
    indent = " " * _LABEL
    for line in textwrap.wrap(text, max(40, width), initial_indent=f"{label:<{_LABEL}}", subsequent_indent=indent):
        yield plain(line)


def _wrapped(text: str, width: int) -> Iterator[Line]:
    yield from (plain(line) for line in textwrap.wrap(on_one_line(text), max(40, width)))
