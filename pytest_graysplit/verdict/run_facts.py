"""Facts about a run beside its pairs: how much of the suite it covered, and which models answered."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.config.policy import TRUNCATED
from pytest_graysplit.formatting.clock import moment_of
from pytest_graysplit.formatting.display import listed, percent, plural
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.stats.distributions import binomial_cdf
from pytest_graysplit.verdict.judge_standing import UNKNOWN_JUDGE, JudgeStanding
from pytest_graysplit.verdict.results import CONTROL, is_aa_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Comparison, Reply
    from pytest_graysplit.verdict.results import ArmResult, CaseRow, Results

# The share of the cases with a latency ratio budget that may stay without a judgement.
MUCH_UNJUDGED = 0.05
# The share of the cases that may send the same request for both arms.
MUCH_THE_SAME = 0.05
# The probability of the caveat about a cache if the application has none.
CACHE_ALPHA = 0.01
# Suffixes by which relays name the build of a model.
_RELEASE = re.compile(r"(?:[:@].*|-latest|-\d{3,8}|-\d{4}-\d{2}-\d{2}|-\d{2}-\d{2}(?:-\d{4})?)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """The reason why a run stopped asking a treatment: harm or promise was shown after so many cases."""

    side: Literal["harm", "promote"]
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """The part of the suite that the run covered.

    `cut` says why it is not the whole suite (interrupted, selected), and `lost` counts the tests without a result.
    `budget` says that the budget was used up. `stops` names the treatments that were decided early. `judge` is the
    standing of the judge of the rubrics.
    """

    cut: tuple[str, ...] = ()
    lost: int = 0
    budget: str = ""
    stops: Mapping[str, StopReason] = field(default_factory=dict)
    judge: JudgeStanding = UNKNOWN_JUDGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Caveat:
    """A reason not to trust the pairs, with its weight.

    "mistaken": the answers are not those of the requested models. "holding": a promotion must wait. "noted": a remark
    on a promotion.
    """

    text: str
    weight: Literal["mistaken", "holding", "noted"]


def caveats_of(results: Results, treatment: str, truncated: float = TRUNCATED) -> tuple[Caveat, ...]:
    """Return the reasons not to trust the pairs of a treatment, each a sentence of the summary.

    `truncated` is the share of each arm's answers that may be cut off before a promotion must wait.
    """
    rows = {arm: [row.arms[arm] for row in results.rows if arm in row.arms] for arm in (CONTROL, treatment)}
    arms = [arm for some in rows.values() for arm in some]
    return (
        *(Caveat(text=text, weight="mistaken") for text in _strangers(arms)),
        *(Caveat(text=text, weight="mistaken") for text in _gateways(arms)),
        *(Caveat(text=text, weight="mistaken") for text in _differing(results, treatment)),
        *_same_requests(results, treatment),
        *(Caveat(text=text, weight="mistaken") for some in rows.values() for text in _dropped_limits(some)),
        *(Caveat(text=text, weight="mistaken") for some in rows.values() for text in _elsewhere(some)),
        *(Caveat(text=text, weight="mistaken") for some in rows.values() for text in _unknown_params(some)),
        *(caveat for some in rows.values() for caveat in _truncated(some, truncated)),
        *(Caveat(text=text, weight="holding") for text in _ratio_budgets(results, treatment)),
        *(Caveat(text=text, weight="holding") for text in _answered_by_a_cache(results, treatment)),
    )


def _replies(arms: list[ArmResult]) -> Iterator[Reply]:
    return (answer for arm in arms for answer in arm.model_answers)


def _strangers(arms: list[ArmResult]) -> Iterator[str]:
    strangers = Counter(
        (reply.model, reply.served_model)
        for reply in _replies(arms)
        if reply.served_model and not same_model(reply.model, reply.served_model)
    )
    for (asked, served), number in sorted(strangers.items()):
        yield f"{asked} was requested, {on_one_line(served)} answered: {plural(number, 'reply', 'replies')}"


def _gateways(arms: list[ArmResult]) -> Iterator[str]:
    if number := sum(reply.fell_back for reply in _replies(arms)):
        yield f"the gateway retried or fell back by itself: {plural(number, 'reply', 'replies')}"


def _differing(results: Results, treatment: str) -> Iterator[str]:
    rows = [row.differing[treatment] for row in results.rows if treatment in row.differing]
    if rows:
        names = sorted({name for row in rows for name in row})
        verb = "differs" if len(names) == 1 else "differ"
        yield f"the models got different requests, {listed(names)} {verb}: {plural(len(rows), 'case')}"


def _same_requests(results: Results, treatment: str) -> Iterator[Caveat]:
    """Yield a caveat for cases whose requests the configuration of the treatment does not change."""
    rows = [row for row in results.rows if treatment in row.arms]
    if is_aa_run(rows, treatment):
        return
    if number := sum(treatment in row.same_request for row in rows):
        text = f"both arms sent the same request in {number:,} of {plural(len(rows), 'case')}: their own params, or a "
        text += f"hook, replace what {treatment} declares"
        yield Caveat(text=text, weight="holding" if number > MUCH_THE_SAME * len(rows) else "noted")


def _dropped_limits(arms: list[ArmResult]) -> Iterator[str]:
    if number := sum(arm.over_limit for arm in arms):
        replies = plural(number, "reply", "replies")
        yield f"{arms[0].label} answered with more tokens than its limit allows, so the relay dropped it: {replies}"


def _elsewhere(arms: list[ArmResult]) -> Iterator[str]:
    if number := sum(arm.elsewhere for arm in arms):
        replies = plural(number, "reply", "replies")
        yield f"{arms[0].label} was recorded at an address or with headers that its table has no more: {replies}"


def _unknown_params(arms: list[ArmResult]) -> Iterator[str]:
    if number := sum(one.params_unknown for reply in _replies(arms) for one in reply.turns):
        replies = plural(number, "reply", "replies")
        text = f"{arms[0].label} may have been asked with other parameters, its log does not tell them: {replies}"
        yield f"{text}, --graysplit-record=all asks again"


def _truncated(arms: list[ArmResult], allowed: float) -> Iterator[Caveat]:
    replies = list(_replies(arms))
    if number := sum(reply.outcome == "truncated" for reply in replies):
        total = plural(len(replies), "reply", "replies")
        text = f"{arms[0].label} was cut off at its token limit: {number} of {total} ({percent(number, len(replies))})"
        yield Caveat(text=text, weight="holding" if number > allowed * len(replies) else "noted")


def ratio_budgets_apart(results: Results, treatment: str) -> tuple[int, int]:
    """Return the number of cases whose latency ratio could not be judged, and of those with a budget for it."""
    budgeted = [
        row.comparisons[treatment]
        for row in results.rows
        if treatment in row.comparisons and row.case.max_latency_ratio is not None
    ]
    return sum(one.latency_ratio is None and _is_timed(one) for one in budgeted), len(budgeted)


def _is_timed(one: Comparison) -> bool:
    return one.treatment.latency_s is not None and bool(one.control.latency_s)


def _ratio_budgets(results: Results, treatment: str) -> Iterator[str]:
    """Yield a reason if more than a few cases with a latency ratio budget were not judged.

    The user asserted the budget, and it was not shown. It is not a miss, because the recording time says nothing about
    the model.
    """
    apart, budgeted = ratio_budgets_apart(results, treatment)
    if apart > MUCH_UNJUDGED * budgeted:
        yield unjudged_ratios(apart, budgeted)


def _answered_by_a_cache(results: Results, treatment: str) -> Iterator[str]:
    """Yield a reason if the arm that runs second makes fewer calls, more often than by chance.

    Either arm runs first in about half of the cases. An application that keeps answers from one run to the next gives
    the second run those of the other model, so that both seem alike.
    """
    later = [fewer for row in results.rows if (fewer := _second_made_fewer(row, treatment)) is not None]
    if any(later) and 1 - binomial_cdf(sum(later) - 1, len(later), 0.5) <= CACHE_ALPHA:
        yield (
            f"the arm that ran second made fewer calls in {sum(later):,} of {plural(len(later), 'case')} in which both "
            "differ: the application may keep answers of the other model, clear its caches before each test"
        )


def _second_made_fewer(row: CaseRow, treatment: str) -> bool | None:
    """Tell whether the later run of a case made fewer calls; None if both made as many, or the order is not known."""
    arms = [row.arms[arm] for arm in (CONTROL, treatment) if arm in row.arms]
    if len(arms) < 2 or not all(arm.judged and arm.apps and arm.replies for arm in arms):
        return None
    began = [moment_of(arm.replies[0].at) for arm in arms]
    control, other = (arm.apps[0].swapped_calls for arm in arms)
    if began[0] is None or began[1] is None or began[0] == began[1] or control == other:
        return None
    return (other < control) == (began[1] > began[0])


def unjudged_ratios(apart: int, budgeted: int) -> str:
    """Say in how many of the cases with a latency ratio budget it was not judged."""
    return (
        f"max_latency_ratio was not judged in {apart:,} of {plural(budgeted, 'case')}: their answers were "
        "not measured side by side, --graysplit-record=all measures both again"
    )


def same_model(asked: str, served: str) -> bool:
    """Tell whether the answering model is the requested one, under a dated, prefixed or variant name of it.

    >>> same_model("gpt-4.1", "openai/gpt-4.1-2025-04-14"), same_model("gpt-4.1", "gpt-4.1-mini")
    (True, False)
    """
    return _plain_name(asked) == _plain_name(served)


def _plain_name(model: str) -> str:
    # openai/gpt-4.1-2025-04-14, models/gemini-2.5-flash-001, llama3:latest, deepseek-v3.2:free, sonnet@20250929
    return _RELEASE.sub("", model.lower().rpartition("/")[2])
