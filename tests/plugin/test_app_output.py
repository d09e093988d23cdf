"""Parts of an application's test by themselves: its output as a text, its arms, and the models that it replaces."""

import enum
import json
from collections import namedtuple
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
from factories import a_reply, an_error

from pytest_graysplit.config.pyproject import ProjectConfig
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import UsageError
from pytest_graysplit.plugin.app.app import App
from pytest_graysplit.plugin.app.hooks import refuse_threads
from pytest_graysplit.plugin.app.output import text_of_output
from pytest_graysplit.plugin.collect.app_arms import app_arms, swapped_names
from pytest_graysplit.plugin.evaluate.app_reply import known_sum, latency_of, reply_of_calls, usage_of
from pytest_graysplit.types import Usage

Point = namedtuple("Point", "x y")  # noqa: PYI024 # its fields have no types


class Colour(enum.StrEnum):
    """An enum of texts."""

    RED = "red"


@dataclass
class Order:
    """A dataclass with a list of others."""

    number: int
    lines: list["Order"] = field(default_factory=list)


class Model:
    """A model of pydantic, by its one method that counts."""

    def model_dump(self, *, mode):
        return {"mode": mode}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("  as it is\n", "  as it is\n"),
        (Colour.RED, "red"),
        (True, "true"),
        (1.5, "1.5"),
        ({"b": 1, "a": "ü"}, '{"b": 1, "a": "ü"}'),
        ({1: None, Colour.RED: (1, 2)}, '{"1": null, "red": [1, 2]}'),
        ([Decimal("2.50"), date(2026, 1, 2)], '["2.50", "2026-01-02"]'),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), '"2026-01-02T03:00:00+00:00"'),
        (Order(1, [Order(2)]), '{"number": 1, "lines": [{"number": 2, "lines": []}]}'),
        (Point(1, [2]), '{"x": 1, "y": [2]}'),
        ({"inner": Model()}, '{"inner": {"mode": "json"}}'),
    ],
)
def test_output_is_a_text_or_json(value, text):
    """A text stays as it is, and anything else is JSON in the order of its fields."""
    assert text_of_output(value, "test_it.py:1") == text
    if not isinstance(value, str | None):
        json.loads(text)


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (object(), "got object"),
        (b"bytes", "got bytes"),
        ({"a": [{1}]}, "got dict, which holds set"),
        (Order, "got the class Order"),
        ({(1, 2): 3}, "got dict, which holds tuple"),
        (float("nan"), "NaN"),
        (LOOP, "a reference to itself"),
        (SimpleNamespace(a=1), "got types.SimpleNamespace"),
    ],
)
def test_output_that_is_not_json_is_refused(value, found):
    """The message names the place and the type, and the value is not compared by its repr."""
    with pytest.raises(UsageError, match=r"test_it\.py:1: graysplit_app\.output: expected a text") as error:
        text_of_output(value, "test_it.py:1")
    assert found in error.value.problem


def test_arms_have_an_item_per_sample():
    settings = Settings(control="a", treatments=("b", "c"), control_samples=2)
    assert [(arm, arm.arm, arm.sample, arm.samples) for arm in app_arms(settings, None)] == [
        ("control", "control", 0, 2),
        ("control-2", "control", 1, 2),
        ("b", "b", 0, 1),
        ("c", "c", 0, 1),
    ]
    assert list(app_arms(settings, 3)) == ["control", "control-2", "control-3", "b", "b-2", "b-3", "c", "c-2", "c-3"]
    assert app_arms(Settings(control="a"), None) == []


def test_swapped_names_include_aliases():
    """A name stands for its model and for all names of that model; part of a name is another name."""
    settings = Settings(table=ProjectConfig(aliases={"best": "gpt-4.1", "small": "gpt-4.1-mini"}))
    assert swapped_names(settings, ["gpt-4.1"]) == {"gpt-4.1", "gpt4.1", "best"}
    assert swapped_names(settings, ["small"]) == {"small", "gpt-4.1-mini"}


