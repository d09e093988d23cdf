"""A look that was planned at a suite that grows: which one a run is, and what its bounds may err."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit import stats

if TYPE_CHECKING:
    from pytest_graysplit.config.policy import Policy

# How often a treatment that is worse by no more than the margin may be rejected, by the rows.
REJECT_ALPHA = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One of the planned looks, counted from 1, at n cases: its critical value, and how often a bound may err at it."""

    number: int
    n: int
    z: float
    alpha: float
    reject_alpha: float


def look_at(policy: Policy, cases: int, lost: int) -> Look | None:
    """Return which planned look a suite of so many cases is at; None where it is at none, or none was planned.

    `lost` tests said nothing, not even of which case they were: the suite may be larger by as many.
    """
    number = next((place for place, n in enumerate(policy.looks) if cases <= n <= cases + lost), None)
    if number is None:
        return None
    z, harm_z = (_critical(policy.looks, alpha)[number] for alpha in (policy.alpha, REJECT_ALPHA))
    return Look(
        number=number + 1,
        n=policy.looks[number],
        z=z,
        alpha=stats.OneLook().p(z),
        reject_alpha=stats.OneLook().p(harm_z),
    )


def _critical(looks: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    return stats.planned_z(tuple(n / looks[-1] for n in looks), alpha)
