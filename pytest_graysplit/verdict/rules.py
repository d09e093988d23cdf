"""The rules, each a function from the evidence to its reasons: without a reason a rule does not apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.display import plural, shortlist
from pytest_graysplit.policy import PASS_RATE
from pytest_graysplit.verdict.evidence import FEWEST_PAIRS, HARM_EVIDENCE
from pytest_graysplit.verdict.wording import label_of, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.verdict.evidence import Evidence
    from pytest_graysplit.verdict.rows import Row

# Shares of the cases without a result: from the first on the rest decides nothing, from the second on that decides.
MUCH_MISSING, FATALLY_MISSING = 0.05, 0.5


def mistaken(seen: Evidence) -> Iterator[str]:
    """Yield reasons why the answers are not those of the two models, asked alike."""
    return (doubt.text for doubt in seen.doubts if doubt.mistaken)


def must_pass(seen: Evidence) -> Iterator[str]:
    """Yield a reason where the treatment missed a case that must pass."""
    rows = [row for row in seen.results.rows if row.case.must_pass and seen.treatment in row.arms]
    if missed := [row.name for row in rows if row.arms[seen.treatment].misses]:
        yield f"must_pass {'case' if len(missed) == 1 else 'cases'} missed: {shortlist(missed)}"


def against_itself(seen: Evidence) -> Iterator[str]:
    """Yield a reason where a model would be rejected against itself: that is the noise of the suite."""
    if seen.is_twin and (harm := [*stopped_for_harm(seen), *harmful(seen)]):
        yield "one model in both roles is no worse than itself, so this suite is too noisy for its size"
        yield from harm


def stopped_for_harm(seen: Evidence) -> Iterator[str]:
    """Yield a reason where the run stopped early because the treatment does harm."""
    if seen.stop is not None and seen.stop.side == "harm":
        yield f"pass rate: harm was shown after {plural(seen.stop.after, 'case')}, and the run stopped early"


def unfinished(seen: Evidence) -> Iterator[str]:
    """Yield reasons why the run says too little by itself: it was cut short, or what decides was not measured."""
    yield from seen.facts.cut
    if seen.facts.budget:
        yield seen.facts.budget
    if not seen.pairs:
        yield "no case was judged on both models"
    elif lacking := seen.lacking:
        yield f"nothing was measured for {shortlist([label_of(name) for name in lacking])}"


def mostly_missing(seen: Evidence) -> Iterator[str]:
    """Yield a reason where so many cases have no result on both models that something must be broken."""
    if seen.missing_share >= FATALLY_MISSING:
        yield _missing(seen)


def partly_missing(seen: Evidence) -> Iterator[str]:
    """Yield a reason where so many cases have no result on both models that the rest may not speak for them."""
    if seen.missing_share > MUCH_MISSING:
        yield _missing(seen)


def _missing(seen: Evidence) -> str:
    return f"{seen.missing} of {plural(seen.missing + len(seen.pairs), 'case')} have no result on both models"


def too_few(seen: Evidence) -> Iterator[str]:
    """Yield a reason where there are too few pairs for any interval to be trusted."""
    if len(seen.pairs) < FEWEST_PAIRS and seen.stop is None:
        yield f"{plural(len(seen.pairs), 'case')} cannot carry a verdict, {FEWEST_PAIRS} are the least"


def harmful(seen: Evidence) -> Iterator[str]:
    """Yield the critical rows that fail (Holm 1979 over all of them), and harm that showed on the way."""
    values = stats.harm_e_values([pair.difference for pair in seen.pairs], seen.policy.margin)
    critical = seen.critical
    rejected = stats.holm([row.fail_p for row in critical], seen.reject_alpha)
    found = [reason_of(row) for row, beyond in zip(critical, rejected, strict=True) if beyond]
    yield from found
    at = next((place for place, value in enumerate(values, 1) if value >= HARM_EVIDENCE), None)
    if at is not None and not found and PASS_RATE in seen.policy.critical:
        yield f"pass rate: harm was shown after {at} of {plural(len(values), 'case')}, in their random order"


def still_open(seen: Evidence) -> Iterator[str]:
    """Yield what stands between the treatment and a promotion: doubts, and critical rows that do not pass."""
    yield from (doubt.text for doubt in seen.doubts)
    for row in _undecided(seen):
        if row.state != "pass":
            yield f"{reason_of(row)}; {seen.advice_for(row).text}"


def promising(seen: Evidence) -> Iterator[str]:
    """Yield what speaks for a promotion."""
    if seen.stop is not None:
        yield f"promise was shown after {plural(seen.stop.after, 'case')}, and the run stopped early"
    yield from (reason_of(row) for row in _undecided(seen))


def beside_the_point(seen: Evidence) -> Iterator[str]:
    """Yield what does not stand in the way of a promotion and should be known to whoever does it."""
    return (f"but {reason_of(row)} (not critical)" for row in seen.rows if row.state == "fail" and not row.critical)


def _undecided(seen: Evidence) -> Iterator[Row]:
    """Yield the critical rows that the run's early stop has not decided."""
    return (row for row in seen.critical if seen.stop is None or row.name != PASS_RATE)
