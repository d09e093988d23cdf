"""Assertions of promptfoo become checks with the same meaning."""

import json

import pytest

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.checks.expectations import check_expect
from pytest_graysplit.cases.promptfoo import convert


def convert_assertion(write_file, assertion, **more):
    """Return the case that one assertion makes, and the result of the conversion."""
    test = {"vars": {"name": "Ada"}, "assert": [assertion], **more}
    made = convert(write_file("c.json", json.dumps({"prompts": ["Hi {{name}}"], "tests": [test]})))
    return build_case(made.rows[0], where=""), made


@pytest.mark.parametrize(
    ("assertion", "passing", "missing"),
    [
        ({"type": "equals", "value": "Yes"}, "Yes", "Yes."),
        ({"type": "equals", "value": {"a": 1}}, '{"a": 1}', '{"a": 1, "b": 2}'),
        ({"type": "contains", "value": "Hi {{name}}"}, "Oh, Hi Ada!", "Hi Bob"),
        ({"type": "contains-all", "value": ["a.b", "c"]}, "c a.b", "c axb"),
        ({"type": "icontains-any", "value": ["one", "two"]}, "TWO", "three"),
        ({"type": "regex", "value": r"(?<n>\d+) days"}, "in 30 days", "in thirty days"),
        ({"type": "not-contains", "value": "AI"}, "I am", "an AI"),
        ({"type": "not-contains-any", "value": ["x", "y"]}, "z", "z y"),
        ({"type": "contains-any", "value": "a.b, c"}, "a.b", "axb"),
        ({"type": "icontains", "value": "(Free)"}, "it is (FREE)", "it is free"),
        ({"type": "icontains-all", "value": ["one", "two"]}, "TWO One", "one"),
        ({"type": "starts-with", "value": "Dear"}, "Dear Ada,\nhello", "My\nDear"),
        ({"type": "not-equals", "value": "No"}, "No.", " No\n"),
        ({"type": "not-icontains", "value": "sorry"}, "Glad\nto", "so\nI am Sorry"),
        ({"type": "not-icontains-any", "value": ["x", "y"]}, "z", "z\nY"),
        ({"type": "not-contains-all", "value": ["x", "y"]}, "x\nz", "y\nx"),
        ({"type": "not-starts-with", "value": "Dear"}, "My Dear", "Dear"),
        ({"type": "not-regex", "value": "(?i)err|fail"}, "fine\nso", "so\nERR"),
        ({"type": "word-count", "value": 3}, "one two three", "one two"),
        ({"type": "word-count", "value": {"min": 3}}, "one two three four", "one two"),
        ({"type": "is-json"}, '{"a": 1}', "no"),
        ({"type": "is-json", "value": {"required": ["a"]}}, '{"a": 1}', "{}"),
        ({"type": "is-json", "value": "required: [a]\ntype: object"}, '{"a": 1}', "{}"),
        ({"type": "contains-json"}, "Here:\n```json\n{}\n```", "none"),
        ({"type": "word-count", "value": {"max": 2}}, "one two", "one two three"),
        ({"type": "assert-set", "assert": [{"type": "contains", "value": "x"}]}, "x", "y"),
    ],
    ids=lambda value: f"{value['type']}" if isinstance(value, dict) else "",
)  # fmt: skip
def test_assertion_keeps_its_meaning(write_file, assertion, passing, missing):
    """An answer that promptfoo passes passes here, and one that it fails fails."""
    case, made = convert_assertion(write_file, assertion)
    assert made.missing == ()
    found = [[*check_expect(case.expect, answer, lambda *_: None)] for answer in (passing, missing)]
    assert [bool(findings) for findings in found] == [False, True]


