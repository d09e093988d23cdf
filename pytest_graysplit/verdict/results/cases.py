"""One case: the result of each test item, and all of them together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_graysplit.types import Case, Comparison, CriterionResult, FailedExpectation, Json, MetricUsage, Reply
    from pytest_graysplit.verdict.results.app_facts import AppFacts

# The reason of an unjudged arm without a judge's verdict on a criterion of its rubric.
WITHOUT_VERDICT = "without a verdict of the judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm's part in one case: its replies and failed expectations; not `judged` if nothing could be concluded.

    `arm` is "control" or the name of a treatment, and `name` the arm's own name in both cases.
    `spare` are control samples beyond those that both arms gave: they measure noise, and count in the pass rate alone.
    `share` is the share of the arm's answers that passed; if an item gave none, its `misses` decide. `rubric` has the
    judge's verdict on each criterion for each answer that passed all other checks, and `checks_share` is the share of
    the answers that passed all other checks; it is None without a rubric, and for an arm that was not judged.
    `unjudged_because` is a short reason why the arm was not judged, and `bug` an error in the test body that prevented
    it. `unasked` means that a reply was not requested because the cost cap was reached. `over_limit` counts the replies
    that are longer than their request allows, and `elsewhere` those that were recorded with another address or other
    headers than the arm has now. `apps` has a part for each run of an application.
    """

    arm: str
    model: str
    replies: tuple[Reply, ...]
    spare: tuple[Reply, ...] = ()
    misses: tuple[FailedExpectation, ...] = ()
    share: float | None = None
    rubric: tuple[CriterionResult, ...] = ()
    checks_share: float | None = None
    name: str = ""
    judged: bool = True
    unjudged_because: str = ""
    unasked: bool = False
    over_limit: int = 0
    elsewhere: int = 0
    bug: str = ""
    apps: tuple[AppFacts, ...] = ()

    @property
    def answers(self) -> tuple[Reply, ...]:
        """The replies to every turn of a conversation; the replies themselves for a single prompt."""
        return tuple(answer for reply in self.replies for answer in reply.turns)

    @property
    def model_answers(self) -> tuple[Reply, ...]:
        """The answers that came from the arm's model: of an application, those to its calls of that model."""
        return tuple(call for answer in self.answers for call in self.calls_of(answer)) if self.apps else self.answers

    @property
    def calls_per_run(self) -> float | None:
        """The mean number of calls of the arm's model in a run of an application; None for any other case."""
        return fmean(one.swapped_calls for one in self.apps) if self.apps else None

    def calls_of(self, reply: Reply) -> tuple[Reply, ...]:
        """Return the answers of the arm's model to the calls of an application in one of its runs."""
        facts = next((one for one in self.apps if one.sample == reply.sample), None)
        return reply.calls if facts is None else facts.model_calls(reply)

    @property
    def missed_turns(self) -> frozenset[int]:
        """The turns of a conversation in which an answer failed its own checks."""
        kinds = ("similarity", "guard", "latency-ratio")  # these compare the arms
        return frozenset(miss.turn for miss in self.misses if miss.turn is not None and miss.kind not in kinds)

    @property
    def label(self) -> str:
        """The arm's own name for people."""
        return self.name or (self.model if self.arm == CONTROL else self.arm)

    @property
    def failed(self) -> bool:
        """Whether every call for a reply failed."""
        return bool(self.replies) and all(reply.outcome == "error" for reply in self.replies)

    @property
    def passed(self) -> bool:
        """Whether all assertions about the arm hold, in all its answers."""
        return self.judged and not self.misses and self.pass_share == 1

    @property
    def pass_share(self) -> float:
        """Share of the arm's answers that passed: 0 or 1 with one answer per case, their mean with several."""
        return float(not self.misses) if self.share is None else self.share

    @property
    def lacks_verdict(self) -> bool:
        """Whether an answer has no verdict on a criterion that decides whether it passes."""
        return any(None in held and False not in held for held in self._held.values())

    @property
    def known_share(self) -> float:
        """The share of the arm's answers whose every criterion holds; one without a rubric failed another check."""
        return sum(held == {True} for held in self._held.values()) / len(self.replies) if self.replies else 0.0

    @property
    def _held(self) -> dict[int, set[bool | None]]:
        """The verdicts on each answer, by its sample."""
        answers: dict[int, set[bool | None]] = {}
        for one in self.rubric:
            answers.setdefault(one.sample, set()).add(one.holds)
        return answers


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case as seen by one test item: a comparison, or one arm alone.

    `differing` names the parameters in which the arms were asked differently and no configuration says so.
    `same_request` is true if both arms sent the same request, and `same_arms` if they are configured alike. `asked`
    is the usage of a metric that asks a model, `asked_rubric` that of the rubric's judge, and `asked_guards` that of
    the judge of flagged pairs. `asserted` means that a check of the answers could have failed; a case without one
    passes with any answer.
    `requests` holds each arm's request without the model; it is empty unless a report will show it.
    `app` is set by an item that runs an application: one arm and one sample. Items of one case have the same
    `request_hash` on both arms. The main process makes one result of all of them. `parting_call` is the first call of
    the model at which the runs of both arms part, from 0.
    """

    case: Case
    request_hash: str
    nodeid: str
    file: str
    arms: tuple[ArmResult, ...]
    comparison: Comparison | None = None
    differing: tuple[str, ...] = ()
    same_request: bool = False
    same_arms: bool = False
    asked: MetricUsage | None = None
    asked_rubric: MetricUsage | None = None
    asked_guards: MetricUsage | None = None
    asserted: bool = False
    requests: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    app: AppFacts | None = None
    parting_call: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The case's identity over all items that touch it: one prompt with one set of parameters."""
        return self.file, self.case.id, self.request_hash

    @property
    def is_unpaired(self) -> bool:
        """Whether it has the runs of an application on one arm alone; the other arm may still come."""
        return len(self.arms) == 1 and bool(self.arms[0].apps)

    @property
    def parting_turn(self) -> int | None:
        """The first turn of a conversation at which the arms of this item part, from 0; None if they never part."""
        return _parting_turn(self.arms, self.comparison)


