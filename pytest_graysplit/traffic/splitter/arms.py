"""The arms of live traffic, as they are given and as a unit meets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_graysplit.types import Json, Role


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


def unknown_arm(arm: object, arms: Sequence[str]) -> UsageError:
    """Return the error for an arm that is not there, naming the nearest that is."""
    return UsageError(
        f"there is no arm {arm!r}{nearest(str(arm), arms)}",
        hint=f"the arms are {', '.join(arms)}",
        slug=Slug.SPLIT_ARM_UNKNOWN,
    )
