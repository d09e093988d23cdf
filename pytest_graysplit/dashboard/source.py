"""Where a live page gets its data: a run that goes on, or traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_graysplit.types import Json


class Source(Protocol):
    """What the page shows, whoever measured it."""

    def snapshot(self) -> dict[str, Json]:
        """Return everything the page shows now; cheap enough to call twice a second, from any thread."""

    def case(self, case_id: str) -> dict[str, Json] | None:
        """Return one case in full; None where there is none of that id."""
