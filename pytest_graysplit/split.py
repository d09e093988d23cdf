"""Who gets which model: units are split by a hash, so that each meets the same model for the whole experiment.

Pure: no clock takes part (a key that holds the hour moves users every hour), and no memory of who was assigned before.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_graysplit.errors import UsageError
from pytest_graysplit.options import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import Json, Role

# Whatever has a text of its own: str, bytes, int, float, UUID, Decimal, date, an enum. Asked for as `object`, checked.
Unit: TypeAlias = object
Anonymous = Literal["control", "random"]

CONTROL = "control"
# Weights are whole hundredths of a per cent, so that they can sum to exactly one.
BASIS_POINTS = 10_000
MOST_ARMS = 100
# Containers have no text that stays the same, and a bare object's text is its address.
_NO_UNITS = (list, tuple, dict, set, frozenset, bytearray, memoryview)


@dataclass(frozen=True, slots=True)
class Split:
    """One arm of live traffic: a model, and the share of the units that meet it (0.10 is ten per cent).

    The first split of a splitter is the control. `params` and `headers` go with each request of this arm alone; a
    `name` is needed only to tell two treatments of one model apart.
    """

    model: str
    weight: float
    name: str = ""
    params: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The arm that a unit meets. A `forced` one is routed and not counted; `anonymous` means that no unit was named."""

    arm: str
    role: Role
    model: str
    split: Split
    index: int
    forced: bool = False
    anonymous: bool = False


