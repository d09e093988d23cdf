"""Facts about one run of an application under test, beside the reply that is made of its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.types import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from pytest_graysplit.types import Reply


class OtherCalls(NamedTuple):
    """The calls of an application to a model that is not under test, and those of them that failed.

    The cost is None if any of it is unknown.
    """

    calls: int
    cost_usd: Decimal | None
    failed: int = 0

    def plus(self, other: OtherCalls) -> OtherCalls:
        """Return the sum of both."""
        known = self.cost_usd is not None and other.cost_usd is not None
        cost_usd = self.cost_usd + other.cost_usd if known else None  # type: ignore[operator] # both are known
        return OtherCalls(self.calls + other.calls, cost_usd, self.failed + other.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """One run of an application on one arm: its place among the items of the case, and its other calls.

    `arm` is "control" or the name of the treatment. `control_samples` and `samples` are the numbers of items that the
    control and each treatment have for the case. Without an output (`has_output`) the run is judged by its asserts
    alone. `swapped_calls` counts the calls of the arm's model. `passed` has the calls to all other
    models, by the name of the model, and `passed_places` are the places of these calls among the calls of the reply.
    `hooked` means that a hook of the test's folder may score the outputs.
    """

    arm: str
    sample: int
    control_samples: int
    samples: int
    has_output: bool
    swapped_calls: int
    passed: Mapping[str, OtherCalls] = field(default_factory=dict)
    passed_places: tuple[int, ...] = ()
    hooked: bool = False

    @property
    def expected(self) -> int:
        """The number of items that this arm has for the case."""
        return self.control_samples if self.arm == CONTROL else self.samples

    @property
    def is_spare(self) -> bool:
        """Whether it is a sample of the control beyond those that both arms have."""
        return self.arm == CONTROL and self.sample >= self.samples

    def model_calls(self, reply: Reply) -> tuple[Reply, ...]:
        """Return the answers of the arm's model among the calls of the run's reply."""
        return tuple(call for place, call in enumerate(reply.calls) if place not in self.passed_places)
