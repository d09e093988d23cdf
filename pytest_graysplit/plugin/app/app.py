"""The application under test as its test sees it: the arm that answers, the output, and the calls so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.plugin.app.output import text_of_output
from pytest_graysplit.plugin.evaluate.app_reply import latency_of, usage_of
from pytest_graysplit.types import CONTROL
from pytest_graysplit.types.comparisons import known_sum

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from pytest_graysplit.gateway.item_calls import ItemCalls
    from pytest_graysplit.types import Case, Reply, Role, ToolCall, Usage


class App:
    """One run of your application: with the control's model, or with that of a treatment.

    `case` is the case of the test, `arm` the name of the arm, and `model` the model that answers instead of the one
    that the application asks for. `base_url` and `api_key` are for a client that takes them as arguments; they work
    only while this test runs.
    """

    def __init__(self, calls: ItemCalls, *, base_url: Callable[[], str], api_key: str) -> None:
        """Give a test access to its run; only the plugin does so."""
        self._calls = calls
        self._base_url = base_url
        self._output: object = None
        # The output as a text; None until a test sets it.
        self._text: str | None = None
        self._api_key = api_key

    @property
    def case(self) -> Case:
        """The case of this test: its row of the cases file, or the fields of the marker."""
        return self._calls.run.case

    @property
    def role(self) -> Role:
        """The role of the arm: "control" or "treatment"."""
        return "control" if self._calls.run.arm == CONTROL else "treatment"

    @property
    def arm(self) -> str:
        """The name of the arm, which is that of its model unless the configuration names it."""
        return self._calls.run.config.name

    @property
    def model(self) -> str:
        """The model that answers."""
        return self._calls.run.config.model

    @property
    def base_url(self) -> str:
        """The address of an OpenAI-compatible server for this test alone."""
        return self._base_url()

    @property
    def api_key(self) -> str:
        """The key of that server."""
        return self._api_key

    @property
    def output(self) -> object:
        """The output of the application, which is compared across the arms: the last one that was set, else None.

        It is a text, or a dict, list, dataclass or pydantic model, which is compared as JSON. Setting anything else
        raises UsageError.
        """
        return self._output

    @output.setter
    def output(self, value: object) -> None:
        __tracebackhide__ = True
        self._text = text_of_output(value, self.case.where)
        self._output = value

    @property
    def calls(self) -> tuple[Reply, ...]:
        """The replies to the requests of the application so far, in the order of the requests."""
        return self._calls.replies

    @property
    def cost_usd(self) -> Decimal | None:
        """The cost of all calls so far, in USD; None if that of a call is unknown."""
        return known_sum(reply.cost_usd for reply in self.calls if reply.outcome != "error")

    @property
    def latency_s(self) -> float | None:
        """The sum of the times that models took for the calls so far, in seconds; None if one is unknown."""
        return latency_of(self.calls)

    @property
    def usage(self) -> Usage | None:
        """The tokens of all calls so far; None if those of a call are unknown."""
        return usage_of(self.calls)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls in the answers of the arm's model so far, in order."""
        return tuple(call for reply in self._calls.swapped_replies for call in reply.tool_calls)

    def __setattr__(self, name: str, value: object) -> None:
        """Reject any attribute but the output: under a misspelt name nothing would be compared."""
        if name.startswith("_") or name == "output":
            super().__setattr__(name, value)
            return
        __tracebackhide__ = True
        raise UsageError(
            f"{self.case.where}: graysplit_app.{name} cannot be set",
            hint="set graysplit_app.output; everything else on it is only read",
            slug=Slug.APP_OUTPUT,
        )

    def __repr__(self) -> str:
        return f"App(case={self.case.id!r}, arm={self.arm!r}, calls={len(self.calls)})"


def output_text(app: App) -> str | None:
    """Return the output as it is compared; None if the test has not set it."""
    return app._text  # noqa: SLF001 # a test sees the output as it was set