@dataclass(slots=True)
class CaseRow:
    """All results of one case: each arm once, the comparison of each treatment, and the usage of models that judge."""

    case: Case
    request: str
    file: str
    nodeid: str
    arms: dict[str, ArmResult] = field(default_factory=dict)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    differing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    same_request: set[str] = field(default_factory=set)
    same_arms: set[str] = field(default_factory=set)
    asked: dict[str, MetricUsage] = field(default_factory=dict)
    asked_rubric: dict[str, MetricUsage] = field(default_factory=dict)
    asked_guards: dict[str, MetricUsage] = field(default_factory=dict)
    asserted: bool = False
    requests: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    parting_calls: dict[str, int] = field(default_factory=dict)

    @property
    def is_app(self) -> bool:
        """Whether an application was run for it."""
        return any(arm.apps for arm in self.arms.values())

    @property
    def key(self) -> tuple[str, str, str]:
        """The case's identity, equal to that of each of its results."""
        return self.file, self.case.id, self.request

    @property
    def name(self) -> str:
        """The name of the case for people: file::id."""
        return f"{self.file}::{self.case.id}"

    @property
    def bug(self) -> str:
        """The error in the test body that prevented a judgement; empty if there was none."""
        return next((arm.bug for arm in self.arms.values() if arm.bug), "")

    @property
    def self_similarity(self) -> float | None:
        """The similarity of the control's own samples; None if there are fewer than two."""
        return next((one.self_similarity for one in self.comparisons.values() if one.self_similarity is not None), None)

    @property
    def discriminates(self) -> bool | None:
        """Whether the control is as similar to itself as the threshold asks; None if that is unknown."""
        known = [one.discriminates for one in self.comparisons.values() if one.discriminates is not None]
        return all(known) if known else None

    def is_judged(self, arms: Sequence[str]) -> bool:
        """Tell whether all of these arms were judged."""
        return all(arm in self.arms and self.arms[arm].judged for arm in arms)

    def unjudged_because(self, arms: Sequence[str]) -> str:
        """Return a short reason why these arms were not all judged; empty if they were."""
        found = [self.arms.get(arm) for arm in arms]
        if None in found:
            return "one model without a result"
        judged = [one for one in found if one is not None]
        if all(one.failed for one in judged):
            return "neither model answered"
        return next((one.unjudged_because or "not judged" for one in judged if not one.judged), "")

    def parting_turn(self, treatment: str) -> int | None:
        """Return the first turn at which a treatment parts from the control, from 0; None if they never part."""
        arms = [self.arms[arm] for arm in (CONTROL, treatment) if arm in self.arms]
        return _parting_turn(arms, self.comparisons.get(treatment))

    @property
    def calibrated(self) -> bool:
        """Whether its threshold was calibrated on the control's own noise."""
        return any(one.calibrated for one in self.comparisons.values())

    def add(self, result: CaseResult) -> None:
        """Add the result of one item; an arm that several items report keeps all its misses."""
        self.asserted = self.asserted or result.asserted
        self.requests |= result.requests
        for arm in result.arms:
            known = self.arms.get(arm.arm)
            self.arms[arm.arm] = _joined(known, arm) if known else arm
        if result.comparison is not None:
            self.comparisons[result.arms[-1].arm] = result.comparison
        last = result.arms[-1].arm
        if result.differing:
            self.differing[last] = result.differing
        if result.same_request:
            self.same_request.add(last)
        if result.same_arms:
            self.same_arms.add(last)
        if result.parting_call is not None:
            self.parting_calls[last] = result.parting_call
        if result.asked is not None:
            # A second request about one case is answered from the first one.
            self.asked.setdefault(last, result.asked)
        if result.asked_rubric is not None:
            self.asked_rubric.setdefault(last, result.asked_rubric)
        if result.asked_guards is not None:
            self.asked_guards.setdefault(last, result.asked_guards)

    def settle(self) -> None:
        """Mark arms whose calls failed as not judged if the calls of the other arm failed too.

        The relay was then unreachable or the request was wrong, which says nothing about a model.
        """
        failed = {arm for arm, result in self.arms.items() if result.failed}
        treatments = self.arms.keys() - {CONTROL}
        if CONTROL in failed and failed & treatments:
            # The control is judged if any treatment has answered.
            alike = failed if treatments <= failed else failed - {CONTROL}
            self.arms |= {arm: replace(self.arms[arm], judged=False) for arm in alike}
        self._settle_rubric()

    def _settle_rubric(self) -> None:
        """Mark arms as not judged where the judge gave no verdict on the other arm: neither passes alone.

        An arm that failed a check with every answer needed no judge.
        """
        silent = {arm for arm, result in self.arms.items() if result.lacks_verdict}
        treatments = self.arms.keys() - {CONTROL}
        if not silent or not (CONTROL in silent or treatments <= silent):
            return
        needed = [arm for arm, result in self.arms.items() if result.rubric and result.judged]
        self.arms |= {arm: _without_verdict(self.arms[arm]) for arm in needed}


