"""The assignment problem: give each row its own column so that the sum of the costs is the smallest."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def cheapest(costs: Sequence[Sequence[float]]) -> list[int]:
    """Return the column of each row; needs at least as many columns as rows (Kuhn's Hungarian method).

    >>> cheapest([[1.0, 2.0], [1.0, 5.0]])
    [1, 0]
    """
    columns = len(costs[0]) if costs else 0
    state = _Assignment(costs, columns)
    for row in range(len(costs)):
        state.add(row)
    column_of = {row: column for column, row in state.row_of.items()}
    return [column_of[row] for row in range(len(costs))]


class _Assignment:
    """The best assignment of the rows so far, with prices: a cost is at least the price of its row plus its column."""

    def __init__(self, costs: Sequence[Sequence[float]], columns: int) -> None:
        self.row_of: dict[int, int] = {}
        self._costs = costs
        self._columns = range(columns)
        self._row_price = [0.0] * len(costs)
        self._column_price = [0.0] * columns

    def add(self, start: int) -> None:
        """Assign a column to another row, by moving other rows along the cheapest path."""
        distance, came_from = [inf] * len(self._columns), [-1] * len(self._columns)
        reached: list[int] = []
        row, base, last = start, 0.0, -1
        while row >= 0:
            waiting = [column for column in self._columns if column not in reached]
            for column in waiting:
                length = base + self._costs[row][column] - self._row_price[row] - self._column_price[column]
                if length < distance[column]:
                    distance[column], came_from[column] = length, last
            last = min(waiting, key=distance.__getitem__)
            base = distance[last]
            row = self.row_of.get(last, -1)
            reached.append(last)
        self._raise_prices(start, {column: base - distance[column] for column in reached[:-1]}, base)
        self._move(start, last, came_from)

    def _raise_prices(self, start: int, slacks: dict[int, float], base: float) -> None:
        self._row_price[start] += base
        for column, slack in slacks.items():
            self._column_price[column] -= slack
            self._row_price[self.row_of[column]] += slack

    def _move(self, start: int, last: int, came_from: Sequence[int]) -> None:
        while (before := came_from[last]) >= 0:
            self.row_of[last] = self.row_of[before]
            last = before
        self.row_of[last] = start
