"""One case: what each test item saw of it, and everything that is known of it over all of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.types import Asked, Case, Comparison, Miss, Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """One arm's part in one case: its replies, and what it missed; not judged when nothing could be said of it.

    `spare` are control samples beyond those that both arms gave: they measure noise, and count in the pass rate alone.
    `share` is the share of its answers that passed; None where an item did not say, and its misses are all there is.
    `unjudged_because` says in few words why nothing could be said of it, and `bug` is the error in the body of the
    test, where one kept it from being judged. `unasked` when a reply that the case needs was not asked for, because
    the cap on the cost was used up.
    """

    arm: str
    model: str
    replies: tuple[Reply, ...]
    spare: tuple[Reply, ...] = ()
    misses: tuple[Miss, ...] = ()
    share: float | None = None
    judged: bool = True
    unjudged_because: str = ""
    unasked: bool = False
    bug: str = ""

    @property
    def failed(self) -> bool:
        """Whether every call for a reply failed."""
        return bool(self.replies) and all(reply.outcome == "error" for reply in self.replies)

    @property
    def passed(self) -> bool:
        """Whether everything that was asserted about the arm holds, in all its answers."""
        return self.judged and not self.misses and self.pass_share == 1

    @property
    def pass_share(self) -> float:
        """Share of the arm's answers that passed: with one answer a case 0 or 1, with several their mean."""
        return float(not self.misses) if self.share is None else self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """One case as one test item saw it: a comparison, or one arm alone.

    `differing` names what the treatment was asked with that the control was not: such a pair compares two things.
    `asked` is what its metric asked a model. `asserted` when something could have failed about the answers: a case that
    asserts nothing passes whatever the models say.
    """

    case: Case
    request: str
    nodeid: str
    file: str
    arms: tuple[ArmResult, ...]
    comparison: Comparison | None = None
    differing: tuple[str, ...] = ()
    asked: Asked | None = None
    asserted: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """The case's identity over all items that touch it: one prompt with one set of parameters."""
        return self.file, self.case.id, self.request


@dataclass(slots=True)
class CaseRow:
    """Everything known of one case: each arm once, each treatment's comparison, and what judging each arm asked."""

    case: Case
    request: str
    file: str
    nodeid: str
    arms: dict[str, ArmResult] = field(default_factory=dict)
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    differing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    asserted: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """The case's identity, as that of each of its results."""
        return self.file, self.case.id, self.request

    @property
    def name(self) -> str:
        """The case as people read it: file::id."""
        return f"{self.file}::{self.case.id}"

    @property
    def bug(self) -> str:
        """The error in the body of its test that kept it from being judged; blank where there is none."""
        return next((arm.bug for arm in self.arms.values() if arm.bug), "")

    @property
    def self_similarity(self) -> float | None:
        """How alike the control's own samples are; None where there are not two to compare."""
        return next((one.self_similarity for one in self.comparisons.values() if one.self_similarity is not None), None)

    @property
    def discriminates(self) -> bool | None:
        """Whether the control is as alike itself as the threshold asks; None where nobody can tell."""
        known = [one.discriminates for one in self.comparisons.values() if one.discriminates is not None]
        return all(known) if known else None

    def unjudged_because(self, arms: Sequence[str]) -> str:
        """Return in few words why these arms were not all judged; nothing where they were."""
        found = [self.arms.get(arm) for arm in arms]
        if None in found:
            return "one model without a result"
        judged = [one for one in found if one is not None]
        if all(one.failed for one in judged):
            return "neither model answered"
        return next((one.unjudged_because or "not judged" for one in judged if not one.judged), "")

    @property
    def calibrated(self) -> bool:
        """Whether its threshold was measured on the control's own noise."""
        return any(one.calibrated for one in self.comparisons.values())

    def take(self, result: CaseResult) -> None:
        """Add what one item saw; an arm that several items saw keeps all its misses."""
        self.asserted = self.asserted or result.asserted
        for arm in result.arms:
            seen = self.arms.get(arm.arm)
            self.arms[arm.arm] = _joined(seen, arm) if seen else arm
        if result.comparison is not None:
            self.comparisons[result.arms[-1].arm] = result.comparison
        if result.differing:
            self.differing[result.arms[-1].arm] = result.differing
        if result.asked is not None:
            # Who asked twice for one case was answered from the first time.
            self.asked.setdefault(result.arms[-1].arm, result.asked)

    def settle(self) -> None:
        """Judge no arm whose calls failed where the calls of the arm that it is held against failed, too.

        The relay was out of reach or the request was wrong, which says nothing of a model.
        """
        failed = {arm for arm, result in self.arms.items() if result.failed}
        treatments = self.arms.keys() - {CONTROL}
        if CONTROL in failed and failed & treatments:
            # The control is judged where any treatment has answered.
            alike = failed if treatments <= failed else failed - {CONTROL}
            self.arms |= {arm: replace(self.arms[arm], judged=False) for arm in alike}


def _joined(first: ArmResult, second: ArmResult) -> ArmResult:
    fresh = tuple(miss for miss in second.misses if miss not in first.misses)
    return replace(
        first,
        replies=first.replies or second.replies,
        spare=first.spare or second.spare,
        misses=first.misses + fresh,
        share=min(first.pass_share, second.pass_share),
        judged=first.judged and second.judged,
        unjudged_because=first.unjudged_because or second.unjudged_because,
        unasked=first.unasked or second.unasked,
        bug=first.bug or second.bug,
    )
