"""Rules of the verdict: each is a function from the evidence to its reasons, and applies if it yields any."""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit import stats
from pytest_graysplit.config.policy import GUARDS, PASS_RATE, WAIT_QUANTILES
from pytest_graysplit.formatting.display import percent, plural, shortlist
from pytest_graysplit.verdict.criteria import rejecting
from pytest_graysplit.verdict.evidence import HARM_EVIDENCE
from pytest_graysplit.verdict.pairs import unseen_losses
from pytest_graysplit.verdict.pass_criteria import pass_rate_criteria
from pytest_graysplit.verdict.planning import FEWEST_PAIRS
from pytest_graysplit.verdict.reasons import interval_of, label_of, reason_of
from pytest_graysplit.verdict.results import CONTROL
from pytest_graysplit.verdict.rule_table import tolerated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.verdict.criteria import Criterion
    from pytest_graysplit.verdict.evidence import Evidence

# If a larger share of the cases has no result, the others do not represent the suite.
MUCH_MISSING = 0.05
# With fewer passes than two margins, losing half of them would be within the margin.
FEWEST_MARGINS = 2


def against_itself(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if a rule would reject a model against itself: in an A/A run, harm can only be noise."""
    rejections = (reason for rule in (must_pass, stopped_for_harm, harmful) for reason in rule(evidence))
    if evidence.is_aa_run and any(rejections):
        yield "one model in both roles cannot be worse than itself, so this suite is too noisy for its size"


def mistaken(evidence: Evidence) -> Iterator[str]:
    """Yield reasons why the answers are not those of the two models, asked alike."""
    return (caveat.text for caveat in evidence.caveats if caveat.weight == "mistaken")


def unfounded(evidence: Evidence) -> Iterator[str]:
    """Yield reasons why the run shows nothing: no pair, no assertion, or no pass."""
    if not evidence.pairs:
        yield "no case was judged on both models"
        if evidence.missing:
            yield _missing(evidence)
    elif not evidence.rated:
        yield _unasserted(evidence)
    elif not any(evidence.passes):
        yield f"neither model passes any of {plural(len(evidence.rated), 'case')}: the suite or its checks are broken"


def must_pass(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if the treatment missed a case that must pass, and the control passed it.

    One wrong verdict of a judge must not reject a treatment, so a case that it missed by its rubric alone holds.
    """
    if missed := [case.name for case in _must_pass(evidence) if case.is_broken and not case.by_rubric]:
        yield f"must_pass {_cases(missed)} missed: {shortlist(missed)}"


def misjudged(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if labels show that the judge may be no better than a coin.

    A judge without labels may reject, because errors that are alike on both arms only make a harm look smaller. That is
    true of a judge that says yes more often to answers that hold, which these labels do not show.
    """
    judge = evidence.judge
    if judge is not None and judge.standing.may_be_a_coin:
        yield f"{judge.standing.name} is uncalibrated: {judge.standing.uncalibrated_because}"


def stopped_for_harm(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if the run stopped early because the treatment does harm."""
    if evidence.stop is not None and evidence.stop.side == "harm":
        yield f"pass rate: harm was shown after {plural(evidence.stop.after, 'case')}, and the run stopped early"


def unfinished(evidence: Evidence) -> Iterator[str]:
    """Yield reasons why the run shows too little: interrupted, over the budget, too much missing, or too small."""
    yield from evidence.facts.cut
    if evidence.facts.budget:
        yield evidence.facts.budget
    if evidence.missing_share > MUCH_MISSING:
        yield _missing(evidence)
    if 0 < len(evidence.rated) < FEWEST_PAIRS and evidence.stop is None:
        yield f"only {plural(len(evidence.rated), 'case')}; a verdict needs at least {FEWEST_PAIRS}"
        if evidence.unasserted:
            yield _unasserted(evidence)


def between_looks(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if looks were planned and the suite is at none of them."""
    looks = evidence.policy.looks
    if not looks or evidence.look is not None:
        return
    cases, place = plural(evidence.cases, "case"), bisect(looks, evidence.cases)
    if place == len(looks):
        yield f"the suite has {cases}, beyond the last planned look at {looks[-1]}: a new verdict needs a new suite"
    elif place == 0:
        yield f"the suite has {cases}, before the first planned look at {looks[0]}"
    else:
        yield (
            f"the suite has {cases}, between the planned looks {looks[place - 1]} and {looks[place]}: "
            f"the next verdict is at {looks[place]}"
        )


def harmful(evidence: Evidence) -> Iterator[str]:
    """Yield the critical criteria that fail (Holm 1979 over all of them), else the harm shown by betting."""
    found = [reason_of(criterion) for criterion in rejecting(evidence.critical, evidence.reject_alpha)]
    yield from found
    if evidence.accuracy is not None:  # a bet takes verdicts as they are, and the corrected row does not
        return
    differences, clusters = [pair.difference for pair in evidence.rated], [pair.cluster for pair in evidence.rated]
    values = stats.harm_e_values(differences, evidence.policy.margin, clusters)
    at = next((place for place, value in enumerate(values, 1) if value >= HARM_EVIDENCE), None)
    if at is not None and not found and PASS_RATE in evidence.policy.critical:
        yield f"pass rate: harm was shown after {at} of {plural(len(values), 'case')}, in their random order"


def uncalibrated(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if the errors of a judge that decides passes are unknown, or an early stop did not correct them.

    The pass rate is then not that of the answers, even if its row passes.
    """
    judge = evidence.judge
    if judge is not None and (why := judge.standing.uncalibrated_because):
        yield f"{judge.standing.name} is uncalibrated: {why}"
    if evidence.stop is not None and evidence.stop.side == "promote" and _has_rubric(evidence):
        yield "promise was shown early by passes that are not corrected for the judge's errors: run the whole suite"


def _has_rubric(evidence: Evidence) -> bool:
    return any(row.case.rubric for row in evidence.results.rows)


def unusable(evidence: Evidence) -> Iterator[str]:
    """Yield reasons why the suite cannot show that the treatment is as good: the deciding data is missing."""
    if not evidence.rated:
        return
    if lacking := evidence.lacking:
        yield f"nothing was measured for {shortlist([label_of(name) for name in lacking])}"
    yield from _rarely_passed(evidence)
    cases = list(_must_pass(evidence))
    both = [case.name for case in cases if case.control is False and case.treatment is False]
    if both:
        yield f"must_pass {_cases(both)} missed by both models, a fault of the suite: {shortlist(both)}"
    if unseen := [case.name for case in cases if None in (case.control, case.treatment)]:
        yield f"must_pass {_cases(unseen)} not judged on both models: {shortlist(unseen)}"


def _rarely_passed(evidence: Evidence) -> Iterator[str]:
    """Yield reasons if a model passes so few cases that the margin would hide the loss of most of them."""
    (control, treatment), n = evidence.passes, len(evidence.rated)
    least = FEWEST_MARGINS * evidence.policy.margin
    if (rate := evidence.corrected_control) is not None and rate.low < least <= control / n:
        yield (
            f"without the judge's errors the control may pass only {percent(rate.low, 1)} of {plural(n, 'case')}, "
            f"fewer than two margins ({percent(least, 1)}): the margin would hide the loss of most of them"
        )
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


def doubtful(evidence: Evidence) -> Iterator[str]:
    """Yield reasons to delay a promotion besides the criteria: cut answers, other calls, flags, a judge's miss."""
    yield from (caveat.text for caveat in evidence.caveats if caveat.weight == "holding")
    if changed := [pair.name for pair in evidence.pairs if pair.calls_changed]:
        yield f"the treatment's tool calls differ from the control's (tool-changed): {shortlist(changed)}"
    yield from (reason_of(one) for one in evidence.criteria if one.name == GUARDS and one.state == "fail")
    if missed := [case.name for case in _must_pass(evidence) if case.is_broken and case.by_rubric]:
        yield f"must_pass {_cases(missed)} missed by the rubric alone, read the answer: {shortlist(missed)}"
    yield from _overlooked(evidence)


def still_open(evidence: Evidence) -> Iterator[str]:
    """Yield the critical criteria that neither pass nor reject, with the number of cases that would decide them."""
    failing = rejecting(evidence.critical, evidence.reject_alpha)
    for criterion in _undecided(evidence):
        if criterion.state != "pass" and criterion not in failing:
            is_measured = criterion.state is not None and not criterion.of_a_free_model
            advice = f"; {evidence.advice_for(criterion).text}" if is_measured else ""
            yield f"{reason_of(criterion)}{advice}"


def corrected(evidence: Evidence) -> Iterator[str]:
    """Yield the errors of the judge for which a promotion was corrected."""
    if evidence.judge is not None and evidence.judge.standing.usable is not None:
        yield f"corrected for the errors of {evidence.judge.standing.name}: {evidence.judge.standing.described}"


def promising(evidence: Evidence) -> Iterator[str]:
    """Yield the reasons for a promotion."""
    if evidence.stop is not None:
        yield f"promise was shown after {plural(evidence.stop.after, 'case')}, and the run stopped early"
    yield from (reason_of(criterion) for criterion in _undecided(evidence))


def planned_look(evidence: Evidence) -> Iterator[str]:
    """Yield which planned look this is, and its confidence."""
    if (look := evidence.look) is not None:
        yield (
            f"look {look.number} of {len(evidence.policy.looks)}, planned at {look.n} cases: intervals of "
            f"{100 * evidence.policy.confidence:.3g}% (z {look.z:.2f})"
        )


def next_look(evidence: Evidence) -> Iterator[str]:
    """Yield which planned look this is and when the next one comes, or a warning about an unplanned second look."""
    looks = evidence.policy.looks
    for text in planned_look(evidence):
        number = evidence.look.number if evidence.look else 0
        yield f"{text}; the next is at {looks[number]}" if number < len(looks) else f"{text}; it is the last"
    if not looks and evidence.stop is None and len(evidence.pairs) >= FEWEST_PAIRS and evidence.is_open:
        yield "a verdict on more cases is a second look: plan looks before the first, --graysplit-looks"


def limits_of_promotion(evidence: Evidence) -> Iterator[str]:
    """Yield the limits of a promotion."""
    yield from tolerated(evidence.criteria)
    yield from (f"but {caveat.text}" for caveat in evidence.caveats if caveat.weight == "noted")
    if evidence.unasserted:
        yield f"but {_unasserted(evidence)}"
    unshown = [one for one in evidence.criteria if one.tag is not None and one.state == "inconclusive"]
    if unshown:
        worst = min(unshown, key=lambda one: (one.low, one.name))
        yield f"not shown for the tag {worst.tag}: {interval_of(worst)}"
    if live := [label_of(name) for name in evidence.policy.critical if name in WAIT_QUANTILES]:
        yield f"a test run does not measure {shortlist(live)}: live traffic does"


def _overlooked(evidence: Evidence) -> Iterator[str]:
    """Yield a reason if the pass rate would not pass with the control's answers passed that lack a judge's verdict."""
    lost, rated, accuracy = unseen_losses(evidence.results, evidence.treatment), evidence.rated, evidence.accuracy
    if lost and any(
        one.state != "pass" for one in pass_rate_criteria(PASS_RATE, (*rated, *lost), evidence.policy, accuracy)
    ):
        yield (
            f"the judge gave no verdict on the control in {plural(len(lost), 'case')} that the treatment fails: "
            f"{shortlist([pair.name for pair in lost])}"
        )


class _MustPass(NamedTuple):
    """A case that must pass, and whether each model passed it; None if it was not judged.

    `by_rubric` is true if the treatment missed only criteria of its rubric.
    """

    name: str
    control: bool | None
    treatment: bool | None
    by_rubric: bool

    @property
    def is_broken(self) -> bool:
        """Whether the control passed it and the treatment missed it."""
        return self.control is True and self.treatment is False


def _must_pass(evidence: Evidence) -> Iterator[_MustPass]:
    """Yield each case that must pass.

    After an early stop for harm, cases without a reply are not missing.
    """
    is_harm_stop = evidence.stop is not None and evidence.stop.side == "harm"
    for row in evidence.results.rows:
        if row.case.must_pass and (evidence.treatment in row.arms or not is_harm_stop):
            arms = [row.arms.get(arm) for arm in (CONTROL, evidence.treatment)]
            control, treatment = (not arm.misses if arm is not None and arm.judged else None for arm in arms)
            missed = () if arms[1] is None else arms[1].misses
            yield _MustPass(row.name, control, treatment, all(miss.kind == "rubric" for miss in missed))


def _undecided(evidence: Evidence) -> Iterator[Criterion]:
    """Yield the critical criteria that were not decided by an early stop of the run."""
    return (criterion for criterion in evidence.critical if evidence.stop is None or criterion.name != PASS_RATE)


def _missing(evidence: Evidence) -> str:
    causes = ", ".join(f"{number:,} {cause}" for cause, number in sorted(evidence.unjudged.items(), key=_most_first))
    total = plural(evidence.missing + len(evidence.pairs), "case")
    return f"no result on both models for {evidence.missing:,} of {total}: {causes}"


def _most_first(cause: tuple[str, int]) -> tuple[int, str]:
    return -cause[1], cause[0]


def _unasserted(evidence: Evidence) -> str:
    return (
        f"nothing was asserted about {evidence.unasserted:,} of {plural(len(evidence.pairs), 'case')}: "
        "give them expect, a rubric or min_similarity, "
        "or assert in the test (asserts=True in the marker where a helper does)"
    )


def _cases(names: list[str]) -> str:
    return "case" if len(names) == 1 else "cases"
