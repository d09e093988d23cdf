"""What a suite can show, said before it costs anything."""

from __future__ import annotations

from pytest_graysplit import stats
from pytest_graysplit.config.policy import ALPHA
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.verdict.evidence import FEWEST_PAIRS
from pytest_graysplit.verdict.pass_criteria import SIZE_OVER_ALPHA

# Shares of cases that one of two models alone passes, as two models of like quality often have them.
USUAL, MANY = 0.10, 0.20


def power_line(cases: int, margin: float, clusters: int | None = None, alpha: float = ALPHA) -> str:
    """Say in how many of 100 runs so many cases show that a treatment which is as good is within the margin.

    Cases of one cluster may be as alike as they like, so what counts is `clusters`, where any two cases share one.
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
