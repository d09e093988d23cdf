"""What a split may be made of: names, weights, a salt and units, each refused by name."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter.layout import BASIS_POINTS
from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.traffic.splitter.arms import Split

Anonymous = Literal["control", "random"]

MOST_ARMS = 100
# Containers have no text that stays the same, and a bare object's text is its address.
_NO_UNITS = (list, tuple, dict, set, frozenset, bytearray, memoryview)


def names_of(splits: Sequence[Split]) -> tuple[str, ...]:
    """Return what the arms are called, the control first; raise UsageError where two cannot be told apart."""
    if not 2 <= len(splits) <= MOST_ARMS:
        raise UsageError(
            f"a split needs a control and a treatment, {MOST_ARMS} arms at the most, and has {len(splits)}",
            hint='TrafficSplitter([Split("today", 0.90), Split("candidate", 0.10)], salt="...")',
            slug=Slug.SPLIT_ARMS,
        )
    for split in splits:
        if not str(split.model).strip():
            raise UsageError(
                f"{split.model!r} is no model name", hint="name the model of each Split", slug=Slug.SPLIT_ARMS
            )
    names = (CONTROL, *(split.name or split.model for split in splits[1:]))
    for name, times in Counter(names).items():
        if times > 1:
            raise UsageError(
                f"two arms are called {name}",
                hint=f'give one of them a name of its own: Split("{name}", ..., name="{name}-2")',
                slug=Slug.SPLIT_ARMS,
            )
    return names


def basis_points_of(splits: Sequence[Split], arms: Sequence[str]) -> tuple[int, ...]:
    """Return the weights in basis points; raise UsageError, naming the sum, unless they are all units exactly."""
    points = tuple(points_of(split, arm) for split, arm in zip(splits, arms, strict=True))
    if sum(points) != BASIS_POINTS:
        listed = " + ".join(f"{split.weight:g}" for split in splits)
        raise UsageError(
            f"the weights sum to {sum(points) / BASIS_POINTS:g}, not to 1: {listed}",
            hint=f"the control takes the rest: {_rest(points)}",
            slug=Slug.SPLIT_WEIGHTS,
        )
    return points


def _rest(points: Sequence[int]) -> str:
    rest = BASIS_POINTS - sum(points[1:])
    return f"a weight of {rest / BASIS_POINTS:g}" if rest >= 0 else "lower a treatment, they alone exceed 1"


def points_of(split: Split, arm: str) -> int:
    """Return one weight in basis points; raise UsageError, naming the arm, for what is no such share."""
    try:
        weight = math.nan if isinstance(split.weight, bool) else float(split.weight)
    except (TypeError, ValueError):
        weight = math.nan
    points = round(weight * BASIS_POINTS) if 0 <= weight <= 1 else -1
    if points < 0 or abs(weight * BASIS_POINTS - points) > 1e-6:
        raise UsageError(
            f"the weight of {arm} is {split.weight!r}, which is no share in whole hundredths of a per cent",
            hint="write a number from 0 to 1 such as 0.1 or 0.0025; a share of 0.0001 is the least above none",
            slug=Slug.SPLIT_WEIGHTS,
        )
    return points


def text_of(unit: object) -> bytes:
    """Return the text of a unit; raise UsageError for what has none of its own."""
    if isinstance(unit, _NO_UNITS) or (type(unit).__str__ is object.__str__ and type(unit).__repr__ is object.__repr__):
        raise UsageError(
            f"a unit is a text or a number, and this is a {type(unit).__name__}",
            hint="pass what identifies the user, such as unit=user.id",
            slug=Slug.SPLIT_UNIT,
        )
    return str(unit).encode("utf-8", "surrogatepass")


def checked_salt(salt: object) -> str:
    """Return the salt; raise UsageError where it names no experiment."""
    if not isinstance(salt, str) or not salt.strip():
        raise UsageError(
            f"{salt!r} is no salt",
            hint='name the experiment, such as salt="summaries-2026-11": who is in one must not be who is in the next',
            slug=Slug.SPLIT_SALT,
        )
    return salt


def checked_anonymous(anonymous: Anonymous) -> Anonymous:
    """Return who gets requests without a unit; raise UsageError for a word that does not say it."""
    if anonymous not in ("control", "random"):
        raise UsageError(
            f"{anonymous!r} does not say who gets requests without a unit",
            hint='anonymous="control" gives them the control, "random" draws for each request',
            slug=Slug.SPLIT_UNIT,
        )
    return anonymous
