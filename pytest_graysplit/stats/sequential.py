"""Looking after every case without erring more often for it: evidence that may be read at any time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Side = Literal["harm", "promote"]

MOST = 1e300
"""No e-value is given out above this one, so that it stays a number in every format."""

_STAKES = 20


class EProcess:
    """The evidence of differences, treatment minus control, as they come: a bet against a hypothesis.

    "harm" bets against "the mean difference is at least -margin", "promote" against "at most -margin". With
    x = (d + 1) / 2 and m = (1 - margin) / 2, E is the mean over k = 1..20 of the product of 1 + s_k (x - m), with
    the stake s_k = 0.95 k / (21 m); for harm 1 - x and 1 - m take their places (Waudby-Smith and Ramdas 2024,
    JRSS B 86:1). If the hypothesis is true, E ever reaches 1 / alpha with probability alpha at most (Ville 1939).

    >>> process = EProcess(margin=0.05, side="harm")
    >>> [round(process.add(difference), 3) for difference in (0, 0, -1)]
    [0.977, 0.955, 1.36]
    """

    __slots__ = ("_centre", "_harm", "_log_capitals", "_stakes")

    def __init__(self, margin: float, side: Side) -> None:
        if not 0 <= margin < 1:
            raise ValueError(f"a margin lies between 0 and 1, not {margin!r}")
        if side not in {"harm", "promote"}:
            raise ValueError(f"a side is 'harm' or 'promote', not {side!r}")
        self._harm = side == "harm"
        self._centre = (1 + margin) / 2 if self._harm else (1 - margin) / 2
        self._stakes = [0.95 * k / ((_STAKES + 1) * self._centre) for k in range(1, _STAKES + 1)]
        # Logarithms: a capital that was nearly lost can still come back, and a large one never overflows.
        self._log_capitals = [0.0] * _STAKES

    @property
    def value(self) -> float:
        """The e-value so far; 1.0 before the first difference, at most MOST."""
        largest = max(self._log_capitals)
        log_mean = largest + math.log(math.fsum(math.exp(log - largest) for log in self._log_capitals) / _STAKES)
        return math.exp(log_mean) if log_mean < math.log(MOST) else MOST

    def add(self, difference: float) -> float:
        """Take one case's difference, from -1 to 1, and return the e-value with it."""
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference of two scores lies between -1 and 1, not {difference!r}")
        gain = (1 - difference if self._harm else 1 + difference) / 2 - self._centre
        self._log_capitals = [
            log + math.log1p(stake * gain) for log, stake in zip(self._log_capitals, self._stakes, strict=True)
        ]
        return self.value


def harm_e_values(differences: Sequence[float], margin: float) -> list[float]:
    """Return the e-value after each difference, against "the treatment is not worse by more than the margin".

    >>> next(n for n, e in enumerate(harm_e_values([-1] * 20, 0.05), start=1) if e >= 40)
    9
    """
    return _e_values(differences, EProcess(margin, "harm"))


def promote_e_values(differences: Sequence[float], margin: float) -> list[float]:
    """Return the e-value after each difference, against "the treatment is worse by the margin or more".

    >>> next(n for n, e in enumerate(promote_e_values([0] * 100, 0.05), start=1) if e >= 20)
    94
    """
    return _e_values(differences, EProcess(margin, "promote"))


def _e_values(differences: Sequence[float], process: EProcess) -> list[float]:
    return [process.add(difference) for difference in differences]
