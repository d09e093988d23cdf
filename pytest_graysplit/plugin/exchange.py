"""One case as it is lived through in a test: the replies, the comparison, the misses, and what is reported of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from pytest_graysplit.checks.held import check_comparison, check_control, check_reply
from pytest_graysplit.comparison import compare, self_similarity
from pytest_graysplit.errors import GraysplitError
from pytest_graysplit.results import CONTROL, ArmResult, CaseResult
from pytest_graysplit.types import Miss

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_graysplit.comparison import Score
    from pytest_graysplit.plugin.plans import Plan
    from pytest_graysplit.runner import Runner
    from pytest_graysplit.types import Case, Comparison, Reply


class NoReply:
    """Stands where a reply should be, in a fixture of the user's that asks too early; says why there is none."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        pytest.fail(self._reason, pytrace=False)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """The replies of one item's arms, and what they were held to."""

    plan: Plan
    replies: dict[str, tuple[Reply, ...]] = field(default_factory=dict)
    comparison: Comparison | None = None
    self_similarity: float | None = None
    problem: GraysplitError | None = None
    body_error: str | None = None

    @classmethod
    def held(cls, plan: Plan, runner: Runner, score_of: Callable[[Case], Score]) -> Exchange:
        """Wait for the replies and compare them; a reply that cannot be had is kept as the exchange's problem."""
        exchange = cls(plan=plan)
        try:
            exchange.replies = {arm: tuple(map(runner.reply, wishes)) for arm, wishes in plan.wishes.items()}
        except GraysplitError as error:
            exchange.problem = error
            return exchange
        if CONTROL in exchange.replies:
            exchange._compare(score_of(plan.case))  # its own
        return exchange

    def _compare(self, score: Score) -> None:
        case, control, treatment = self.plan.case, self.replies[CONTROL], self.replies.get(self.plan.treatment)
        try:
            if treatment is not None:
                self.comparison = compare(case, control, treatment, metric=cast("str", case.metric), score=score)
                self.self_similarity = self.comparison.self_similarity
            elif case.min_similarity is not None:
                self.self_similarity = self_similarity(control, score)
        except GraysplitError as error:  # a metric that the user's hook turned out not to know
            self.problem = error

    @property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that this item is about."""
        return (self.plan.alone,) if self.plan.alone else (CONTROL, self.plan.treatment)

    @property
    def blocked(self) -> bool:
        """Whether the body cannot run, because a reply it needs is missing or is an error."""
        return self.problem is not None or any(
            reply.outcome == "error" for arm in self.judged_arms for reply in self.replies[arm]
        )

    def comparison_or_reason(self) -> Comparison:
        """Return the comparison for the fixture."""
        if self.blocked or self.comparison is None:
            return cast("Comparison", NoReply(self._reason()))
        return self.comparison

    def reply_or_reason(self) -> Reply:
        """Return the only arm's reply for the fixture."""
        if self.blocked:
            return cast("Reply", NoReply(self._reason()))
        return self.replies[self.judged_arms[0]][0]

    def _reason(self) -> str:
        if self.problem is not None:
            return str(self.problem)
        causes = [reply.error for arm in self.judged_arms for reply in self.replies[arm] if reply.error]
        return f"no answer to case {self.plan.case.id!r}: {causes[0]}" if causes else "this test has no comparison"

    def result(self, nodeid: str, score: Score) -> CaseResult:
        """Judge each arm and return what goes into the results."""
        return CaseResult(
            case=self.plan.case,
            request=self.plan.request,
            nodeid=nodeid,
            file=self.plan.file,
            arms=tuple(self._arm(arm, score) for arm in self.judged_arms),
            comparison=self.comparison,
            differing=self.plan.differing,
        )

    def _arm(self, arm: str, score: Score) -> ArmResult:
        replies = self.replies.get(arm, ())
        own, spare = replies[: self.plan.samples], replies[self.plan.samples :]
        each = [check_reply(self.plan.case, reply, arm, partial(_text_score, score, reply)) for reply in own]
        whole = self._missed_as_a_whole(arm)
        misses = (*chain.from_iterable(each), *whole)
        return ArmResult(
            arm=arm,
            model=self.plan.wishes[arm][0].key.model,
            replies=own,
            spare=spare,
            misses=misses,
            missed=frozenset() if whole else frozenset(number for number, some in enumerate(each) if some),
            judged=bool(misses) or not self._unjudgeable(arm),
        )

    def _missed_as_a_whole(self, arm: str) -> list[Miss]:
        """Return what all replies of the arm missed together: its similarity, and the body of the test."""
        case: Case = self.plan.case
        misses: list[Miss] = []
        if arm == CONTROL and (replies := self.replies.get(arm)):
            misses += check_control(case, replies[0], self.self_similarity)
        if self.comparison is not None and arm != CONTROL and not self.blocked:
            misses += check_comparison(case, self.comparison, arm)
        if self.body_error is not None and arm == self.judged_arms[-1]:
            misses.append(_body_miss(arm, self.body_error))
        return misses

    def _unjudgeable(self, arm: str) -> bool:
        """Whether nothing can be said of the arm: no reply, or asserted against a control that gave none."""
        if self.problem is not None:
            return True
        held_against_control = self.plan.has_body or self.plan.case.min_similarity is not None
        return arm != CONTROL and self.blocked and self.plan.alone is None and held_against_control


def _text_score(score: Score, reply: Reply, reference: str, text: str) -> float:
    return score(replace(reply, text=reference), replace(reply, text=text))


def _body_miss(arm: str, error: str) -> Miss:
    return Miss(
        arm=arm,
        kind="body",
        problem=f"the test body failed: {error}",
        hint="the traceback above shows the assert; both answers are below",
        slug="body-failed",
    )
