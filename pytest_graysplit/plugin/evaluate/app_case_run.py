"""The run of one item of an application: its calls become one reply, and its output and its body are judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, cast

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.assertions import failed_check
from pytest_graysplit.cases.checks.conversations import check_answers
from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.evaluation.field_scores import match_text
from pytest_graysplit.formatting.display import listed, plural
from pytest_graysplit.plugin.collect.app_arms import OF_CALLS
from pytest_graysplit.plugin.evaluate.app_reply import facts_of, reply_of_calls
from pytest_graysplit.plugin.evaluate.body_errors import NoAnswer, body_failure, in_one_line
from pytest_graysplit.plugin.evaluate.case_run import CaseRun, reference_score
from pytest_graysplit.plugin.evaluate.judged_replies import elsewhere
from pytest_graysplit.types import Expect, FailedExpectation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_graysplit.gateway.item_calls import ItemCalls
    from pytest_graysplit.plugin.collect.app_arms import AppPlan
    from pytest_graysplit.plugin.evaluate.judged_replies import JudgedReply
    from pytest_graysplit.types import Case, Redactor, Reply
    from pytest_graysplit.verdict.results import ArmResult, CaseResult

# The time for answers to requests that the body has left behind, such as streams that it does not read to their end.
GRACE_S = 30.0
_SEE_TRACEBACK = "the traceback above shows the error; the calls of the application are below"


@dataclass(kw_only=True)  # without slots, which break super()
class AppCaseRun(CaseRun):
    """The run of an application with one arm's model: one reply is made of its calls after its body.

    `output` returns the output as a text, None if the test has set none. `redact` removes secrets from it. `hooked`
    means that a hook of the test's folder may score the outputs.
    """

    calls: ItemCalls
    output: Callable[[], str | None]
    redact: Redactor
    hooked: bool = False
    concluded: bool = False
    # Set where the calls themselves show nothing about a model.
    is_void: bool = False

    @property
    def part(self) -> AppPlan:
        """The item's part in the test."""
        return cast("AppPlan", self.plan.app)

    @property
    def explains_error(self) -> bool:
        """Whether an error of the body only follows from an answer that the application did not get."""
        return self.is_void or bool(self.calls.refused)

    def conclude(self) -> None:
        """Make the reply of the calls so far and judge it; the first call counts."""
        if self.concluded:
            return
        self.concluded = True
        self.calls.settle(GRACE_S)
        output = self.output()
        calls, swapped = self.calls.replies, self.calls.swapped_replies
        text = None if output is None else self.redact(output)
        lost = self.calls.lost(swapped=True)
        about = (reply_of_calls(self.part, calls, swapped or lost, text, lost),) if swapped or lost else ()
        self.replies = {self.part.arm: about}
        self.problem = self.calls.problem or self._without_other() or self._without_call()
        self.is_void = self.problem is not None
        if not self.is_void and not self.bug:
            try:
                self.problem = self._missing_score()
                self._judge()
            except GraysplitError as error:
                self.problem = error

    @property
    def has_asked(self) -> bool:
        """Whether the application has asked for a model that is replaced."""
        return any(self.calls.asked.get(name) for name in self.part.swapped)

    def _without_call(self) -> GraysplitError | None:
        """Return the error for a body that has no answer of a model under test, and so has compared nothing."""
        if self.calls.is_answered or self.calls.refused or self.bug or self.body_error is not None:
            return None
        if self.has_asked:
            return GraysplitError(
                f"{self.case.id}: the application ended without waiting for the answer of {self.part.config.model}",
                hint="join its threads and await its tasks in the body of the test; a late answer is recorded",
                slug=Slug.APP_NO_CALL,
            )
        names = listed(sorted(self.part.swapped))
        asked = [f"{model} ({plural(count, 'time')})" for model, count in self.calls.asked.items()]
        found = f"it asked {listed(asked)}" if asked else "no request reached the plugin"
        return GraysplitError(
            f"{self.case.id}: the application asked no model that this test replaces ({names}): {found}",
            hint="name the models that it asks with swap=[...] in the marker, or as --graysplit-control; "
            "if it should have asked one, look for a cache of responses, a cassette or mock of its HTTP client, "
            "or a client with an address of its own",
            slug=Slug.APP_NO_CALL,
        )

    def _without_other(self) -> GraysplitError | None:
        """Return the error for a failed call of a model that is not under test: it says nothing about the arm.

        If the arm's model has failed as well, that is the miss, whatever became of a fallback.
        """
        lost = self.calls.lost(swapped=False)
        if not lost or self.calls.lost(swapped=True):
            return None
        return GraysplitError(
            f"{self.case.id}: the application went on without an answer of {lost[0].model}, which this test does not "
            f"replace: {lost[0].error}",
            hint="run again: failed calls are not recorded, and only missing ones are sent",
            slug=Slug.APP_OTHER_FAILED,
        )

    def note_error(self, error: BaseException) -> None:
        """Keep an error of the body: a miss of the arm once its model was asked, before that a bug of the test."""
        if isinstance(error, NoAnswer):
            self.unfinished = True
        elif self.calls.refused or self.calls.problem is not None:
            return  # the error follows from it
        elif isinstance(error, UsageError) or not self.has_asked:
            self.bug = self.bug or in_one_line(error)
        else:
            self.body_error = self.body_error or in_one_line(error)

    def result(self, nodeid: str) -> CaseResult:
        """Judge the arm and return the result of its item."""
        result = super().result(nodeid)
        calls, swapped = self.calls.replies, self.calls.swapped_replies or self.calls.lost(swapped=True)
        facts = facts_of(self.part, calls, swapped, has_output=self.output() is not None, hooked=self.hooked)
        return replace(result, app=facts)

    def _arm(self, arm: str, each: Sequence[JudgedReply], *, lacks_verdict: bool) -> ArmResult:
        result = super()._arm(arm, each, lacks_verdict=lacks_verdict)
        # One run is one reply, and one of its calls from elsewhere is enough.
        return replace(result, elsewhere=min(1, elsewhere(self.part.config, self.calls.swapped_replies)))

    def _failed_by_reply(self, arm: str, reply: Reply) -> list[FailedExpectation]:
        if self.is_void:
            return []
        if reply.outcome == "error":
            is_answered = any(call.outcome != "error" for call in self.calls.swapped_replies)
            if is_answered or reply.error_slug == Slug.APP_GAVE_UP:
                return [_went_on(arm, reply)]
        if reply.outcome == "error" or reply.text.strip():
            return super()._failed_by_reply(arm, reply)
        rest, score = _without_output(self.case), partial(reference_score, self.score)
        failed = check_answers(rest, replace(reply, outcome="ok"), arm, score, match_text)
        has_ended = self.body_error is None and not self.calls.refused
        return [self._no_output(arm, reply), *failed] if has_ended and self._needs_output() else failed

    def _needs_output(self) -> bool:
        """Tell whether something compares the output; a threshold of the run applies only to an output that is set."""
        of_run = self.case.min_similarity is not None and self.output() is not None
        return of_run or self.part.needs_output

    def _no_output(self, arm: str, reply: Reply) -> FailedExpectation:
        found = "never set graysplit_app.output" if self.output() is None else "gave no output"
        missed = CheckFailure(
            f"the application {found}, and the case compares it",
            "set graysplit_app.output to the answer; if the application fails without an answer, so does this arm",
            Slug.APP_NO_OUTPUT,
            "output",
        )
        return failed_check("outcome", arm, reply, missed)

    def _failed_by_arm(self, arm: str) -> list[FailedExpectation]:
        failed: list[FailedExpectation] = []
        if self.is_void:
            return failed
        if self.calls.refused:
            failed.append(self._too_many_calls(arm))
        if self.body_error is not None:
            failed.append(body_failure(arm, f"the test body failed: {self.body_error}", _SEE_TRACEBACK))
        return failed

    def _too_many_calls(self, arm: str) -> FailedExpectation:
        most = self.calls.run.max_calls
        return FailedExpectation(
            arm=arm,
            kind="calls",
            problem=f"the application made more than {plural(most, 'call')}: "
            f"{plural(self.calls.refused, 'more was', 'more were')} refused",
            hint="the model may have led it into a loop: read the last calls; if it needs more, set max_calls in "
            "[tool.graysplit.app]",
            slug=Slug.GATEWAY_CALLS,
            check="calls",
            sample=self.part.recorded_sample,
        )


def _without_output(case: Case) -> Case:
    """Return the case with those expectations alone that an application without an output can meet."""
    of_calls = None if case.expect is None else Expect(**{name: getattr(case.expect, name) for name in OF_CALLS})
    return replace(case, expect=of_calls, json_fields=(), min_similarity=None)


def _went_on(arm: str, reply: Reply) -> FailedExpectation:
    """Return the miss of an arm one of whose calls failed and had no substitute but the application's own."""
    missed = CheckFailure(
        f"a call of {reply.model} failed, and the application went on without its answer: {reply.error}",
        "the output may be that of a fallback, so it does not count for this arm; run again if the cause has gone",
        reply.error_slug or Slug.OUTCOME_ERROR,
        "outcome",
    )
    return failed_check("outcome", arm, reply, missed)
