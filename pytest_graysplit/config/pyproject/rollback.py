"""The section `rollback`: when a treatment of live traffic loses its users automatically."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.config.pyproject.reading import read_table, reject_unknown, setting_error
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from typing import Any

BOUND_HINT = 'write for example Rollback(on="reject", errors=0.05, p95_s=8.0)'
# Sums of live traffic are kept by minute for an hour.
MOST_WINDOW_S = 3600.0
LEAST_WINDOW_S = 60.0
LEAST_EVERY_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """The conditions of an automatic rollback; None means that a figure has no bound.

    `on="reject"` is the grade of the treatment. `errors` is a share of its requests, `p95_s` and `p99_s` are latencies
    in seconds, all three over the last `window_s` seconds from `requests` requests on. `usd_per_day` is the cost of the
    treatment since midnight UTC. They are checked every `every_s` seconds. Raises UsageError for an invalid bound.
    """

    on: Literal["reject"] | None = "reject"
    errors: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    usd_per_day: float | None = None
    window_s: float = 300.0
    requests: int = 30
    every_s: float = 5.0

    def __post_init__(self) -> None:
        if self.on not in ("reject", None):
            raise _refused("on", self.on, 'is neither "reject" nor None')
        bounds = {name: getattr(self, name) for name in ("errors", "p95_s", "p99_s", "usd_per_day")}
        for name, bound in bounds.items():
            if bound is not None and not _is_number(bound, 0, 1 if name == "errors" else math.inf):
                raise _refused(
                    name, bound, "is not a share above 0 and below 1" if name == "errors" else "is not above 0"
                )
        if self.on is None and not any(bounds.values()):
            raise _refused("on", self.on, "leaves no condition, because no bound is given either")
        if not _is_number(self.window_s, LEAST_WINDOW_S - 1, MOST_WINDOW_S + 1):
            raise _refused("window_s", self.window_s, f"is not from {LEAST_WINDOW_S:g} to {MOST_WINDOW_S:g}")
        if not _is_number(self.requests, 0, math.inf) or not isinstance(self.requests, int):
            raise _refused("requests", self.requests, "is not a whole number above 0")
        if not _is_number(self.every_s, LEAST_EVERY_S / 2, MOST_WINDOW_S):
            raise _refused("every_s", self.every_s, f"is not from {LEAST_EVERY_S:g} to {MOST_WINDOW_S:g}")


def read_rollback(value: object) -> Rollback | None:
    """Return the conditions of the section, or None without it; raise UsageError that names the setting."""
    if value is None:
        return None
    table: dict[str, Any] = read_table("rollback", value)
    reject_unknown("rollback", table, tuple(one.name for one in fields(Rollback)))
    # TOML has no null; `on = "bounds"` rolls back on the bounds alone.
    given = {**table, "on": None} if table.get("on") == "bounds" else table
    try:
        return Rollback(**given)
    except UsageError as error:
        raise setting_error("rollback", error.problem, error.hint) from None


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low < value < high


def _refused(name: str, value: object, problem: str) -> UsageError:
    return UsageError(f"{name}: {value!r} {problem}", hint=BOUND_HINT, slug=Slug.ROLLBACK_BOUND)