class TrafficSplitter:
    """Assigns units to arms by their weights: sticky, without memory, and alike on every machine.

    A unit's place is u = (first 64 bits of sha256("salt:unit") >> 11) / 2^53, and the first treatment owns u < its
    weight. Each treatment has an end of its own to grow from, in the order of the list, and the control has what is
    left; so whoever met a treatment goes on meeting it when its weight is raised. `unassigned` counts the calls that
    named no unit; `identity` is eight hexadecimal letters that tell this salt with these arms and weights from any
    other. Raises UsageError for weights that do not sum to one, and for names that cannot be told apart.

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
    ) -> None:
        """Check the splits; without a unit `anonymous` decides: the control, or a draw for each request."""
        self.splits = tuple(splits)
        self.salt = _checked_salt(salt)
        self.anonymous = _checked_anonymous(anonymous)
        self.arms = _names_of(self.splits)
        self.basis_points = _basis_points(self.splits, self.arms)
        self._slots = _layout(self.basis_points)
        self._prefix = f"{salt}:".encode("utf-8", "surrogatepass")
        self._random = random or Random()
        self.unassigned = 0
        self._lock = Lock()
        made = [
            Assignment(arm=arm, role="treatment" if index else "control", model=split.model, split=split, index=index)
            for index, (arm, split) in enumerate(zip(self.arms, self.splits, strict=True))
        ]
        self.assignments = tuple(made)
        self.identity = _identity_of(self.salt, self.arms, self.basis_points)
        self._forced = {one.arm: replace(one, forced=True) for one in made}
        self._anonymous = tuple(replace(one, anonymous=True) for one in made)

    def assign(self, unit: Unit = None, *, force: str | None = None) -> Assignment:
        """Return the arm of the unit; None is nobody, while "" and 0 are units like any other.

        `force` names an arm to route to whoever asks, such as for a tester's header; raises UsageError for an arm
        that is not there and for a unit without a text of its own.
        """
        if force is not None:
            return self.forced(force)
        if unit is None:
            return self._nobody()
        return self.assigned(self.key(unit))

    def assigned(self, key: bytes) -> Assignment:
        """Return the arm of the unit with this key."""
        return self.assignments[self._slots[(int.from_bytes(key[:8]) >> 11) * BASIS_POINTS >> 53]]

    def key(self, unit: Unit) -> bytes:
        """Return the 32 bytes that stand for a unit in this experiment; nobody can read the unit from them."""
        if isinstance(unit, str):
            text = unit.encode("utf-8", "surrogatepass")
        elif isinstance(unit, bytes):
            text = unit
        else:
            text = _text_of(unit)
        return hashlib.sha256(self._prefix + text).digest()

    def forced(self, arm: str) -> Assignment:
        """Return the arm of that name, routed to by force."""
        if arm not in self._forced:
            raise unknown_arm(arm, self.arms)
        return self._forced[arm]

    def arm_named(self, arm: str) -> Assignment:
        """Return the arm of that name; raise UsageError where the splitter has none, naming the nearest."""
        for one in self.assignments:
            if one.arm == arm:
                return one
        raise unknown_arm(arm, self.arms)

    def ramped(self, weights: Mapping[str, float]) -> TrafficSplitter:
        """Return a splitter with other weights for the named treatments; the control takes or gives the difference.

        Raises UsageError where a unit would be moved into or out of an arm whose weight stays as it is.
        """
        for arm in weights:
            self.arm_named(arm)
        treatments = [
            replace(split, weight=weights.get(arm, split.weight))
            for arm, split in zip(self.arms[1:], self.splits[1:], strict=True)
        ]
        taken = sum(_points_of(split, arm) for arm, split in zip(self.arms[1:], treatments, strict=True))
        control = replace(self.splits[0], weight=weights.get(CONTROL, max(0, BASIS_POINTS - taken) / BASIS_POINTS))
        ramped = TrafficSplitter([control, *treatments], salt=self.salt, anonymous=self.anonymous, random=self._random)
        if moved := self._moved_otherwise(ramped):
            raise UsageError(
                f"the new weights would move {moved / 100:g}% of the units into or out of arms whose weights stay",
                hint="lower the treatment that grows into them first, or start a new experiment with a new salt",
                slug="split-ramp",
            )
        return ramped

    def named(self, aliases: Mapping[str, str]) -> TrafficSplitter:
        """Return the same splitter with models under their own names; an arm keeps the name it goes by."""
        splits = [
            replace(split, model=aliases.get(split.model, split.model), name=arm if index else "")
            for index, (arm, split) in enumerate(zip(self.arms, self.splits, strict=True))
        ]
        return TrafficSplitter(splits, salt=self.salt, anonymous=self.anonymous, random=self._random)

    def _moved_otherwise(self, other: TrafficSplitter) -> int:
        changes = Counter(zip(self._slots, other._slots, strict=True))
        grown = {index for index, points in enumerate(other.basis_points) if points > self.basis_points[index]}
        shrunk = {index for index, points in enumerate(other.basis_points) if points < self.basis_points[index]}
        return sum(
            number
            for (before, after), number in changes.items()
            if before != after and not (before in shrunk and after in grown)
        )

    def _nobody(self) -> Assignment:
        with self._lock:
            self.unassigned += 1
        if self.anonymous == "control":
            return self._anonymous[0]
        return self._anonymous[self._slots[self._random.randrange(BASIS_POINTS)]]


def _identity_of(salt: str, arms: Sequence[str], points: Sequence[int]) -> str:
    parts = [salt, *(f"{arm}={share}" for arm, share in zip(arms, points, strict=True))]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _layout(points: Sequence[int]) -> bytes:
    """Return which arm owns each basis point of [0, 1); what no treatment owns is the control's, 0."""
    slots = bytearray(BASIS_POINTS)
    for treatment, share in enumerate(points[1:]):
        free = (slot for slot in _growth(treatment) if not slots[slot])
        for slot, _ in zip(free, range(share), strict=False):
            slots[slot] = treatment + 1
    return bytes(slots)


def _growth(treatment: int) -> Iterator[int]:
    """Yield the basis points in the order in which a treatment takes them.

    The first grows up from 0 and the second down from 1: the two never meet, whatever their weights. Further pairs
    start from 1/2, 1/4, 3/4, ... and give way where they meet an earlier one.
    """
    pair, downwards = divmod(treatment, 2)
    start = _bit_reversed(pair) * BASIS_POINTS // (1 << pair.bit_length()) if pair else 0
    order = range(BASIS_POINTS)
    return ((start - 1 - step if downwards else start + step) % BASIS_POINTS for step in order)


