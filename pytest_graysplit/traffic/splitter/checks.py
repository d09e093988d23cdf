"""Checks of the arguments of a splitter: names, weights, salt and units."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from numbers import Number
from typing import TYPE_CHECKING, Any, Literal

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter.arms import BASIS_POINTS
from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.traffic.splitter.arms import Split

Anonymous = Literal["control", "random"]

MOST_ARMS = 100
# More than any date or time that is written as a number, such as 20261130120000.
MOST_VERSIONS = 10**15
# Containers have no stable text, and the text of a bare object is its address.
_NO_UNITS = (list, tuple, dict, set, frozenset, bytearray, memoryview)


def names_of(splits: Sequence[Split]) -> tuple[str, ...]:
    """Return the names of the arms, the control first; raise UsageError for duplicate names."""
    if not 2 <= len(splits) <= MOST_ARMS:
        raise UsageError(
            f"a split needs a control and a treatment, {MOST_ARMS} arms at most, and has {len(splits)}",
            hint='TrafficSplitter([Split("today", 0.90), Split("candidate", 0.10)], salt="...")',
            slug=Slug.SPLIT_ARMS,
        )
    for split in splits:
        if not str(split.model).strip():
            raise UsageError(
                f"{split.model!r} is not a model name", hint="name the model of each Split", slug=Slug.SPLIT_ARMS
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
    """Return the weights in basis points; raise UsageError with the sum unless they sum to 1 exactly."""
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
    """Return one weight in basis points; raise UsageError with the arm's name for an invalid weight."""
    try:
        weight = math.nan if isinstance(split.weight, bool) else float(split.weight)
    except (TypeError, ValueError):
        weight = math.nan
    points = round(weight * BASIS_POINTS) if 0 <= weight <= 1 else -1
    if points < 0 or abs(weight * BASIS_POINTS - points) > 1e-6:
        raise UsageError(
            f"the weight of {arm} is {split.weight!r}, which is not a share in whole hundredths of a per cent",
            hint="write a number from 0 to 1 such as 0.1 or 0.0025; the smallest share above 0 is 0.0001",
            slug=Slug.SPLIT_WEIGHTS,
        )
    return points


def text_of(unit: object) -> bytes:
    """Return the text of a unit; raise UsageError for an object without a stable text, and for a number like 1.0.

    Composed and decomposed accents are one text. Bytes are taken as they are.
    """
    if isinstance(unit, bytes):
        return unit
    if isinstance(unit, _NO_UNITS) or (type(unit).__str__ is object.__str__ and type(unit).__repr__ is object.__repr__):
        raise UsageError(
            f"a unit is a text or a number, and this is a {type(unit).__name__}",
            hint="pass what identifies the user, such as unit=user.id",
            slug=Slug.SPLIT_UNIT,
        )
    text = str(unit)
    if isinstance(unit, Number) and not isinstance(unit, int):
        _check_number(unit, text)
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).encode("utf-8", "surrogatepass")


def _check_number(unit: Any, text: str) -> None:
    """Raise UsageError for a number that equals a whole number and has another text, and for NaN and infinity."""
    try:
        whole = int(unit)
        twin = str(whole) if whole == unit else text
    except TypeError:
        return
    except (ArithmeticError, ValueError):
        twin = ""
    if twin != text:
        raise UsageError(
            f"{unit!r} and {twin} would be two units" if twin else f"{unit!r} does not identify a user",
            hint="pass unit=int(user.id); unit=str(user.id) keeps the arms of a running experiment",
            slug=Slug.SPLIT_UNIT,
        )


def checked_salt(salt: object) -> str:
    """Return the salt; raise UsageError for an empty one or another type."""
    if not isinstance(salt, str) or not salt.strip():
        raise UsageError(
            f"{salt!r} is not a salt",
            hint='name the experiment, such as salt="summaries-2026-11", so that each splits the users differently',
            slug=Slug.SPLIT_SALT,
        )
    return salt


def checked_anonymous(anonymous: Anonymous) -> Anonymous:
    """Return the arm for requests without a unit; raise UsageError for an unknown word."""
    if anonymous not in ("control", "random"):
        raise UsageError(
            f"{anonymous!r} is not a valid value of anonymous",
            hint='requests without a unit get the control with anonymous="control", and a random arm with "random"',
            slug=Slug.SPLIT_UNIT,
        )
    return anonymous


def checked_version(version: object) -> int:
    """Return the version; raise UsageError for anything other than a whole number of 0 or more."""
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < MOST_VERSIONS:
        raise UsageError(
            f"{version!r} is not a version of a split",
            hint="write a whole number such as version = 7, and raise it with each change of the weights",
            slug=Slug.SPLIT_VERSION,
        )
    return version