def _without_verdict(arm: ArmResult) -> ArmResult:
    misses = tuple(miss for miss in arm.misses if miss.kind != "rubric")
    return replace(arm, judged=False, unjudged_because=WITHOUT_VERDICT, misses=misses, share=None, checks_share=None)


def _parting_turn(arms: Sequence[ArmResult], comparison: Comparison | None) -> int | None:
    """Return the first turn of a conversation at which two arms part, from 0; None if they never part.

    There the pair of answers misses the threshold or is flagged, or one arm fails its checks and the other does not.
    """
    missed = [arm.missed_turns for arm in arms]
    turns = missed[0] ^ missed[1] if len(missed) == 2 else frozenset[int]()
    if comparison is not None and comparison.parting_turn is not None:
        turns |= {comparison.parting_turn}
    return min(turns, default=None)


def _joined(first: ArmResult, second: ArmResult) -> ArmResult:
    fresh = tuple(miss for miss in second.misses if miss not in first.misses)
    return replace(
        first,
        replies=first.replies or second.replies,
        spare=first.spare or second.spare,
        misses=first.misses + fresh,
        share=min(first.pass_share, second.pass_share),
        rubric=first.rubric or second.rubric,
        checks_share=min((one for one in (first.checks_share, second.checks_share) if one is not None), default=None),
        judged=first.judged and second.judged,
        unjudged_because=first.unjudged_because or second.unjudged_because,
        unasked=first.unasked or second.unasked,
        over_limit=max(first.over_limit, second.over_limit),
        elsewhere=max(first.elsewhere, second.elsewhere),
        bug=first.bug or second.bug,
        apps=first.apps or second.apps,
    )
