"""The checks of one case, as pure functions from replies to failed expectations."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.expectations import JUDGED_SIMILARITY, REFERENCE_SIMILARITY, check_expect
from pytest_graysplit.cases.checks.json_expectations import check_json, no_match
from pytest_graysplit.cases.checks.tool_call_expectations import check_readable, check_tool_calls, check_without_text
from pytest_graysplit.cases.tool_calls.matching import TOOL_CALLS
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import exact_number, excerpt, format_near_bound, shortlist
from pytest_graysplit.types import CONTROL, Expect, FailedExpectation, flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_graysplit.cases.json_fields.matching import MatchText
    from pytest_graysplit.types import Case, Comparison, CriterionResult, PairScore, Reply

_Kind = Literal["outcome", "expect", "tool_calls", "latency", "latency-ratio", "cost", "similarity", "guard", "rubric"]

# The kinds of failures of one reply; the others are about all replies of an arm.
_OF_ONE_REPLY: frozenset[_Kind] = frozenset({"outcome", "expect", "tool_calls", "latency", "cost", "rubric"})

_OUTCOMES = {
    "empty": (
        "the answer is empty",
        "raise max_tokens in params (hidden reasoning may have used them up), or look at the prompt",
        Slug.OUTCOME_EMPTY,
    ),
    "refusal": (
        "the model refused to answer",
        "reword the prompt; if a refusal is right, remove the case from the suite",
        Slug.OUTCOME_REFUSAL,
    ),
    "truncated": (
        "the answer was cut off at its token limit",
        "raise max_tokens in params (newer models: max_completion_tokens), or ask for a shorter answer",
        Slug.OUTCOME_TRUNCATED,
    ),
    "filtered": (
        "a content filter stopped the answer",
        "reword the prompt, or have the filter of the relay or the model changed",
        Slug.OUTCOME_FILTERED,
    ),
}
_REPEAT = 'set min_similarity="auto", lower it, send temperature=0, or check the task with expect'


def check_reply(
    case: Case,
    reply: Reply,
    arm: str,
    score: Callable[[str, str], float | None],
    match_text: MatchText = no_match,
) -> list[FailedExpectation]:
    """Check one reply: its outcome, `expect` and budgets; `score` compares two texts, from 0 to 1.

    `match_text` compares two texts of `json_fields`. `arm` is "control" or the treatment's model. A failed call is one
    failure, and nothing else is checked.
    """
    if reply.outcome == "ok" and _asks_nothing(case):
        return []  # the most common case of a large suite; saves a tenth of the time of a replayed test
    if reply.outcome == "error":
        return _failed("outcome", arm, reply, [_failed_call(reply)])
    failed = _failed("outcome", arm, reply, _outcome(reply))
    if (case.expect or case.json_fields) and _has_answer(reply):
        expect = case.expect or Expect()
        failed += _failed("expect", arm, reply, _expected(expect, case, reply, score, match_text))
        failed += _failed("tool_calls", arm, reply, check_tool_calls(expect, reply.tool_calls))
    if case.min_similarity is not None or (case.expect and case.expect.tool_calls):
        failed += _failed("tool_calls", arm, reply, check_readable(reply.tool_calls))
    failed += _failed("latency", arm, reply, _latency(case.max_latency_s, reply.latency_s))
    failed += _failed("latency", arm, reply, _first_token(case.max_ttft_s, reply))
    failed += _failed("cost", arm, reply, _cost(case.max_cost_usd, reply))
    return failed


def failed_check(kind: _Kind, arm: str, reply: Reply, failure: CheckFailure) -> FailedExpectation:
    """Return the failed expectation of an arm whose reply did not pass a check."""
    return _failed(kind, arm, reply, [failure])[0]


def check_rubric(reply: Reply, arm: str, results: Sequence[CriterionResult]) -> list[FailedExpectation]:
    """Return the criteria of a rubric that a reply fails; a criterion without a verdict is not a failure.

    They are about all answers of a conversation.
    """
    return _failed("rubric", arm, replace(reply, turn=None), _missed_criteria(results))


def has_text(reply: Reply) -> bool:
    """Tell whether the reply has a text that can be compared with a reference."""
    return reply.outcome != "error" and bool(reply.text.strip())


def _has_answer(reply: Reply) -> bool:
    return reply.outcome == "ok" or has_text(reply) or (reply.outcome != "error" and bool(reply.tool_calls))


def _asks_nothing(case: Case) -> bool:
    budgets = (case.max_latency_s, case.max_ttft_s, case.max_cost_usd)
    return (
        case.expect is None and not case.json_fields and case.min_similarity is None and budgets == (None, None, None)
    )


def _expected(
    expect: Expect, case: Case, reply: Reply, score: Callable[[str, str], float | None], match_text: MatchText
) -> Iterator[CheckFailure]:
    """Yield failures of `expect`; a reply that calls a tool may have no text, which is not an empty answer."""
    if reply.tool_calls and not reply.text.strip():
        return check_without_text(expect, reply.tool_calls)
    close_enough = JUDGED_SIMILARITY if case.metric == "judge" else REFERENCE_SIMILARITY
    rest = replace(expect, json=None, json_schema=None) if case.json_fields else expect
    return chain(
        check_expect(rest, reply.text, score, close_enough, case.prompt),
        check_json(expect, reply.text, case.json_fields, match_text) if case.json_fields else (),
    )


def _missed_criteria(results: Sequence[CriterionResult]) -> Iterator[CheckFailure]:
    for place, one in enumerate(results):
        if one.holds is False:
            reason = f": {one.reason}" if one.reason else ", the judge gave no reason"
            problem = f"rubric: {excerpt(one.criterion)} does not hold{reason}"
            hint = "read the answer; if the judge is wrong, name in the criterion what the answer must say"
            yield CheckFailure(problem, hint, Slug.EXPECT_RUBRIC, f"rubric[{place}]")


def check_comparison(case: Case, comparison: Comparison, arm: str) -> list[FailedExpectation]:
    """Check a treatment against the similarity threshold, the guards' veto and the latency ratio.

    With several samples it fails if fewer than half of its pairs with the control's answers reach the threshold.
    """
    treatment = comparison.treatment
    failed = _failed("similarity", arm, treatment, _similarity(comparison))
    if not failed:
        failed = _failed("guard", arm, treatment, _guards(comparison))
    failed = [replace(failure, turn=comparison.parting_turn) for failure in failed]
    return failed + _failed("latency-ratio", arm, treatment, _latency_ratio(case.max_latency_ratio, comparison))


def check_control(case: Case, control: Reply, pairs: Sequence[PairScore]) -> list[FailedExpectation]:
    """Check the control against the treatment's threshold and the guards' veto, by the pairs of its own answers."""
    threshold = case.min_similarity
    known = [pair for pair in pairs if pair.is_scored]
    if not known or threshold is None or isinstance(threshold, str):
        return []
    to = "to its own other answer" if len(known) == 1 else "to its own other answers"
    if not _is_majority(pair.is_alike(threshold) for pair in known):
        below = _below(known, threshold, calibrated=case.calibrated)
        remedy = "check the task with expect" if case.calibrated else _REPEAT
        strict = "the control is less consistent with itself than that, so the threshold is too strict for a treatment"
        hint = f"{strict}: {remedy}"
        problem = f"similarity {_mean(known, threshold)} {to} {below}"
        failure = CheckFailure(problem, hint, Slug.CONTROL_SIMILARITY, "min_similarity")
        return _failed("similarity", "control", control, [failure])
    reached = f"similarity {_mean(known, threshold)} {to} reaches {exact_number(threshold)}"
    return _failed("guard", "control", control, _vetoes(known, threshold, reached))


def _is_majority(reached: Iterable[bool]) -> bool:
    """Tell whether at least half of the pairs reach the threshold."""
    each = list(reached)
    return 2 * sum(each) >= len(each)


def _mean(pairs: Sequence[PairScore], threshold: float) -> str:
    return str(format_near_bound(fmean(pair.similarity or 0.0 for pair in pairs), threshold))


def _below(pairs: Sequence[PairScore], threshold: float, *, calibrated: bool) -> str:
    how = " (auto: the control with itself stays above it in 95% of cases)" if calibrated else ""
    reaching = sum(pair.is_alike(threshold) for pair in pairs)
    if not reaching:
        return f"is below {exact_number(threshold)}{how}"
    return f"on average, {reaching} of {len(pairs)} pairs reach {exact_number(threshold)}{how}"


def _failed(kind: _Kind, arm: str, reply: Reply, failures: Iterable[CheckFailure]) -> list[FailedExpectation]:
    name = _arm_name(arm, reply)
    if kind in _OF_ONE_REPLY and reply.turn is not None:
        name = f"{name}, turn {reply.turn + 1}"
    return [
        FailedExpectation(
            arm=arm,
            kind=kind,
            problem=_printable(f"{name}: {failure.problem}"),
            hint=failure.hint,
            slug=failure.slug,
            check=failure.check,
            sample=reply.sample if kind in _OF_ONE_REPLY else None,
            turn=reply.turn if kind in _OF_ONE_REPLY else None,
        )
        for failure in failures
    ]


def _printable(problem: str) -> str:
    # A model can write half a surrogate pair, which no terminal and no report accepts.
    return problem.encode("utf-8", "backslashreplace").decode()


def _arm_name(arm: str, reply: Reply) -> str:
    return f"control {reply.model}" if arm == CONTROL else f"treatment {arm or reply.model}"


def _failed_call(reply: Reply) -> CheckFailure:
    cause = " ".join((reply.error or "the call failed").split())
    if reply.retryable:
        hint = "failed calls count; run again later, and only missing replies are fetched"
    else:
        hint = "failed calls count, and another attempt will not help: fix the cause, then run again"
    failed = next((call for call in reversed(reply.calls) if call.error == reply.error), reply)  # of an application
    return CheckFailure(
        f"no answer after {_times(failed.attempts)}: {cause}", hint, reply.error_slug or Slug.OUTCOME_ERROR, "outcome"
    )


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"


def _outcome(reply: Reply) -> Iterator[CheckFailure]:
    if reply.outcome in _OUTCOMES:
        problem, hint, slug = _OUTCOMES[reply.outcome]
        if reply.outcome == "empty" and reply.reasoning.strip():
            problem = "the answer is empty, the model sent only reasoning"
        if reply.outcome == "truncated" and reply.calls:
            hint = "let the application send a higher max_tokens (or set it in the params of the arm), or ask for less"
        yield CheckFailure(problem, hint, slug, "outcome")


def _latency(budget_s: float | None, latency_s: float | None) -> Iterator[CheckFailure]:
    if budget_s is not None and latency_s is not None and latency_s > budget_s:
        problem = f"took {format_near_bound(latency_s, budget_s)} s, the budget is {exact_number(budget_s)} s"
        hint = "raise max_latency_s, or ask for a shorter answer"
        yield CheckFailure(problem, hint, Slug.LATENCY_BUDGET, "max_latency_s")


def _first_token(budget_s: float | None, reply: Reply) -> Iterator[CheckFailure]:
    if budget_s is None or not (reply.text.strip() or reply.tool_calls):
        return
    if reply.ttft_s is None:
        problem = (
            f"its time to the first token is unknown, so the budget of {exact_number(budget_s)} s cannot be checked"
        )
        hint = "the relay sent the whole answer at once: have it stream, or use max_latency_s"
        yield CheckFailure(problem, hint, Slug.TTFT_UNKNOWN, "max_ttft_s")
    elif reply.ttft_s > budget_s:
        took = format_near_bound(reply.ttft_s, budget_s)
        problem = f"the first token took {took} s, the budget is {exact_number(budget_s)} s"
        hint = "raise max_ttft_s, shorten the prompt, or choose a lower reasoning effort"
        yield CheckFailure(problem, hint, Slug.TTFT_BUDGET, "max_ttft_s")


def _cost(budget_usd: float | None, reply: Reply) -> Iterator[CheckFailure]:
    if budget_usd is None:
        return
    if reply.cost_usd is None:
        problem = f"its cost is unknown, so the budget of ${exact_number(budget_usd)} cannot be checked"
        yield CheckFailure(problem, _price_hint(_unpriced(reply)), Slug.COST_UNKNOWN, "max_cost_usd")
    elif reply.cost_usd > Decimal(str(budget_usd)):
        problem = f"cost ${format_near_bound(reply.cost_usd, budget_usd)}, the budget is ${exact_number(budget_usd)}"
        hint = "raise max_cost_usd, or ask for a shorter answer"
        yield CheckFailure(problem, hint, Slug.COST_BUDGET, "max_cost_usd")


def _unpriced(reply: Reply) -> Reply:
    """Return the call of an application whose cost is unknown; the reply itself where it is a single call."""
    answered = (call for call in reply.calls if call.outcome != "error")
    return next((call for call in answered if call.cost_usd is None), reply)


def _price_hint(reply: Reply) -> str:
    if not reply.is_counted:
        return "the relay sent no token usage with this answer: have it send usage, or remove max_cost_usd"
    if reply.reported_cost_usd == 0:
        return (
            "the relay reported a cost of 0, and the model has a price: if it is free, say so in pyproject.toml: "
            f'[tool.graysplit.prices] "{reply.model}" = {{input = 0, output = 0}}'
        )
    if reply.usage is not None and reply.usage.unpriced:
        uncovered = "sounds, images, searches, or a provider's own bill"
        return f"no price table covers a part of it ({uncovered}): remove max_cost_usd"
    written = ", cache_write = ..." if reply.usage is not None and reply.usage.cache_write else ""
    return (
        f'give its price in pyproject.toml: [tool.graysplit.prices] "{reply.model}" = '
        f"{{input = ..., output = ...{written}}}, in USD per million tokens; or pip install pytest-graysplit[prices]"
    )


def _similarity(comparison: Comparison) -> Iterator[CheckFailure]:
    threshold, known = comparison.threshold, [pair for pair in comparison.pairs if pair.is_scored]
    if threshold is None or comparison.leaves_no_field:
        return
    if not known:
        sides = ((reply, arm) for reply, arm in ((comparison.control, "control"), (comparison.treatment, "")))
        silent = [_arm_name(arm, reply) for reply, arm in sides if not reply.text.strip()] or ["one side"]
        problem = f"no similarity to compare with {exact_number(threshold)}: {' and '.join(silent)} gave no text"
        hint = "fix that answer first: its own failure says how"
        yield CheckFailure(problem, hint, Slug.SIMILARITY_UNKNOWN, "min_similarity")
    elif not _is_majority(pair.is_alike(threshold) for pair in known):
        below = _below(known, threshold, calibrated=comparison.calibrated)
        fields = list(dict.fromkeys(one.field for one in comparison.fields))
        differ = f": {shortlist(fields)} {'differs' if len(fields) == 1 else 'differ'}" if fields else ""
        lowest = "lowest " if comparison.turns else ""
        reached = _mean(known, threshold)
        problem = f"{lowest}{comparison.metric} similarity {reached} {below}{_at_turn(comparison)}{differ}"
        lower = "" if comparison.calibrated else "lower min_similarity, "
        other = "use expect.tool_calls" if comparison.metric == TOOL_CALLS else "choose another metric, or use expect"
        hint = f"where both answers are right, {lower}{other}"
        yield CheckFailure(problem, hint, Slug.SIMILARITY_BELOW, "min_similarity")


def _guards(comparison: Comparison) -> Iterator[CheckFailure]:
    threshold, known = comparison.threshold, [pair for pair in comparison.pairs if pair.is_scored]
    if threshold is None or not known:
        return
    reached = f"{comparison.metric} similarity {_mean(known, threshold)} reaches {exact_number(threshold)}"
    yield from _vetoes(known, threshold, reached)


def _at_turn(comparison: Comparison) -> str:
    """Name the first turn of a conversation whose pair of answers misses the threshold or is flagged."""
    turn = comparison.parting_turn
    return "" if turn is None else f", the first time at turn {turn + 1} of {len(comparison.case.turns)}"


def _vetoes(pairs: Sequence[PairScore], threshold: float, reached: str) -> Iterator[CheckFailure]:
    if _is_majority(pair.reaches(threshold) for pair in pairs):
        return
    for flag in flags_of(pairs):
        hint = "similarity does not show this difference; if it is harmless, leave min_similarity out and use expect"
        problem = f"{reached}, but the guard {flag.name} vetoes it: {flag.detail}"
        yield CheckFailure(problem, hint, Slug.GUARD_VETO, f"guard.{flag.name}")


def _latency_ratio(budget: float | None, comparison: Comparison) -> Iterator[CheckFailure]:
    ratio = comparison.latency_ratio
    if budget is None or ratio is None or ratio <= budget:
        return
    problem = f"took x{format_near_bound(ratio, budget)} as long as the control, the budget is x{exact_number(budget)}"
    hint = "raise max_latency_ratio, or ask for a shorter answer"
    yield CheckFailure(problem, hint, Slug.LATENCY_RATIO, "max_latency_ratio")
