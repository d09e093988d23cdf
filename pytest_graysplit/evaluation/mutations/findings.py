"""Findings of a check of a suite: which wrong answers each case noticed, and which cases could not be checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.mutations.mutant import Kind

Noticed: TypeAlias = Literal["caught", "missed", "broke"]
State: TypeAlias = Literal[
    "checked", "fails", "unchanged", "unstable", "broken", "unrecorded", "judged", "from-body", "application", "skipped"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MutantFinding:
    """One wrong answer: its kind, the change in a few words, and whether the case failed with it.

    It `broke` the test if the body ended with a bug, which counts for no model. `checks` are those that failed.
    """

    kind: Kind
    what: str
    state: Noticed
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFindings:
    """One case of a suite; `because` says why it was not checked.

    It is `asserted` if a check of its answer can fail. `passes` tells whether it passes with the control's own answer,
    and None if that is unknown.
    """

    name: str
    file: str
    nodeid: str
    state: State
    because: str = ""
    asserted: bool = False
    passes: bool | None = None
    cluster: str | None = None
    mutants: tuple[MutantFinding, ...] = ()

    @property
    def cannot_fail(self) -> str:
        """The reason why no answer of the check made the case fail; empty if one did."""
        if self.state == "checked" and not self.asserted:
            return "nothing is asserted"
        noticed = any(mutant.state == "caught" for mutant in self.mutants)
        return "" if noticed or self.state != "checked" or not self.mutants else "no change is noticed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherAnswers:
    """The cases in which other recorded answers were put in place of the control's: those of a model, or its own again.

    `lost` counts the cases that pass with the control's answer alone, and `won` those that pass with the other alone.
    """

    model: str
    cases: int
    lost: int
    won: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFindings:
    """All findings about a suite, with the policy of its verdict.

    `again` are the control's own second answers, and `others` the answers of other recorded models.
    """

    control: str
    margin: float
    looks: tuple[int, ...] = ()
    alpha: float = 0.05
    reject_alpha: float = 0.025
    cases: tuple[CaseFindings, ...] = ()
    again: OtherAnswers | None = None
    others: tuple[OtherAnswers, ...] = ()

    @property
    def checked(self) -> tuple[CaseFindings, ...]:
        """The cases in which wrong answers were tried."""
        return tuple(case for case in self.cases if case.state == "checked")

    @property
    def mutants(self) -> tuple[MutantFinding, ...]:
        """The wrong answers of all cases."""
        return tuple(mutant for case in self.checked for mutant in case.mutants)

    def as_json(self) -> dict[str, Any]:
        """Return the findings as a JSON object, from which `from_json` makes equal ones."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> SuiteFindings:
        """Read the object that `as_json` has returned in another process."""
        again = found["again"]
        parts = {
            "looks": tuple(found["looks"]),
            "cases": tuple(map(_case, found["cases"])),
            "again": None if again is None else OtherAnswers(**again),
            "others": tuple(OtherAnswers(**other) for other in found["others"]),
        }
        return cls(**{**found, **parts})


def _case(found: dict[str, Any]) -> CaseFindings:
    mutants = (MutantFinding(**{**mutant, "checks": tuple(mutant["checks"])}) for mutant in found["mutants"])
    return CaseFindings(**{**found, "mutants": tuple(mutants)})
