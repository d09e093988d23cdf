"""The runs of an application on one arm, joined into one result."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.types import Reply
    from pytest_graysplit.verdict.results.app_facts import AppFacts
    from pytest_graysplit.verdict.results.cases import ArmResult, CaseResult

INCOMPLETE = "a sample without a result"
NO_CALL = "no call of the model under test"


def facts_of(run: CaseResult) -> AppFacts:
    """Return the facts of a result that an item with an application has made."""
    assert run.app is not None  # noqa: S101 # the caller has sorted the results
    return run.app


def is_complete(runs: Sequence[CaseResult]) -> bool:
    """Tell whether all samples of an arm have a result."""
    return bool(runs) and len(runs) >= facts_of(runs[0]).expected


def join_runs(runs: Sequence[CaseResult]) -> ArmResult:
    """Return the result of an arm from those of its samples, by number; it is not judged if any of them is not.

    A spare sample counts in the pass rate alone, like a spare reply of a control.
    """
    arms = [run.arms[0] for run in runs]
    counted = [run.arms[0] for run in runs if not facts_of(run).is_spare]
    spare = [run.arms[0] for run in runs if facts_of(run).is_spare]
    complete = is_complete(runs)
    called = all(facts_of(run).swapped_calls for run in runs)
    judged = complete and called and all(arm.judged for arm in arms)
    because = next((arm.unjudged_because for arm in arms if arm.unjudged_because), "" if called else NO_CALL)
    return replace(
        arms[0],
        replies=_replies(counted),
        spare=_replies(spare),
        misses=tuple(chain.from_iterable(arm.misses for arm in counted)),
        share=fmean(arm.pass_share for arm in arms) if judged else None,
        rubric=tuple(chain.from_iterable(arm.rubric for arm in arms)),
        checks_share=_checks_share(arms) if judged else None,
        judged=judged,
        unjudged_because=because or ("" if complete else INCOMPLETE),
        unasked=any(arm.unasked for arm in arms),
        over_limit=sum(arm.over_limit for arm in arms),
        elsewhere=sum(arm.elsewhere for arm in arms),
        bug=next((arm.bug for arm in arms if arm.bug), ""),
        apps=tuple(map(_of_reply, runs)),
    )


def alone(runs: Sequence[CaseResult]) -> CaseResult:
    """Return the result of an arm without the other one: its costs and errors count, and no verdict."""
    return replace(runs[0], arms=(join_runs(runs),), app=None, asserted=any(run.asserted for run in runs))


def _of_reply(run: CaseResult) -> AppFacts:
    """Return the facts of a run under the number of its reply, which goes on after the control's in an A/A run."""
    facts, replies = facts_of(run), run.arms[0].replies
    return replace(facts, sample=replies[0].sample) if replies else facts


def _replies(arms: Sequence[ArmResult]) -> tuple[Reply, ...]:
    return tuple(chain.from_iterable(arm.replies for arm in arms))


def _checks_share(arms: Sequence[ArmResult]) -> float | None:
    shares = [arm.checks_share for arm in arms if arm.checks_share is not None]
    return fmean(shares) if shares else None