@pytest.mark.parametrize(
    ("assertion", "expect"),
    [
        ({"type": "icontains", "value": "(Free) {{name}}"}, {"icontains": "(Free) Ada"}),
        ({"type": "icontains", "value": 5}, {"icontains": "5"}),
        ({"type": "icontains-all", "value": ["one", "two"]}, {"icontains": ["one", "two"]}),
        ({"type": "icontains-any", "value": ["one", "t.o"]}, {"regex": r"(?i)one|t\.o"}),
        ({"type": "contains-any", "value": 'a.b, c,, "x, ""y"""'}, {"contains_any": ["a.b", "c", 'x, "y"']}),
        ({"type": "starts-with", "value": "Dear"}, {"starts_with": "Dear"}),
        ({"type": "not-starts-with", "value": "Dear"}, {"not_regex": r"\ADear"}),
        ({"type": "not-equals", "value": "No."}, {"not_regex": r"\A\s*No\.\s*\Z"}),
        ({"type": "not-icontains", "value": "sorry"}, {"not_regex": "(?i)sorry"}),
        ({"type": "not-icontains-any", "value": ["x", "y"]}, {"not_regex": ["(?i)x", "(?i)y"]}),
        ({"type": "not-contains-all", "value": ["x", "y"]}, {"not_regex": r"\A(?=[\s\S]*x)(?=[\s\S]*y)"}),
        ({"type": "not-regex", "value": "(?i)err|fail"}, {"not_regex": "(?i)err|fail"}),
        ({"type": "word-count", "value": "3"}, {"max_words": 3, "min_words": 3}),
        ({"type": "word-count", "value": {"min": 3}}, {"min_words": 3}),
        ({"type": "tool-call-f1", "value": "a, b"}, {"tool_calls": [{"name": "a"}, {"name": "b"}], "no_other_tool_calls": True}),
        ({"type": "trajectory:tool-used", "value": ["a", "b"]}, {"tool_calls": [{"name": "a"}, {"name": "b"}]}),
        ({"type": "trajectory:tool-used", "value": {"name": "a", "min": 2}}, {"tool_calls": [{"name": "a"}, {"name": "a"}]}),
        (
            {"type": "trajectory:tool-args-match", "value": {"name": "a", "args": {"x": "{{name}}"}}},
            {"tool_calls": [{"name": "a", "arguments": {"x": "Ada"}}]},
        ),
        (
            {"type": "trajectory:tool-sequence", "value": {"mode": "exact", "steps": ["a", {"name": "b"}]}},
            {"tool_calls": [{"name": "a"}, {"name": "b"}], "tool_order": True, "no_other_tool_calls": True},
        ),
        ({"type": "javascript", "value": "output[0].function.name === 'a'"}, {"tool_calls": [{"name": "a"}]}),
        ({"type": "javascript", "value": "output.includes('a b');"}, {"contains": "a b"}),
        ({"type": "javascript", "value": 'return !output.toLowerCase().includes("a.b")'}, {"not_regex": r"(?i)a\.b"}),
    ],
    ids=lambda value: f"{value['type']}" if "type" in value else "",
)  # fmt: skip
def test_assertion_becomes_its_own_check(write_file, assertion, expect):
    """Each in the words of a case file, with its variables filled in."""
    test = {"vars": {"name": "Ada"}, "assert": [assertion]}
    made = convert(write_file("promptfooconfig.json", json.dumps({"prompts": ["Hi {{name}}"], "tests": [test]})))
    assert made.missing == ()
    assert made.rows[0]["expect"] == expect


def test_question_for_a_judge_becomes_a_criterion(write_file):
    """Once each, with its variables; a score that promptfoo would compare is noted."""
    checks = [
        {"type": "llm-rubric", "value": "greets {{name}}", "metric": "tone", "provider": "openai:gpt-4o"},
        {"type": "model-graded-closedqa", "value": "greets Ada"},
        {"type": "g-eval", "value": ["is short", "is polite"], "threshold": 0.7},
        {"type": "llm-rubric", "value": ["is kind"], "threshold": 0.8, "rubricPrompt": "Be strict"},
        {"type": "llm-rubric"},
    ]
    tests = [{"vars": {"name": "Ada"}, "assert": checks}]
    made = convert(write_file("c.json", json.dumps({"prompts": ["Hi {{name}}"], "tests": tests})))
    assert made.rows[0]["rubric"] == ["greets Ada", "is short", "is polite", "is kind"]
    assert "expect" not in made.rows[0]
    assert made.missing == (
        "tests[0].assert[3].rubricPrompt: is a prompt for the judge; here the judge has its own",
        "tests[0].assert[4]: llm-rubric: has no text as its value",
    )
    assert made.notes == (
        "tests[0].assert[0].metric: about the report of promptfoo",
        "tests[0].assert[0].provider: the model that judges; here it is model in [tool.graysplit.judge]",
        "g-eval: the judge says yes or no here, and no score is compared with a threshold",
        "llm-rubric: the judge says yes or no here, and no score is compared with a threshold",
    )


def test_tool_calls_of_several_assertions_are_joined_or_named(write_file):
    """A call with arguments stands for its name; other arguments may mean a second call, which is unclear."""
    tools = [{"type": "function", "function": {"name": "refund"}}]
    checks = [
        {"type": "is-valid-openai-tools-call"},
        {"type": "trajectory:tool-args-match", "value": {"name": "refund", "args": {"order": 1}}},
        {"type": "javascript", "value": "output[0].name === 'refund'"},
        {"type": "trajectory:tool-args-match", "value": {"name": "refund", "args": {"order": 2}}},
        {"type": "trajectory:tool-sequence", "value": ["refund", "close"]},
        {"type": "trajectory:tool-used", "value": "search_*"},
        {"type": "trajectory:tool-args-match", "value": {"name": "refund", "args": {}, "mode": "exact"}},
        {"type": "tool-call-f1", "value": ["refund"], "threshold": 0.5},
    ]
    config = {
        "prompts": [{"raw": "Hi", "label": "Hi", "config": {"tools": tools}}],
        "tests": [{"assert": checks}, {"assert": checks[:1], "options": {"tools": [*tools, *tools]}}],
    }
    made = convert(write_file("c.json", json.dumps(config)))
    assert made.rows[0]["params"] == {"tools": tools}
    assert made.rows[0]["expect"] == {"tool_calls": [{"name": "refund", "arguments": {"order": 1}}]}
    assert "expect" not in made.rows[1]
    assert [line.partition(": ")[2] for line in made.missing] == [
        "trajectory:tool-args-match: expects other arguments of refund; whether of a second call is unclear",
        "trajectory:tool-sequence: is a second list of tool calls, beside one in an order",
        "trajectory:tool-used: names no tool, or a pattern of names, which has no counterpart in expect",
        "trajectory:tool-args-match: compares all arguments; here those in expect.tool_calls must be among them",
        "tool-call-f1: has a threshold below 1, so that another tool may be called",
        "is-valid-openai-tools-call: accepts a call of any tool; write the expected one as expect.tool_calls",
    ]


