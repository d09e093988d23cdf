"""The check of a suite in a pytest session: every test runs with its right answer, and then with wrong ones."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pytest

from pytest_graysplit.evaluation.mutations import Mutant, Neighbours, mutants_of
from pytest_graysplit.evaluation.mutations.findings import CaseFindings, MutantFinding, OtherAnswers, SuiteFindings
from pytest_graysplit.plugin.collect.plans import PLAN, store_plan
from pytest_graysplit.plugin.options import pytest_option
from pytest_graysplit.plugin.suite_check.stand_in import StandIn, answered_by
from pytest_graysplit.plugin.suite_check.subjects import find_subjects, is_of_suite
from pytest_graysplit.plugin.suite_check.trial import Trials
from pytest_graysplit.types import Case
from pytest_graysplit.verdict.criteria import REJECT_ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_graysplit.evaluation.mutations.findings import Noticed
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.suite_check.subjects import Subject
    from pytest_graysplit.plugin.suite_check.trial import Outcome, Trial
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.types import Reply

    # A wrong answer, the name of a recorded model, or None for the control's own answer.
    _Label: TypeAlias = Mutant | str | None

# Budgets are about the arm, not about the answer, and a wrong answer has the latency and the cost of the right one.
_BUDGETS = frozenset({"max_latency_s", "max_ttft_s", "max_latency_ratio", "max_cost_usd"})
_NOTICED: dict[Outcome, Noticed] = {"passed": "missed", "failed": "caught", "broke": "broke", "unjudged": "missed"}
# A metric for cases that only show their similarity.
_ANY_METRIC = "lexical"
# Other models whose recorded answers are tried, those with the most answers first.
MOST_OTHERS = 3
# The control's own second answers, among those of other models.
_AGAIN = ""


class SuiteChecker:
    """The hooks that run the tests of the suite with wrong answers, and write the findings."""

    def __init__(self, context: RunContext, path: Path) -> None:
        self._context = context
        self._path = path
        self._stand_in = StandIn(context.fetching)
        # Case runs ask a fetcher for replies, and for nothing else.
        context.evaluator.stand_in = cast("ReplyFetcher", self._stand_in)
        self._trials = Trials(self._stand_in)
        context.config.pluginmanager.register(self._trials, "graysplit-suite-trials")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the budgets out of all planned cases, and a metric that asks a model where no check uses it."""
        unset: dict[str, Any] = {field.name: None for field in fields(Case) if field.name in _BUDGETS}
        for item in session.items:
            if (plan := item.stash.get(PLAN, None)) is not None:
                case = replace(plan.case, **unset)
                if not _uses_metric(plan) and self._context.evaluator.scores_by_model(plan):
                    case = replace(case, metric=_ANY_METRIC)
                store_plan(item, replace(plan, case=case))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the trials of all cases in place of the tests; leave a session with collection errors to pytest."""
        if session.testsfailed and not pytest_option(session.config, "continue_on_collection_errors"):
            return None
        items = [item for item in session.items if is_of_suite(item)]
        subjects = find_subjects(items, self._trials, self._stand_in, self._context.evaluator)
        known = [(subject, answered) for subject in subjects if (answered := subject.answered) is not None]
        neighbours = Neighbours([answered for _, answered in known])
        mutants = {
            subject.item.nodeid: mutants_of(answered, neighbours) for subject, answered in known if subject.passes
        }
        tried = [self._answers(subject, mutants.get(subject.item.nodeid, [])) for subject in subjects]
        planned = [(one.item, reply) for one, some in zip(subjects, tried, strict=True) for _, reply in some]
        trials = iter(self._trials.run_all(planned))
        outcomes = [[(label, next(trials)) for label, _ in some] for some in tried]
        self._write(list(zip(subjects, outcomes, strict=True)))
        return True

    def _answers(self, subject: Subject, mutants: Sequence[Mutant]) -> list[tuple[_Label, Reply | None]]:
        """Return the answers to try: the wrong ones, the control's own one once more, and other recorded ones."""
        wrong: list[tuple[_Label, Reply | None]] = [(mutant, mutant.reply) for mutant in mutants]
        own: list[tuple[_Label, Reply | None]] = [(None, None)] if mutants else []
        return [*wrong, *own, *self._recorded(subject)]

    def _recorded(self, subject: Subject) -> Iterator[tuple[_Label, Reply]]:
        """Yield the control's second answer and those of other models, where they can show something."""
        request, own = subject.request, subject.own
        if request is None or own is None or subject.passes is None or not subject.trial.asserted:
            return
        if second := self._stand_in.second(request):
            yield _AGAIN, answered_by(own, second)
        for model, reply in self._stand_in.others(request):
            yield model, answered_by(own, reply)

    def _write(self, tried: Sequence[tuple[Subject, Sequence[tuple[_Label, Trial]]]]) -> None:
        settings, policy = self._context.settings, self._context.settings.policy
        others = _other_answers(tried)
        again = others.pop(_AGAIN, None)
        most = sorted(others.values(), key=lambda other: (-other.cases, other.model))[:MOST_OTHERS]
        found = SuiteFindings(
            control=str(settings.control),
            margin=policy.margin,
            looks=policy.looks,
            alpha=policy.alpha,
            reject_alpha=REJECT_ALPHA / max(1, len(policy.critical) + len(policy.critical_tags)),
            cases=tuple(_findings(subject, trials) for subject, trials in tried),
            again=again,
            others=tuple(most),
        )
        self._path.write_text(json.dumps(found.as_json()), encoding="utf-8")


def _uses_metric(plan: Plan) -> bool:
    """Tell whether a check of the case, or the body of its test, may look at the similarity."""
    expect = plan.case.expect
    has_reference = expect is not None and expect.reference is not None
    return plan.case.min_similarity is not None or has_reference or plan.fixture == "graysplit"


def _findings(subject: Subject, trials: Sequence[tuple[_Label, Trial]]) -> CaseFindings:
    """Return the findings about one case; none of its wrong answers counts if the right one passes only sometimes."""
    case, state = subject.case, subject.trial.state
    is_stable = all(trial.outcome == "passed" for label, trial in trials if label is None)
    found = [
        MutantFinding(kind=label.kind, what=label.what, state=_NOTICED[trial.outcome], checks=trial.checks)
        for label, trial in trials
        if isinstance(label, Mutant)
    ]
    if state == "checked" and subject.trial.asserted and not found:
        state = "unchanged"
    return CaseFindings(
        name=subject.name,
        file=subject.item.location[0],
        nodeid=subject.item.nodeid,
        state=state if is_stable else "unstable",
        because=subject.trial.because,
        asserted=subject.trial.asserted,
        passes=subject.passes,
        cluster=None if case is None else case.cluster,
        mutants=tuple(found) if is_stable else (),
    )


def _other_answers(tried: Sequence[tuple[Subject, Sequence[tuple[_Label, Trial]]]]) -> dict[str, OtherAnswers]:
    """Count the cases that change with other recorded answers, by model."""
    changes: dict[str, Counter[str]] = {}
    for subject, trials in tried:
        for label, trial in trials:
            if isinstance(label, str) and trial.outcome in ("passed", "failed"):
                passes = trial.outcome == "passed"
                change = "same" if passes == subject.passes else "won" if passes else "lost"
                changes.setdefault(label, Counter())[change] += 1
    return {
        model: OtherAnswers(model=model, cases=counts.total(), lost=counts["lost"], won=counts["won"])
        for model, counts in changes.items()
    }