def _bit_reversed(number: int) -> int:
    return int(f"{number:b}"[::-1], 2)


def _names_of(splits: Sequence[Split]) -> tuple[str, ...]:
    if not 2 <= len(splits) <= MOST_ARMS:
        raise UsageError(
            f"a split needs a control and a treatment, {MOST_ARMS} arms at the most, and has {len(splits)}",
            hint='TrafficSplitter([Split("today", 0.90), Split("candidate", 0.10)], salt="...")',
            slug="split-arms",
        )
    for split in splits:
        if not str(split.model).strip():
            raise UsageError(
                f"{split.model!r} is no model name", hint="name the model of each Split", slug="split-arms"
            )
    names = (CONTROL, *(split.name or split.model for split in splits[1:]))
    for name, times in Counter(names).items():
        if times > 1:
            raise UsageError(
                f"two arms are called {name}",
                hint=f'give one of them a name of its own: Split("{name}", ..., name="{name}-2")',
                slug="split-arms",
            )
    return names


def _basis_points(splits: Sequence[Split], arms: Sequence[str]) -> tuple[int, ...]:
    points = tuple(_points_of(split, arm) for split, arm in zip(splits, arms, strict=True))
    if sum(points) != BASIS_POINTS:
        listed = " + ".join(f"{split.weight:g}" for split in splits)
        raise UsageError(
            f"the weights sum to {sum(points) / BASIS_POINTS:g}, not to 1: {listed}",
            hint=f"the control takes the rest: {_rest(points)}",
            slug="split-weights",
        )
    return points


def _rest(points: Sequence[int]) -> str:
    rest = BASIS_POINTS - sum(points[1:])
    return f"a weight of {rest / BASIS_POINTS:g}" if rest >= 0 else "lower a treatment, they alone exceed 1"


def _points_of(split: Split, arm: str) -> int:
    try:
        weight = math.nan if isinstance(split.weight, bool) else float(split.weight)
    except (TypeError, ValueError):
        weight = math.nan
    points = round(weight * BASIS_POINTS) if 0 <= weight <= 1 else -1
    if points < 0 or abs(weight * BASIS_POINTS - points) > 1e-6:
        raise UsageError(
            f"the weight of {arm} is {split.weight!r}, which is no share in whole hundredths of a per cent",
            hint="write a number from 0 to 1 such as 0.1 or 0.0025; a share of 0.0001 is the least above none",
            slug="split-weights",
        )
    return points


def _text_of(unit: Unit) -> bytes:
    if isinstance(unit, _NO_UNITS) or (type(unit).__str__ is object.__str__ and type(unit).__repr__ is object.__repr__):
        raise UsageError(
            f"a unit is a text or a number, and this is a {type(unit).__name__}",
            hint="pass what identifies the user, such as unit=user.id",
            slug="split-unit",
        )
    return str(unit).encode("utf-8", "surrogatepass")


def _checked_salt(salt: object) -> str:
    if not isinstance(salt, str) or not salt.strip():
        raise UsageError(
            f"{salt!r} is no salt",
            hint='name the experiment, such as salt="summaries-2026-11": who is in one must not be who is in the next',
            slug="split-salt",
        )
    return salt


def _checked_anonymous(anonymous: Anonymous) -> Anonymous:
    if anonymous not in ("control", "random"):
        raise UsageError(
            f"{anonymous!r} does not say who gets requests without a unit",
            hint='anonymous="control" gives them the control, "random" draws for each request',
            slug="split-unit",
        )
    return anonymous


def unknown_arm(arm: object, arms: Sequence[str]) -> UsageError:
    """Return the error for an arm that is not there, naming the nearest that is."""
    return UsageError(
        f"there is no arm {arm!r}{nearest(str(arm), arms)}",
        hint=f"the arms are {', '.join(arms)}",
        slug="split-arm-unknown",
    )
