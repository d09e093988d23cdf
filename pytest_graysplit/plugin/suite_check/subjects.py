"""The tests of a suite that can be checked, each with the control's own answer, and the reasons for all others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit.evaluation.mutations import Answered
from pytest_graysplit.plugin.collect.adopting import AWAITED
from pytest_graysplit.plugin.collect.app_arms import asks_for_app
from pytest_graysplit.plugin.collect.arm_params import ARM_PARAM, ArmParam, params_of
from pytest_graysplit.plugin.collect.marks import is_marked
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.collect.selection import will_run
from pytest_graysplit.plugin.run.prefetch import RELAY_FIXTURE
from pytest_graysplit.plugin.suite_check.trial import Trial
from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_graysplit.evaluation.mutations.findings import State
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.evaluate.evaluator import Evaluator
    from pytest_graysplit.plugin.suite_check.stand_in import StandIn
    from pytest_graysplit.plugin.suite_check.trial import Trials
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Case, Reply

# Fields of a case that only a model can judge again, or that need more than one answer.
_ONLY_LIVE = ("rubric", "turns")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A test of the suite and its trial with the control's own answer; the rest is None where that was not found."""

    item: pytest.Item
    trial: Trial
    plan: Plan | None = None
    request: ReplyRequest | None = None
    own: Reply | None = None

    @property
    def passes(self) -> bool | None:
        """Whether the test passes with the control's own answer; None if it could not be judged."""
        return {"passed": True, "failed": False}.get(self.trial.outcome)

    @property
    def case(self) -> Case | None:
        """The case of the test."""
        return None if self.plan is None else self.plan.case

    @property
    def name(self) -> str:
        """The id of the case, or the name of a test without one."""
        return self.item.nodeid.rpartition("/")[2] if self.plan is None else self.plan.case.id

    @property
    def place(self) -> tuple[str, int, str]:
        """The place of the test in the suite, whichever order a plugin gave to the tests."""
        path, line, _ = self.item.location
        return path, line or 0, self.item.nodeid

    @property
    def answered(self) -> Answered | None:
        """The case with its answer; None without one."""
        if self.plan is None or self.request is None or self.own is None:
            return None
        return Answered(case=self.plan.case, reply=self.own, group=self.plan.file, request=self.request.key.request)


def is_of_suite(item: pytest.Item) -> bool:
    """Tell whether a test judges a treatment, by its marker or from its body."""
    arm = params_of(item).get(ARM_PARAM)
    if isinstance(arm, ArmParam) and (arm.arm == CONTROL or arm.sample):  # the control stands for all runs of the case
        return False
    return is_marked(item) or AWAITED in item.stash or RELAY_FIXTURE in getattr(item, "fixturenames", ())


def find_subjects(
    items: Sequence[pytest.Item], trials: Trials, stand_in: StandIn, evaluator: Evaluator
) -> list[Subject]:
    """Run every test with the control's own answer, and return all of them in the order of the suite."""
    reasons = [_left_out(item, evaluator) for item in items]
    running = [item for item, reason in zip(items, reasons, strict=True) if reason is None]
    following = iter([*running[1:], None])
    found = []
    for item, reason in zip(items, reasons, strict=True):
        if reason is not None:
            found.append(Subject(item=item, trial=Trial("unjudged", reason), plan=item.stash.get(PLAN, None)))
            continue
        stand_in.forget()
        trial = trials.run(item, next(following))
        plan = trials.plan
        if plan is not None and _needs_a_model(plan, evaluator):  # a fixture has made its prompt
            trial = Trial("unjudged", "judged")
        found.append(Subject(item=item, trial=trial, plan=plan, request=stand_in.request, own=stand_in.own))
    return sorted(found, key=lambda subject: subject.place)


def _left_out(item: pytest.Item, evaluator: Evaluator) -> State | None:
    """Return the reason why a test is not tried; None if it is."""
    if not will_run(item):
        return "skipped"
    if asks_for_app(item):
        return "application"
    if RELAY_FIXTURE in getattr(item, "fixturenames", ()):
        return "from-body"
    plan = item.stash.get(PLAN, None)
    return "judged" if plan is not None and _needs_a_model(plan, evaluator) else None


def _needs_a_model(plan: Plan, evaluator: Evaluator) -> bool:
    """Tell whether a wrong answer to the case can only be judged by asking a model."""
    has_judged_veto = evaluator.judges_flags() and plan.case.min_similarity is not None
    is_live = any(getattr(plan.case, name, None) for name in _ONLY_LIVE)
    return is_live or has_judged_veto or evaluator.scores_by_model(plan)
