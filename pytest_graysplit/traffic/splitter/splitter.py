"""The splitter: it maps a unit to its arm by a hash, without a clock and without memory."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import replace
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter.arms import BASIS_POINTS, Assignment, layout, settings_of, unknown_arm
from pytest_graysplit.traffic.splitter.checks import (
    basis_points_of,
    checked_anonymous,
    checked_salt,
    checked_version,
    names_of,
    points_of,
    text_of,
)
from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_graysplit.traffic.splitter.arms import Split
    from pytest_graysplit.traffic.splitter.checks import Anonymous
    from pytest_graysplit.traffic.splitter.rolled_back import RolledBack

# Any value with a stable text: str, bytes, int, UUID, date, an enum. Typed as `object`, and checked.
Unit: TypeAlias = object

# Random arms of requests without a unit.
_DRAWS = Random()
if hasattr(os, "register_at_fork"):
    # Workers that are forked from one process must not draw the same arms.
    os.register_at_fork(after_in_child=_DRAWS.seed)


class TrafficSplitter:
    """A splitter that assigns units to arms by weight: sticky, without memory, and the same on every machine.

    The position of a unit is u = (first 64 bits of sha256("salt:unit") >> 11) / 2^53, and the first treatment owns u <
    its weight. Each treatment grows from its own starting point, in the order of the list, and the control has the
    rest. So a unit keeps its treatment when the weight of that treatment is raised. `unassigned` counts the calls
    without a unit. `identity` is eight hexadecimal letters that identify the salt, the arms with their models and the
    tables of configured arms, and the weights. `version` orders splitters with other weights: a worker with an older
    one never overrides a newer one; 0 means that it has none. Raises UsageError for weights that do not sum to one, and
    for duplicate names.

    >>> from pytest_graysplit import Split, TrafficSplitter
    >>> splitter = TrafficSplitter([Split("claude-sonnet-4.5", 0.90), Split("deepseek-v3.2", 0.10)], salt="docs")
    >>> splitter.assign("user_7").model, splitter.assign("user_7").arm
    ('deepseek-v3.2', 'deepseek-v3.2')
    """

    def __init__(
        self,
        splits: Sequence[Split],
        *,
        salt: str,
        anonymous: Anonymous = "control",
        random: Random | None = None,
        version: int = 0,
    ) -> None:
        """Check the splits; without a unit `anonymous` decides: the control, or a random arm for each request.

        A generator that is given as `random` draws the same numbers in each forked worker, unless it is seeded there.
        """
        self.splits = tuple(splits)
        self.salt = checked_salt(salt)
        self.anonymous = checked_anonymous(anonymous)
        self.version = checked_version(version)
        self.is_numbered = version > 0
        self.rollbacks: tuple[RolledBack, ...] = ()
        self.arms = names_of(self.splits)
        self.basis_points = basis_points_of(self.splits, self.arms)
        self.settings = settings_of(self.splits)
        self._slots = layout(self.basis_points)
        self._prefix = f"{salt}:".encode("utf-8", "surrogatepass")
        self._random = random or _DRAWS
        self.unassigned = 0
        self._lock = Lock()
        made = [
            Assignment(arm=arm, role="treatment" if index else "control", model=split.model, split=split, index=index)
            for index, (arm, split) in enumerate(zip(self.arms, self.splits, strict=True))
        ]
        self.assignments = tuple(made)
        self.identity = _identity_of(self.salt, self.assignments, self.basis_points)
        self._forced = {one.arm: replace(one, forced=True) for one in made}
        self._anonymous = tuple(replace(one, anonymous=True) for one in made)

    def assign(self, unit: Unit = None, *, force: str | None = None) -> Assignment:
        """Return the arm of the unit; None means no unit, while "" and 0 are valid units.

        `force` names an arm for this request, such as from a tester's header. Raises UsageError for an unknown arm and
        for a unit without a stable text.
        """
        if force is not None:
            return self.forced(force)
        if unit is None:
            return self._without_unit()
        return self.assigned(self.key(unit))

    def assigned(self, key: bytes) -> Assignment:
        """Return the arm of the unit with this key."""
        return self.assignments[self._slots[(int.from_bytes(key[:8]) >> 11) * BASIS_POINTS >> 53]]

    def key(self, unit: Unit) -> bytes:
        """Return the 32 bytes that identify a unit in this experiment.

        They are a pseudonym: the unit cannot be read from them, but with the salt a guess can be checked.
        """
        # The usual unit needs no check, because it has one form only.
        text = unit.encode() if isinstance(unit, str) and unit.isascii() else text_of(unit)
        return hashlib.sha256(self._prefix + text).digest()

    def forced(self, arm: str) -> Assignment:
        """Return the arm of that name, as a forced assignment."""
        if arm not in self._forced:
            raise unknown_arm(arm, self.arms)
        return self._forced[arm]

    def ramped(self, weights: Mapping[str, float], *, version: int | None = None) -> TrafficSplitter:
        """Return a splitter with other weights for the named treatments; the control takes or gives the difference.

        Without `version` a splitter that has one is followed by the next number. Raises UsageError if a unit would move
        into or out of an arm whose weight stays the same.
        """
        for arm in weights:
            self.forced(arm)  # raises for an unknown arm
        treatments = [
            replace(split, weight=weights.get(arm, split.weight))
            for arm, split in zip(self.arms[1:], self.splits[1:], strict=True)
        ]
        taken = sum(points_of(split, arm) for arm, split in zip(self.arms[1:], treatments, strict=True))
        control = replace(self.splits[0], weight=weights.get(CONTROL, max(0, BASIS_POINTS - taken) / BASIS_POINTS))
        number = (self.version and self.version + 1) if version is None else version
        ramped = self._changed([control, *treatments], number)
        ramped.is_numbered = version is not None
        if moved := self._moved_otherwise(ramped):
            raise UsageError(
                f"the new weights would move {moved / 100:g}% of the units into or out of arms whose weights stay",
                hint="lower the treatment that grows into them first, or start a new experiment with a new salt",
                slug=Slug.SPLIT_RAMP,
            )
        return ramped

    def with_splits(self, splits: Sequence[Split]) -> TrafficSplitter:
        """Return a splitter with these splits in place of its own; salt, random numbers and names of the arms stay."""
        named = [
            replace(split, name=arm if index else "")
            for index, (arm, split) in enumerate(zip(self.arms, splits, strict=True))
        ]
        changed: TrafficSplitter = self._changed(named, self.version)
        # The units of an arm that is rolled back stay with the control, and no other unit moves.
        changed._slots = self._slots
        changed.is_numbered, changed.rollbacks = self.is_numbered, self.rollbacks
        return changed

    def reweighted(self, basis_points: Sequence[int], *, version: int) -> TrafficSplitter:
        """Return a splitter with the same arms and other weights, in basis points that sum to 10,000."""
        named = [
            replace(split, weight=points / BASIS_POINTS, name=arm if index else "")
            for index, (arm, split, points) in enumerate(zip(self.arms, self.splits, basis_points, strict=True))
        ]
        changed = self._changed(named, version)
        changed.rollbacks = self.rollbacks
        return changed

    def with_version(self, version: int) -> TrafficSplitter:
        """Return the same splitter with another version."""
        changed = self.with_splits(self.splits)
        changed.version, changed.is_numbered = checked_version(version), version > 0
        return changed

    def rolled_back(self, arms: Iterable[str], rollbacks: Sequence[RolledBack]) -> TrafficSplitter:
        """Return a splitter that sends the units of these treatments to the control, and moves no other unit.

        `rollbacks` is the history of the experiment.
        """
        stopped = {index for index, arm in enumerate(self.arms) if index and arm in set(arms)}
        points = [0 if index in stopped else points for index, points in enumerate(self.basis_points)]
        points[0] = BASIS_POINTS - sum(points[1:])
        splits = [replace(split, weight=own / BASIS_POINTS) for split, own in zip(self.splits, points, strict=True)]
        changed: TrafficSplitter = self.with_splits(splits)
        changed._slots = bytes(0 if slot in stopped else slot for slot in self._slots)
        changed.rollbacks = tuple(rollbacks)
        return changed

    def _changed(self, splits: Sequence[Split], version: int) -> TrafficSplitter:
        return TrafficSplitter(splits, salt=self.salt, anonymous=self.anonymous, random=self._random, version=version)

    def _moved_otherwise(self, other: TrafficSplitter) -> int:
        changes = Counter(zip(self._slots, other._slots, strict=True))
        grown = {index for index, points in enumerate(other.basis_points) if points > self.basis_points[index]}
        shrunk = {index for index, points in enumerate(other.basis_points) if points < self.basis_points[index]}
        return sum(
            number
            for (before, after), number in changes.items()
            if before != after and not (before in shrunk and after in grown)
        )

    def _without_unit(self) -> Assignment:
        with self._lock:
            self.unassigned += 1
        if self.anonymous == "control":
            return self._anonymous[0]
        return self._anonymous[self._slots[self._random.randrange(BASIS_POINTS)]]


def _identity_of(salt: str, arms: Sequence[Assignment], points: Sequence[int]) -> str:
    parts = [salt]
    for one, share in zip(arms, points, strict=True):
        # An arm without a fingerprint keeps the identity that it had before arms could be configured.
        fingerprint = f"={one.split.fingerprint}" if one.split.fingerprint else ""
        parts.append(f"{one.arm}={one.model}={share}{fingerprint}")
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]
