"""The JSON Schema of the report: it is valid, it finds a typo, and the code and the page name the same keys."""

import json
from dataclasses import fields
from pathlib import Path
from runpy import run_path
from typing import get_args

import pytest
from factories import DEEPSEEK, a_case, a_miss, a_pair, a_reply, a_run, collected, verdicts_of
from jsonschema import Draft202012Validator
from report_schema import CLOSED, SHIPPED, problems_of

from pytest_graysplit import types
from pytest_graysplit.cases.expect_fields import EXPECT_FIELDS, expect_json, read_expect
from pytest_graysplit.cases.field_types import FieldLocation
from pytest_graysplit.cli import main
from pytest_graysplit.reporting.json_report import chunks
from pytest_graysplit.types import Expect, ToolCall, Usage
from pytest_graysplit.verdict.decision import Decision

DOCS = Path(__file__).parents[2] / "docs"
PARTS = SHIPPED["$defs"]
# Keys that are present only where they apply.
OPTIONAL = {"expect": set(EXPECT_FIELDS), "tool_call": {"id", "arguments_text"}}


@pytest.fixture
def report():
    """A report with a miss, a threshold and a tool call."""
    call = ToolCall("refund", {}, "c1", "not JSON")
    pair = a_pair(a_case(min_similarity=0.9), a_reply(), a_reply("x", DEEPSEEK, tool_calls=(call,)), misses=[a_miss()])
    results = collected(pair)
    return json.loads("".join(chunks(results, verdicts_of(results), a_run())))


def test_schema_is_valid_and_describes_every_key():
    """Each key of each object has a description, and is required unless it is optional on purpose."""
    Draft202012Validator.check_schema(SHIPPED)
    for name, part in {"": SHIPPED, **PARTS}.items():
        assert all(value.get("description") for value in part["properties"].values()), name
        assert set(part["properties"]) - set(part.get("required", ())) == OPTIONAL.get(name, set()), name


@pytest.mark.parametrize("part", PARTS)
def test_closed_schema_finds_a_typo_in_every_object(part):
    """An unknown key is an error in each object, so that the tests of the plugin notice a renamed one."""
    own = Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": CLOSED.schema["$defs"]})
    assert [error for error in own.iter_errors({"typo": 1}) if "'typo' was unexpected" in error.message]


@pytest.mark.parametrize(
    "path", [(), ("run", "policy"), ("arms", 0, "latency_s"), ("cases", 0, "replies", DEEPSEEK, 0)]
)
def test_closed_schema_finds_a_typo_in_a_report(report, path):
    """A renamed key is unknown, and its old name is missing."""
    assert problems_of(report) == []
    part = report
    for step in path:
        part = part[step]
    name = next(iter(part))
    part[f"{name}s"] = part.pop(name)
    assert len(problems_of(report)) == 2


def test_shipped_schema_lets_the_format_grow(report):
    """A report of a later version has more keys; one that lacks a key of this version is found."""
    shipped = Draft202012Validator(SHIPPED)
    report["arms"][0]["added_later"] = report["cases"][0]["added_later"] = 1
    assert shipped.is_valid(report)
    assert not Draft202012Validator(SHIPPED).is_valid({**report, "format": 2})
    del report["cases"][0]["pass_share"]
    assert not shipped.is_valid(report)


@pytest.mark.parametrize(
    ("part", "key", "values"),
    [
        ("reply", "outcome", types.Outcome),
        ("run", "record", types.RecordMode),
        ("options", "gate", types.Gate),
        ("options", "on_hold", types.OnHold),
        ("arm", "role", types.Role),
        ("comparison", "verdict", Decision),
    ],
)
def test_schema_lists_the_values_of_the_code(part, key, values):
    """A new value is described before it is written."""
    assert PARTS[part]["properties"][key]["enum"] == list(get_args(values))


def test_schema_has_the_fields_of_expect_and_of_usage():
    """A new field of a case file or a new count of tokens is not left out of the report."""
    assert list(PARTS["expect"]["properties"]) == list(EXPECT_FIELDS) == [one.name for one in fields(Expect)]
    assert list(PARTS["usage"]["properties"]) == [one.name for one in fields(Usage)]


def test_expectations_read_back_from_the_report():
    """The normal form is a valid `expect` of a case file, and means the same."""
    call = {"name": "refund", "arguments": {"order": 1001}}
    given = {"contains": ["a", "b"], "not_contains": ["c"], "regex": ["d.*"], "equals": "e", "reference": "f"}
    given |= {"json": True, "json_schema": {"type": "object"}, "min_similarity": 0.5, "max_words": 3}
    given |= {"tool_calls": [call], "tool_order": True, "no_other_tool_calls": True}
    expect = read_expect(FieldLocation("", "expect"), given)
    assert expect_json(expect) == given
    assert expect_json(read_expect(FieldLocation("", "expect"), {"no_tool_calls": True})) == {"no_tool_calls": True}
    assert expect_json(Expect()) == {}


def test_json_page_lists_the_keys_of_the_schema():
    """If this fails, run `python docs/make_json.py`."""
    page = (DOCS / "json.md").read_text(encoding="utf-8")
    assert run_path(str(DOCS / "make_json.py"))["with_tables"](page) == page
    for part in (SHIPPED, *PARTS.values()):
        assert all(f"| `{name}` |" in page for name in part["properties"])


def test_schema_command_prints_the_schema(capsys):
    """Users validate with any validator."""
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == SHIPPED
