"""The rollbacks of an experiment: which treatment lost its users, when and why, and whether it still has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from pytest_graysplit.traffic.splitter.arms import BASIS_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterable

Cause = Literal["reject", "errors", "p95_s", "p99_s", "usd_per_day"]
# The latest rollbacks that are kept; a person ended each of the others.
MOST_ROLLBACKS = 20


class RolledBack(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rollback of one treatment: its share became 0, and its users go to the control until a person ramps it again.

    `split` and `version` are those of the splitter before it, `basis_points` is the share of the arm in it. `at` and
    `ended` are moments; `ended` is empty while the rollback is in force.
    """

    arm: str
    at: str
    split: str
    basis_points: int
    cause: Cause
    reason: str
    version: int = 0
    ended: str = ""

    @property
    def text(self) -> str:
        """The rollback in words, such as `at 10%, version 3, 2026-11-30T12:00:00Z: errors ...`."""
        version = f", version {self.version}" if self.version else ""
        return f"at {self.basis_points * 100 / BASIS_POINTS:g}%{version}, {self.at[:19]}Z: {self.reason}"


def merged(*histories: Iterable[RolledBack]) -> tuple[RolledBack, ...]:
    """Return the rollbacks of several histories, each once and the oldest first; one that ended anywhere has ended."""
    found: dict[tuple[str, str], RolledBack] = {}
    for one in (one for history in histories for one in history):
        known = found.get((one.arm, one.at))
        if known is None or one.ended > known.ended:
            found[one.arm, one.at] = one
    # Beyond the limit, those that a person ended are left out first.
    kept = sorted(found.values(), key=lambda one: (not one.ended, one.at))[-MOST_ROLLBACKS:]
    return tuple(sorted(kept, key=lambda one: (one.at, one.arm)))


def in_force(history: Iterable[RolledBack], *, version: int, since: str = "") -> frozenset[str]:
    """Return the treatments that are rolled back for a splitter of this version, whose weights a person set `since`.

    A rollback holds for its own version and older ones, until a person ramps the treatment again.
    """
    of_version = [one for one in history if one.version >= version]
    ended: dict[str, str] = {}
    for one in of_version:
        ended[one.arm] = max(ended.get(one.arm, since), one.ended)
    return frozenset(one.arm for one in of_version if not one.ended and one.at > ended[one.arm])


def ended(history: Iterable[RolledBack], arms: Iterable[str], at: str) -> tuple[RolledBack, ...]:
    """Return the history in which the rollbacks of these treatments have ended."""
    again = set(arms)
    return tuple(
        msgspec.structs.replace(one, ended=at) if one.arm in again and not one.ended else one for one in history
    )
