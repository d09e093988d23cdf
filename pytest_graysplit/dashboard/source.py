"""The seam between the live page and what it shows: anything that can tell its state as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_graysplit.types import Json


class Source(Protocol):
    """What the page shows; the shape of both answers is in docs/dashboard.md."""

    def snapshot(self) -> dict[str, Json]:
        """Return the state of this moment; cheap enough to be asked for twice a second, and from any thread."""
        ...

    def case(self, case_id: str) -> dict[str, Json] | None:
        """Return one case with its answers, or None where there is none of that id."""
        ...
