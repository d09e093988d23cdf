"""One case as it is lived through in a test: the replies, the comparison, the misses, and what is reported of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn, cast

import pytest

from pytest_graysplit.checks.held import check_comparison, check_control, check_reply
from pytest_graysplit.comparison import compare
from pytest_graysplit.errors import GraysplitError, UnaskedError
from pytest_graysplit.results import CONTROL, ArmResult, CaseResult
from pytest_graysplit.types import Miss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_graysplit.comparison import Score
    from pytest_graysplit.plugin.plans import Plan
    from pytest_graysplit.runner import Runner, Wish
    from pytest_graysplit.types import Case, Comparison, Reply


class NoReply:
    """Stands where a reply should be, in a fixture of the user's that asks too early; says why there is none."""

    def __init__(self, reason: str, *, unasked: bool = False) -> None:
        self._reason = reason
        self._unasked = unasked

    def __getattr__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        if self._unasked:
            pytest.skip(self._reason)
        pytest.fail(self._reason, pytrace=False)


@dataclass(slots=True, kw_only=True)
class Exchange:
    """The replies of one item's arms, and what they were held to."""

    plan: Plan
    replies: dict[str, tuple[Reply, ...]] = field(default_factory=dict)
    comparison: Comparison | None = None
    problem: GraysplitError | None = None
    body_error: str | None = None

    @classmethod
    def held(cls, plan: Plan, runner: Runner, score_of: Callable[[Case], Score]) -> Exchange:
        """Wait for the replies and compare them; a reply that cannot be had is kept as the exchange's problem."""
        exchange = cls(plan=plan)
        try:
            exchange.replies = {arm: tuple(map(runner.reply, wishes)) for arm, wishes in plan.wishes.items()}
        except UnaskedError as error:
            exchange.problem = error
            exchange.replies = {arm: tuple(_answered(runner, wishes)) for arm, wishes in plan.wishes.items()}
            return exchange
        except GraysplitError as error:
            exchange.problem = error
            return exchange
        if CONTROL in exchange.replies and plan.treatment in exchange.replies:
            exchange._compare(score_of(plan.case))  # its own
        return exchange

    def _compare(self, score: Score) -> None:
        control, treatment = self.replies[CONTROL], self.replies[self.plan.treatment]
        metric = cast("str", self.plan.case.metric)
        try:
            self.comparison = compare(self.plan.case, control, treatment, metric=metric, score=score)
        except GraysplitError as error:  # a metric that the user's hook turned out not to know
            self.problem = error

    @property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that this item is about."""
        return (self.plan.alone,) if self.plan.alone else (CONTROL, self.plan.treatment)

    @property
    def unasked(self) -> bool:
        """Whether a reply was not asked for because of the cap: nobody is to blame, and nobody is judged."""
        return isinstance(self.problem, UnaskedError)

    @property
    def blocked(self) -> bool:
        """Whether the body cannot run, because a reply it needs is missing or is an error."""
        return self.problem is not None or any(
            reply.outcome == "error" for arm in self.judged_arms for reply in self.replies[arm]
        )

    def comparison_or_reason(self) -> Comparison:
        """Return the comparison for the fixture."""
        if self.blocked or self.comparison is None:
            return cast("Comparison", NoReply(self._reason(), unasked=self.unasked))
        return self.comparison

    def reply_or_reason(self) -> Reply:
        """Return the only arm's reply for the fixture."""
        if self.blocked:
            return cast("Reply", NoReply(self._reason(), unasked=self.unasked))
        return self.replies[self.judged_arms[0]][0]

    def _reason(self) -> str:
        if isinstance(self.problem, UnaskedError):
            return self.problem.problem
        if self.problem is not None:
            return str(self.problem)
        causes = [reply.error for arm in self.judged_arms for reply in self.replies[arm] if reply.error]
        return f"no answer to case {self.plan.case.id!r}: {causes[0]}" if causes else "this test has no comparison"

    def result(self, nodeid: str, score: Score) -> CaseResult:
        """Judge each arm and return what goes into the results."""
        return CaseResult(
            case=self.plan.case,
            request=self.plan.request_hash,
            nodeid=nodeid,
            file=self.plan.file,
            arms=tuple(self._arm(arm, score) for arm in self.judged_arms),
            comparison=self.comparison,
        )

    def _arm(self, arm: str, score: Score) -> ArmResult:
        replies = self.replies.get(arm, ())
        own, spare = replies[: self.plan.samples], replies[self.plan.samples :]
        misses = () if self.unasked else self._misses(arm, own, score)
        return ArmResult(
            arm=arm,
            model=self.plan.wishes[arm][0].key.model,
            replies=own,
            spare=spare,
            misses=misses,
            judged=bool(misses) or not self._unjudgeable(arm),
            unasked=self.unasked,
        )

    def _misses(self, arm: str, replies: tuple[Reply, ...], score: Score) -> tuple[Miss, ...]:
        case: Case = self.plan.case
        misses: list[Miss] = []
        for reply in replies:
            misses += check_reply(case, reply, arm, partial(_text_score, score, reply))
        if self.comparison is not None and arm == CONTROL:
            misses += check_control(case, self.comparison)
        if self.comparison is not None and arm != CONTROL and not self.blocked:
            misses += check_comparison(case, self.comparison, arm)
        if self.body_error is not None and arm == self.judged_arms[-1]:
            misses.append(_body_miss(arm, self.body_error))
        return tuple(misses)

    def _unjudgeable(self, arm: str) -> bool:
        """Whether nothing can be said of the arm: no reply, or asserted against a control that gave none."""
        if self.problem is not None:
            return True
        held_against_control = self.plan.has_body or self.plan.case.min_similarity is not None
        return arm != CONTROL and self.blocked and self.plan.alone is None and held_against_control


def _answered(runner: Runner, wishes: Iterable[Wish]) -> Iterator[Reply]:
    """Yield the replies that came before the cap was used up: they were paid for, and their cost counts."""
    for wish in wishes:
        with suppress(GraysplitError):
            yield runner.reply(wish)


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
