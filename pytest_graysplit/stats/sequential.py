"""Looking at the cases one after the other: bets that may be counted at any time."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Side = Literal["harm", "promote"]

_BETS = 20
_MOST = 1e300


class EProcess:
    """A fair game under "no harm beyond the margin" ("harm") or "harm beyond it" ("promote"), started with 1.

    It reaches 1/alpha with probability alpha at the most, whenever one looks (Ville 1939; the mean of twenty constant
    bets, after Waudby-Smith and Ramdas 2024, JRSS B 86:1). Differences are of pass shares, treatment minus control.

    >>> game = EProcess(0.05, "harm")
    >>> [round(game.add(-1), 2) for _ in range(9)][-1] > 40
    True
    """

    def __init__(self, margin: float, side: Side) -> None:
        if not 0 < margin < 1:
            raise ValueError(f"a margin lies between 0 and 1, not at {margin}")
        self._side = side
        self._fair = (1 - margin) / 2 if side == "promote" else (1 + margin) / 2
        self._stakes = [0.95 * bet / ((_BETS + 1) * self._fair) for bet in range(1, _BETS + 1)]
        self._logs = [0.0] * _BETS

    def add(self, difference: float) -> float:
        """Take in a case's difference, from -1 to 1, and return what the game has made of 1 so far."""
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference of pass shares lies between -1 and 1, not at {difference}")
        outcome = (1 + difference) / 2 if self._side == "promote" else (1 - difference) / 2
        gain = outcome - self._fair
        self._logs = [log + math.log1p(stake * gain) for log, stake in zip(self._logs, self._stakes, strict=True)]
        return self.value

    @property
    def value(self) -> float:
        """What the game has made of 1; counted no further than 1e300."""
        return min(_MOST, fmean(math.exp(min(log, 700.0)) for log in self._logs))


def harm_e_values(differences: Sequence[float], margin: float) -> list[float]:
    """Return the value of the bet against "no harm beyond the margin" after each case."""
    game = EProcess(margin, "harm")
    return [game.add(difference) for difference in differences]


def promote_e_values(differences: Sequence[float], margin: float) -> list[float]:
    """Return the value of the bet against "harm beyond the margin" after each case."""
    game = EProcess(margin, "promote")
    return [game.add(difference) for difference in differences]
