"""What an owner asks first: which cases broke, which were fixed, and which both models pass or miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.verdict.pairs import Pair


class Changes(NamedTuple):
    """How many cases the treatment passes less than the control, or more, and how many both pass or miss alike.

    Cases about whose answers nothing was asserted are none of these: they are counted apart.
    """

    broken: int = 0
    fixed: int = 0
    both_right: int = 0
    both_wrong: int = 0
    unasserted: int = 0

    @property
    def total(self) -> int:
        """How many cases were judged on both models."""
        return sum(self)


NO_CASES = Changes()


class Broken(NamedTuple):
    """A case that the treatment passes less than the control; `missed` says in few words what it missed."""

    name: str
    missed: str


def changes_of(pairs: Sequence[Pair]) -> Changes:
    """Count the cases by how they came out on both models."""
    alike = [pair.passed.control for pair in pairs if pair.is_evidence and not pair.difference]
    right = sum(2 * share >= 1 for share in alike)
    broken, fixed = sum(pair.difference < 0 for pair in pairs), sum(pair.difference > 0 for pair in pairs)
    unasserted = sum(not pair.is_evidence for pair in pairs)
    return Changes(broken, fixed, right, both_wrong=len(alike) - right, unasserted=unasserted)


def broken_of(pairs: Sequence[Pair]) -> tuple[Broken, ...]:
    """Return the broken cases: those that must pass first, then by what was lost, and by how unlike the answers are."""
    broken = sorted((pair for pair in pairs if pair.difference < 0), key=_worst_first)
    return tuple(Broken(pair.name, pair.missed) for pair in broken)


def _worst_first(pair: Pair) -> tuple[bool, float, float, str]:
    return not pair.must_pass, pair.difference, 1.0 if pair.similarity is None else pair.similarity, pair.name
