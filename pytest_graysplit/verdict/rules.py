"""The rules, each a function from the evidence to its reasons: without a reason a rule does not apply."""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import GUARDS, PASS_RATE
from pytest_graysplit.formatting.display import percent, plural, shortlist
from pytest_graysplit.verdict.criteria import rejecting
from pytest_graysplit.verdict.evidence import HARM_EVIDENCE
from pytest_graysplit.verdict.planning import FEWEST_PAIRS
from pytest_graysplit.verdict.reasons import interval_of, label_of, reason_of
from pytest_graysplit.verdict.results import CONTROL
from pytest_graysplit.verdict.rule_table import tolerated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.evidence import Evidence

# The share of the cases without a result from which on the others may not speak for them.
MUCH_MISSING = 0.05
# A control that passes fewer cases than two margins leaves too little to lose: half of it would be within the margin.
FEWEST_MARGINS = 2


def against_itself(seen: Evidence) -> Iterator[str]:
    """Yield a reason if a rule would reject a model against itself: only noise of the suite looks like harm then."""
    if seen.is_aa_run and any(reason for rule in (must_pass, stopped_for_harm, harmful) for reason in rule(seen)):
        yield "one model in both roles is no worse than itself, so this suite is too noisy for its size"


def mistaken(seen: Evidence) -> Iterator[str]:
    """Yield reasons why the answers are not those of the two models, asked alike."""
    return (doubt.text for doubt in seen.doubts if doubt.weight == "mistaken")


def unfounded(seen: Evidence) -> Iterator[str]:
    """Yield reasons why the run shows nothing at all: no pair, nothing that could fail, or nothing that passed."""
    if not seen.pairs:
        yield "no case was judged on both models"
        if seen.missing:
            yield _missing(seen)
    elif not seen.rated:
        yield _unasserted(seen)
    elif not any(seen.passes):
        yield (
            f"neither model passes any of {plural(len(seen.rated), 'case')}: "
            "the suite or its checks are broken, whatever the models can do"
        )


def must_pass(seen: Evidence) -> Iterator[str]:
    """Yield a reason where the treatment missed a case that must pass, and the control passed it."""
    if missed := [name for name, control, treatment in _must_pass(seen) if control and treatment is False]:
        yield f"must_pass {_cases(missed)} missed: {shortlist(missed)}"


def stopped_for_harm(seen: Evidence) -> Iterator[str]:
    """Yield a reason where the run stopped early because the treatment does harm."""
    if seen.stop is not None and seen.stop.side == "harm":
        yield f"pass rate: harm was shown after {plural(seen.stop.after, 'case')}, and the run stopped early"


def unfinished(seen: Evidence) -> Iterator[str]:
    """Yield reasons why the run says too little: cut short, out of money, with too much missing, or too small."""
    yield from seen.facts.cut
    if seen.facts.budget:
        yield seen.facts.budget
    if seen.missing_share > MUCH_MISSING:
        yield _missing(seen)
    if 0 < len(seen.rated) < FEWEST_PAIRS and seen.stop is None:
        yield f"only {plural(len(seen.rated), 'case')}; a verdict needs at least {FEWEST_PAIRS}"
        if seen.unasserted:
            yield _unasserted(seen)


def between_looks(seen: Evidence) -> Iterator[str]:
    """Yield a reason where looks were planned and the suite is at none of them."""
    looks = seen.policy.looks
    if not looks or seen.look is not None:
        return
    cases, place = plural(seen.cases, "case"), bisect(looks, seen.cases)
    if place == len(looks):
        yield f"the suite has {cases}, beyond the last planned look at {looks[-1]}: a new verdict needs a new suite"
    elif place == 0:
        yield f"the suite has {cases}, before the first planned look at {looks[0]}"
    else:
        yield (
            f"the suite has {cases}, between the planned looks {looks[place - 1]} and {looks[place]}: "
            f"the next verdict is at {looks[place]}"
        )


def harmful(seen: Evidence) -> Iterator[str]:
    """Yield the critical rows that fail (Holm 1979 over all of them), and harm that showed on the way."""
    differences, clusters = [pair.difference for pair in seen.rated], [pair.cluster for pair in seen.rated]
    values = stats.harm_e_values(differences, seen.policy.margin, clusters)
    found = [reason_of(row) for row in rejecting(seen.critical, seen.reject_alpha)]
    yield from found
    at = next((place for place, value in enumerate(values, 1) if value >= HARM_EVIDENCE), None)
    if at is not None and not found and PASS_RATE in seen.policy.critical:
        yield f"pass rate: harm was shown after {at} of {plural(len(values), 'case')}, in their random order"


def unusable(seen: Evidence) -> Iterator[str]:
    """Yield reasons why the suite cannot show that the treatment is as good: what decides is not there to be seen."""
    if not seen.rated:
        return
    if lacking := seen.lacking:
        yield f"nothing was measured for {shortlist([label_of(name) for name in lacking])}"
    yield from _rarely_passed(seen)
    both = [name for name, control, treatment in _must_pass(seen) if control is False and treatment is False]
    if both:
        yield f"must_pass {_cases(both)} missed by both models, a fault of the suite: {shortlist(both)}"
    if unseen := [name for name, control, treatment in _must_pass(seen) if None in (control, treatment)]:
        yield f"must_pass {_cases(unseen)} not judged on both models: {shortlist(unseen)}"


