"""The size of a suite: its power before a run, and the planned looks at a suite that grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit import stats
from pytest_graysplit.config.policy import ALPHA
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.verdict.criteria import REJECT_ALPHA
from pytest_graysplit.verdict.pass_criteria import SIZE_OVER_ALPHA

if TYPE_CHECKING:
    from pytest_graysplit.config.policy import Policy

FEWEST_PAIRS = 30
# Usual shares of cases that only one of two models of equal quality passes.
USUAL, MANY = 0.10, 0.20


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A planned look, counted from 1, at n cases: its critical value, and the alpha of its bounds."""

    number: int
    n: int
    z: float
    alpha: float
    reject_alpha: float


def look_at(policy: Policy, cases: int, lost: int) -> Look | None:
    """Return the planned look that a suite of so many cases is at; None if it is at none, or none was planned.

    `lost` tests gave no result, not even the name of their case, so the suite may be larger by that number.
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


def power_line(cases: int, margin: float, clusters: int | None = None, alpha: float = ALPHA) -> str:
    """Say in how many of 100 runs an equal treatment is shown to be within the margin.

    Cases of one cluster may depend on each other, so `clusters` counts instead of the cases if any two share one.
    """
    counted = plural(cases, "case") if clusters is None else f"{plural(cases, 'case')} in {plural(clusters, 'cluster')}"
    points = f"a margin of {100 * margin:.4g} point{'' if margin == 0.01 else 's'}"
    if cases < FEWEST_PAIRS:
        return f"{counted} cannot show {points}: a verdict takes at least {FEWEST_PAIRS} cases"
    usual, many = (_of_100(cases if clusters is None else clusters, share, margin, alpha) for share in (USUAL, MANY))
    return (
        f"{counted} show {points} in {usual} of 100 runs of an equal treatment if {USUAL:.0%} of cases differ, "
        f"in {many} if {MANY:.0%} do"
    )


def _of_100(n: int, discordant: float, margin: float, alpha: float) -> str:
    share = 100 * stats.power(n, discordant, margin, alpha=alpha, size=SIZE_OVER_ALPHA * alpha)
    return "<1" if share < 1 else ">99" if share > 99 else str(round(share))
