"""The arms of live traffic, and the part of [0, 1) that belongs to each, so that a ramp keeps existing users."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_graysplit.types import Json, Role

# Weights are whole hundredths of a per cent, so that they can sum to exactly one.
BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class Split:
    """One arm of live traffic: a model, or a configured arm, and its share of the units (0.10 is ten per cent).

    The first split of a splitter is the control. `params` and `headers` are sent with each request of this arm only. A
    `name` is needed only to distinguish two treatments of one model. `table` and `fingerprint` are filled in for a
    configured arm, by `load_splitter` and by the client: the name of its table, and a hash of everything in it apart
    from the model and the price. `model` is then the model of the table. `settings` is filled in for an arm of a log,
    which has no `params` and `headers`: see `settings_of`.
    """

    model: str
    weight: float
    name: str = ""
    params: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    fingerprint: str = ""
    settings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The arm of a unit. A `forced` one is routed and not compared; `anonymous` means that no unit was named."""

    arm: str
    role: Role
    model: str
    split: Split
    index: int
    forced: bool = False
    anonymous: bool = False


def unknown_arm(arm: object, arms: Sequence[str]) -> UsageError:
    """Return the error for an unknown arm, with the nearest known name."""
    return UsageError(
        f"there is no arm {arm!r}{nearest(str(arm), arms)}",
        hint=f"the arms are {', '.join(arms)}",
        slug=Slug.SPLIT_ARM_UNKNOWN,
    )


def settings_of(splits: Sequence[Split]) -> tuple[str, ...]:
    """Return a mark of the own parameters and headers of each split: equal ones have one mark, none is an empty text.

    A mark is a number and not a hash, because headers may hold secrets.
    """
    marks: dict[str, str] = {"{}{}": ""}
    return tuple(split.settings or marks.setdefault(_own(split), str(len(marks))) for split in splits)


def _own(split: Split) -> str:
    headers = {name.lower(): text for name, text in split.headers.items()}
    return "".join(json.dumps(dict(own), sort_keys=True, default=str) for own in (split.params, headers))


def layout(points: Sequence[int]) -> bytes:
    """Return the arm of each basis point of [0, 1); points without a treatment belong to the control, 0."""
    slots = bytearray(BASIS_POINTS)
    for treatment, share in enumerate(points[1:]):
        free = (slot for slot in _growth(treatment) if not slots[slot])
        for slot, _ in zip(free, range(share), strict=False):
            slots[slot] = treatment + 1
    return bytes(slots)


def _growth(treatment: int) -> Iterator[int]:
    """Yield the basis points in the order in which a treatment takes them.

    The first grows up from 0 and the second down from 1, so the two never meet. Further
    pairs start from 1/2, 1/4, 3/4, ... and skip points that an earlier treatment owns.
    """
    pair, downwards = divmod(treatment, 2)
    start = _bit_reversed(pair) * BASIS_POINTS // (1 << pair.bit_length()) if pair else 0
    order = range(BASIS_POINTS)
    return ((start - 1 - step if downwards else start + step) % BASIS_POINTS for step in order)


def _bit_reversed(number: int) -> int:
    return int(f"{number:b}"[::-1], 2)