def _rarely_passed(seen: Evidence) -> Iterator[str]:
    """Yield reasons where a model passes so few cases that the margin would hide the loss of most of them."""
    (control, treatment), n = seen.passes, len(seen.rated)
    least = FEWEST_MARGINS * seen.policy.margin
    if control or treatment:
        if not control:
            yield f"the control passes none of {plural(n, 'case')}: the suite or its checks are broken"
        elif control < least * n:
            yield (
                f"the control passes {percent(control, n)} of {plural(n, 'case')}, fewer than two margins "
                f"({percent(least, 1)}): the margin would hide the loss of most of them"
            )
        if not treatment:
            yield f"the treatment passes none of {plural(n, 'case')}"


def doubtful(seen: Evidence) -> Iterator[str]:
    """Yield what a promotion waits for beside the rows: cut answers, other tool calls, flags beyond the noise."""
    yield from (doubt.text for doubt in seen.doubts if doubt.weight == "holding")
    if changed := [pair.name for pair in seen.pairs if pair.calls_changed]:
        yield f"the treatment calls tools otherwise than the control (tool-changed): {shortlist(changed)}"
    yield from (reason_of(row) for row in seen.rows if row.name == GUARDS and row.state == "fail")


def still_open(seen: Evidence) -> Iterator[str]:
    """Yield the critical rows that neither pass nor reject, with how many more cases would decide them."""
    failing = rejecting(seen.critical, seen.reject_alpha)
    for row in _undecided(seen):
        if row.state != "pass" and row not in failing:
            is_measured = row.state is not None and not row.of_a_free_model
            yield f"{reason_of(row)}; {seen.advice_for(row).text}" if is_measured else reason_of(row)


def promising(seen: Evidence) -> Iterator[str]:
    """Yield what speaks for a promotion."""
    if seen.stop is not None:
        yield f"promise was shown after {plural(seen.stop.after, 'case')}, and the run stopped early"
    yield from (reason_of(row) for row in _undecided(seen))


def planned_look(seen: Evidence) -> Iterator[str]:
    """Yield which planned look this is, and its confidence."""
    if (look := seen.look) is not None:
        yield (
            f"look {look.number} of {len(seen.policy.looks)}, planned at {look.n} cases: intervals of "
            f"{100 * seen.policy.confidence:.3g}% (z {look.z:.2f})"
        )


def next_look(seen: Evidence) -> Iterator[str]:
    """Yield which planned look this is and when the next one comes, or that more cases are an unplanned second look."""
    looks = seen.policy.looks
    for text in planned_look(seen):
        number = seen.look.number if seen.look else 0
        yield f"{text}; the next is at {looks[number]}" if number < len(looks) else f"{text}; it is the last"
    if not looks and seen.stop is None and len(seen.pairs) >= FEWEST_PAIRS and seen.is_open:
        yield "a verdict on more cases is a second look: plan looks before the first, --graysplit-looks"


def beside_the_point(seen: Evidence) -> Iterator[str]:
    """Yield what does not stand in the way of a promotion and should be known to whoever does it."""
    yield from tolerated(seen.rows)
    yield from (f"but {doubt.text}" for doubt in seen.doubts if doubt.weight == "noted")
    if seen.unasserted:
        yield f"but {_unasserted(seen)}"
    unshown = [row for row in seen.rows if row.tag is not None and row.state == "inconclusive"]
    if unshown:
        worst = min(unshown, key=lambda row: (row.low, row.name))
        yield f"not shown for the tag {worst.tag}: {interval_of(worst)}"


def _must_pass(seen: Evidence) -> Iterator[tuple[str, bool | None, bool | None]]:
    """Yield each case that must pass, and whether each model passed it; None where it was not judged.

    After an early stop for harm the cases that were not asked are not missing.
    """
    for row in seen.results.rows:
        if row.case.must_pass and (seen.treatment in row.arms or seen.stop is None or seen.stop.side == "promote"):
            arms = (row.arms.get(arm) for arm in (CONTROL, seen.treatment))
            control, treatment = (not arm.misses if arm is not None and arm.judged else None for arm in arms)
            yield row.name, control, treatment


def _undecided(seen: Evidence) -> Iterator[Criterion]:
    """Yield the critical rows that the run's early stop has not decided."""
    return (row for row in seen.critical if seen.stop is None or row.name != PASS_RATE)


def _missing(seen: Evidence) -> str:
    causes = ", ".join(f"{number:,} {cause}" for cause, number in sorted(seen.unjudged.items(), key=_most_first))
    total = plural(seen.missing + len(seen.pairs), "case")
    return f"no result on both models for {seen.missing:,} of {total}: {causes}"


def _most_first(cause: tuple[str, int]) -> tuple[int, str]:
    return -cause[1], cause[0]


def _unasserted(seen: Evidence) -> str:
    return (
        f"nothing was asserted about {seen.unasserted:,} of {plural(len(seen.pairs), 'case')}: give them expect or "
        "min_similarity, or assert in the test (asserts=True in the marker where a helper does)"
    )


def _cases(names: list[str]) -> str:
    return "case" if len(names) == 1 else "cases"