def test_budgets_and_references_are_converted(write_file):
    """Milliseconds become seconds, the smaller of two budgets counts, and a note explains the similarity."""
    case, made = convert_assertion(
        write_file,
        {
            "type": "assert-set",
            "assert": [
                {"type": "latency", "threshold": 2500},
                {"type": "latency", "threshold": 3000},
                {"type": "cost", "threshold": 0.002},
                {"type": "similar", "value": "Hello {{name}}", "threshold": 0.8},
            ],
        },
    )
    assert (case.max_latency_s, case.max_cost_usd) == (2.5, 0.002)
    assert (case.expect.reference, case.expect.min_similarity) == ("Hello Ada", 0.8)
    assert made.missing == ()
    assert [note.partition(":")[0] for note in made.notes] == ["similar"]


@pytest.mark.parametrize(
    ("assertion", "reason"),
    [
        ({"type": "javascript", "value": "true"}, "runs a program; write it as an assert in a Python test"),
        ({"type": "not-llm-rubric", "value": "x"}, "denies a criterion; write the denial as a criterion of rubric"),
        ({"type": "factuality", "value": "x"}, "asks a model; write what a right answer shows as rubric"),
        ({"type": "promptfoo:redteam:bola"}, "judges an attack, which is not run"),
        ({"type": "tool-call-f1", "value": 7}, "has no names of tools as its value"),
        ({"type": "javascript", "value": "output.name === 'Ada'"}, "runs a program; write it as an assert in a Python test"),
        ({"type": "latency", "threshold": 0}, "has no number above 0 as its threshold"),
        ({"type": "similar", "value": "x", "threshold": 75}, "has the threshold 75, which is not between 0 and 1"),
        ({"type": "levenshtein", "value": "x"}, "has no counterpart in expect"),
        ({"type": "not-is-json"}, "has no counterpart in expect"),
        ({"type": "icontain", "value": "x"}, "is not known, did you mean icontains?"),
        ({"type": "contains", "value": "{{other}}"}, "names other, which is not in its vars"),
        ({"type": "contains", "value": "{{env.KEY}}"}, "names env.KEY, which is not in env of the configuration"),
        ({"type": "contains", "value": "{% if x %}y{% endif %}"}, "has a {% ... %} block, which is not run"),
        ({"type": "contains", "value": "{{name | replace('a', 'b')}}"}, "has {{name | replace('a', 'b')}}, which is more than a variable"),
        ({"type": "contains", "value": "x", "weight": 0}, "has the weight 0, so it can never fail"),
        ({"type": "equals", "value": "x", "transform": "output.trim()"}, "checks an answer after a program has transformed it"),
        ({"type": "contains", "value": "file://check.py:get"}, "file://check.py:get is a program, which is not run"),
        ({"type": "contains", "value": ""}, "has a blank value"),
        ({"type": "regex", "value": "\\p{L}"}, "has the regular expression '\\\\p{L}', which Python rejects: bad escape \\p at position 0"),
        ({"type": "latency"}, "has no number as its threshold"),
        ({"type": "similar", "value": ["a", "b"]}, "has several references, and a case has one"),
    ],
)  # fmt: skip
def test_assertion_without_a_counterpart_is_named(write_file, assertion, reason):
    """By place, test, type and reason; the case is converted without it."""
    case, made = convert_assertion(write_file, assertion, description="Greeting")
    assert made.missing == (f"tests[0] (Greeting).assert[0]: {assertion['type']}: {reason}",)
    assert case.prompt == "Hi Ada"


def test_repeated_assertions_are_joined_or_named(write_file):
    """Schemas are combined, the smaller number of words counts, and a second `equals` is named."""
    checks = [
        *({"type": "is-json", "value": {"required": [name]}} for name in "abc"),
        {"type": "word-count", "value": {"max": 9}},
        {"type": "word-count", "value": {"max": 5}},
        {"type": "equals", "value": "One"},
        {"type": "equals", "value": "Two"},
    ]
    case, made = convert_assertion(write_file, {"type": "assert-set", "assert": checks})
    assert case.expect.json_schema == {"allOf": [{"required": [name]} for name in "abc"]}
    assert (case.expect.max_words, case.expect.equals) == (5, "One")
    assert made.missing == ("tests[0].assert[0].assert[6]: equals: is a second equals, and a case has one",)