def test_sums_of_calls_are_unknown_where_a_part_is():
    """A failed call counts in no sum, and an answer without a price or without tokens makes the sum unknown."""
    calls = [a_reply(cost="1", tokens=(1, 2)) for _ in range(2)]
    failed = an_error()
    assert known_sum(reply.cost_usd for reply in calls) == 2
    assert (latency_of([*calls, failed]), usage_of([*calls, failed])) == (2.0, Usage(prompt=2, completion=4, total=6))
    unknown = replace(a_reply(), cost_usd=None, latency_s=None, usage=None)
    assert known_sum([Decimal(1), None]) is None
    assert (latency_of([*calls, unknown]), usage_of([*calls, unknown])) == (None, None)
    assert (latency_of([]), usage_of([failed])) == (None, None)


@pytest.mark.parametrize(
    ("output", "answers", "outcome"),
    [
        ("text", [("ok", "text")], "ok"),
        ("cut", [("truncated", "cut ")], "truncated"),
        ("Sorry: cut", [("truncated", "cut")], "ok"),
        ("text", [("refusal", "no"), ("ok", "text")], "ok"),
        ("", [("ok", "text")], "empty"),
        (None, [("truncated", "cut")], "ok"),
        ("fallback", [("error", ""), ("error", "")], "error"),
        ("text", [("error", ""), ("ok", "text")], "ok"),
    ],
)
def test_outcome_of_a_run(output, answers, outcome):
    """An output that is the model's last answer has its outcome, and a run in which every call failed is an error."""
    calls = [a_reply(outcome=each, text=text, error="500" if each == "error" else None) for each, text in answers]
    part = SimpleNamespace(config=SimpleNamespace(model="m"), recorded_sample=3)
    reply = reply_of_calls(part, calls, calls, output)
    assert (reply.outcome, reply.text, reply.sample, reply.error) == (
        outcome,
        output or "",
        3,
        "500" if outcome == "error" else None,
    )


def test_run_with_a_lost_call_is_an_error():
    """The output may be that of a fallback; what was paid for is known all the same."""
    lost = a_reply(outcome="error", text="", error="500", retryable=True)
    calls = [replace(a_reply(), cost_usd=Decimal(2)), lost]
    part = SimpleNamespace(config=SimpleNamespace(model="m"), recorded_sample=0)
    reply = reply_of_calls(part, calls, calls, "text of another model", [lost])
    assert (reply.outcome, reply.error, reply.retryable, reply.cost_usd) == ("error", "500", True, 2)


class Item(SimpleNamespace):
    """A test item with markers and options of pytest-run-parallel."""

    def get_closest_marker(self, name):
        return self.markers.get(name)


@pytest.mark.parametrize(
    ("options", "markers", "is_refused"),
    [
        ({}, {}, False),
        ({"parallel_threads": 1, "iterations": 1}, {}, False),
        ({"parallel_threads": 4}, {}, True),
        ({"parallel_threads": "auto"}, {}, True),
        ({"iterations": 2}, {}, True),
        ({"parallel_threads": 4}, {"thread_unsafe": ()}, False),
        ({"parallel_threads": 4}, {"parallel_threads": (1,)}, False),
        ({}, {"parallel_threads": (2,)}, True),
        ({}, {"force_parallel_threads": (2,)}, True),
    ],
)
def test_threads_of_run_parallel_are_refused(options, markers, is_refused):
    """A body that would run several times at once is refused; a test that the plugin runs alone is not."""
    found = {name: SimpleNamespace(args=args, kwargs={}) for name, args in markers.items()}
    item = Item(nodeid="test_it.py::test_x", config=SimpleNamespace(option=SimpleNamespace(**options)), markers=found)
    if is_refused:
        with pytest.raises(UsageError, match="pytest-run-parallel"):
            refuse_threads([item])
    else:
        refuse_threads([item])


@pytest.mark.parametrize("name", ["outptu", "cost_usd", "api_key"])
def test_only_the_output_can_be_set(name):
    """An output under a misspelt name would not be compared, and nothing would say so."""
    case = SimpleNamespace(where="tests/test_it.py:4")
    app = App(SimpleNamespace(run=SimpleNamespace(case=case)), base_url=str, api_key="token")
    with pytest.raises(UsageError) as caught:
        setattr(app, name, "30 days.")
    assert caught.value.problem == f"tests/test_it.py:4: graysplit_app.{name} cannot be set"
    assert caught.value.slug == "app-output"
    app.output = "30 days."
    assert (app.output, app.api_key) == ("30 days.", "token")
