"""Fixtures of a wider scope that ask the model under test: their value would serve the other arm as well."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import GraysplitError, Slug

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from pytest_graysplit.gateway.item_calls import ItemCalls

# The scope of a fixture that is set up for each item again.
OWN_SCOPE = "function"


class SharedFixtures:
    """The fixtures of this process that several items share, and whose set-up has asked the model of one arm.

    An item that uses such a fixture is not judged: it may compare an answer of the control with itself.
    """

    def __init__(self) -> None:
        # By identity, because two folders may have fixtures of one name.
        self._asking: dict[int, Any] = {}

    @contextmanager
    def watched(self, fixture: pytest.FixtureDef[Any], calls: ItemCalls) -> Iterator[None]:
        """Keep a fixture that asks the model of the arm while it is set up, and spoil the run of its item."""
        before = _asked(calls)
        try:
            yield
        finally:
            if fixture.scope != OWN_SCOPE and _asked(calls) > before:
                self._asking[id(fixture)] = fixture
                calls.spoil(_shared(fixture, calls))

    def spoil(self, item: pytest.Item, calls: ItemCalls) -> None:
        """Spoil the run of an item that uses a value which another arm's model has made."""
        if not self._asking:
            return
        known: Any = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
        for fixture in (one for some in known.values() for one in some):
            if id(fixture) in self._asking:
                calls.spoil(_shared(fixture, calls))


def _asked(calls: ItemCalls) -> int:
    """Return the number of requests for the models that are replaced."""
    return sum(calls.asked.get(name, 0) for name in calls.run.swapped)


def _shared(fixture: pytest.FixtureDef[Any], calls: ItemCalls) -> GraysplitError:
    return GraysplitError(
        f"{calls.run.case.id}: the fixture {fixture.argname} asks the model under test, and with scope "
        f"{fixture.scope!r} its value also serves the other arm",
        hint="give it function scope, so that each arm asks for itself, or let it ask a model that is not replaced",
        slug=Slug.APP_SHARED,
    )
