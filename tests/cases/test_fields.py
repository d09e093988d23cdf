"""Fields become a case in one place; an invalid one is named with its location and its remedy."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.checks.expectations import check_expect
from pytest_graysplit.cases.expect_fields import EXPECT_FIELDS
from pytest_graysplit.cases.fields import CASE_FIELDS, MARKER_FIELDS, build_case, id_of
from pytest_graysplit.errors import UsageError
from pytest_graysplit.types import Case, Expect

WHERE = "support.jsonl:14"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def case_or_error(fields, **options):
    try:
        return build_case(fields, where=WHERE, **options)
    except UsageError as error:
        return error


def usage_error(fields, **options):
    error = case_or_error(fields, **options)
    assert isinstance(error, UsageError)
    return error


def test_prompt_is_enough_for_a_case():
    """All other fields stay unset."""
    assert build_case({"prompt": "Hello?"}, where=WHERE) == Case(
        id="hello-6519faaf", messages=({"role": "user", "content": "Hello?"},), where=WHERE
    )


def test_every_field_sets_the_case():
    """Single texts become tuples of one, and numbers become floats."""
    fields = {
        "id": " refund ",
        "prompt": "When?",
        "system": "Be brief.",
        "params": {"temperature": 0, "stop": ["END", None]},
        "expect": {"contains": "days", "icontains": "Days", "contains_any": ["7", "a week"], "not_contains": ["AI"],
                   "starts_with": "7", "regex": r"\d", "not_regex": "x", "equals": "7 days", "number": 7, "tolerance": 0.5,
                   "choice": "(B)", "language": "en", "json": True, "json_schema": {"type": "string"},
                   "reference": "a week", "min_similarity": 1, "min_words": 1, "max_words": 9, "exact_text": True},
        "rubric": " names the window ",
        "min_similarity": 0.75,
        "metric": "lexical",
        "max_latency_s": 3,
        "max_ttft_s": 0.5,
        "max_latency_ratio": 1.5,
        "max_cost_usd": 0.01,
        "samples": 2,
        "tags": "answer",
        "cluster": "refunds",
        "must_pass": True,
    }  # fmt: skip
    assert {*fields, "messages", "turns", "json_fields"} == set(CASE_FIELDS)
    assert build_case(fields, where=WHERE) == Case(
        id="refund",
        messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": "When?"}),
        params={"temperature": 0, "stop": ["END", None], "stream": True, "stream_options": {"include_usage": True}},
        expect=Expect(
            contains=("days",),
            icontains=("Days",),
            contains_any=("7", "a week"),
            not_contains=("AI",),
            starts_with="7",
            regex=(r"\d",),
            not_regex=("x",),
            equals="7 days",
            number=7,
            tolerance=0.5,
            choice="B",
            language="en",
            json=True,
            json_schema={"type": "string"},
            reference="a week",
            min_similarity=1.0,
            min_words=1,
            max_words=9,
            exact_text=True,
        ),
        rubric=("names the window",),
        min_similarity=0.75,
        metric="lexical",
        max_latency_s=3.0,
        max_ttft_s=0.5,
        max_latency_ratio=1.5,
        max_cost_usd=0.01,
        samples=2,
        must_pass=True,
        tags=("answer",),
        cluster="refunds",
        where=WHERE,
    )


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"stream": True, "stream_options": None}, {"stream": True}),
        ({"stream_options": {}, "seed": 1}, {"stream": True, "stream_options": {}, "seed": 1}),
    ],
)
def test_budget_of_the_first_token_makes_a_request_stream(params, sent):
    """Only a stream shows the time; its tokens are asked for unless the case says otherwise."""
    assert build_case({"prompt": "a", "max_ttft_s": 1, "params": params}, where=WHERE).params == sent
    assert "stream" not in build_case({"prompt": "a", "max_latency_s": 1, "params": {}}, where=WHERE).params


def test_messages_are_kept_unchanged():
    """Tool calls, parts and names of a conversation are included."""
    said = [
        {"role": "user", "content": [{"type": "text", "text": "What is on the picture?"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "a lamp", "tool_call_id": "1"},
        {"role": "assistant"},
    ]
    assert build_case({"messages": said}, where=WHERE).messages == tuple(said)


def test_null_means_not_given():
    """A null removes a default of a field, a check or a request parameter; relays reject null."""
    fields = {"prompt": "a", "messages": None, "tags": None, "expect": {"json": None}, "params": {"seed": None}}
    case = build_case(fields, where=WHERE, id="x")
    assert case == Case(id="x", messages=({"role": "user", "content": "a"},), expect=Expect(), params={}, where=WHERE)


def test_empty_tags_are_valid_and_empty_checks_are_not():
    """An empty list of tags is a list of tags; an empty list of texts would check nothing."""
    assert build_case({"prompt": "a", "tags": []}, where=WHERE).tags == ()
    assert usage_error({"prompt": "a", "expect": {"contains": []}}).problem == (
        f"{WHERE}: expect.contains: expected a text or a list of texts, got []"
    )


def test_id_is_the_given_one_or_made_from_the_messages():
    """The field wins over the argument, the argument over the made id, and params do not change it."""
    assert build_case({"prompt": "a", "id": "own"}, where=WHERE, id="argument").id == "own"
    assert build_case({"prompt": "a"}, where=WHERE, id="argument").id == "argument"
    assert build_case({"prompt": "a"}, where=WHERE).id == build_case({"prompt": "a", "params": {"n": 1}}, where="").id


@pytest.mark.parametrize(
    ("prompt", "begins"),
    [
        ("Explain the CAP theorem with examples, please", "explain-the-cap-theorem-with-examples-"),
        ("Grüße aus Köln!", "grue-aus-koln-"),
        ("什么是微服务", "case-"),
        ("x" * 99, "x" * 40 + "-"),
    ],
)
def test_made_id_is_readable_and_short(prompt, begins):
    """It begins with the first words, in letters that every terminal and file system accepts."""
    made = id_of([{"role": "user", "content": prompt}])
    assert made.startswith(begins)
    assert made.isascii()
    assert len(made) < 50


def test_made_ids_differ_for_similar_messages():
    """Two prompts with one beginning, or one prompt under two system messages, get two ids."""
    one, two = "w " * 50 + "one", "w " * 50 + "two"
    made = {
        build_case(fields, where="").id for fields in ({"prompt": one}, {"prompt": two}, {"prompt": two, "system": "s"})
    }
    assert len(made) == 3


UNKNOWN = [
    ({"min_similarty": 0.7}, "min_similarty: unknown field, did you mean min_similarity?",
     f"valid names: {', '.join(CASE_FIELDS)}"),
    ({"zzz": 1}, "zzz: unknown field", f"valid names: {', '.join(CASE_FIELDS)}"),
    ({"max_tokens": 9}, "max_tokens: unknown field", 'it is a request parameter: write params: {"max_tokens": ...}'),
    ({"contains": "a"}, "contains: unknown field", 'it belongs in expect: write expect: {"contains": ...}'),
    ({"model": "m"}, "model: unknown field", ("models are named once for all cases, by --graysplit-control and "
                                              "--graysplit-treatment")),
    ({"expect": {"tool_cals": []}}, "expect.tool_cals: unknown field, did you mean tool_calls?",
     f"valid names: {', '.join(EXPECT_FIELDS)}"),
    ({"expect": {"tool_calls": [{"name": "f", "argumens": {}}]}},
     "expect.tool_calls[0].argumens: unknown field, did you mean arguments?", "valid names: name, arguments"),
    ({"expect": {"tool_calls": [{"function": {"name": "f"}}]}}, "expect.tool_calls[0].function: unknown field",
     ('name the tools and the arguments that matter: [{"name": "refund", "arguments": {"order": 1001}}]')),
    ({"tool_calls": []}, "tool_calls: unknown field", 'it belongs in expect: write expect: {"tool_calls": ...}'),
    ({"expect": {"rubric": ["a"]}}, "expect.rubric: unknown field",
     'put it beside expect: "rubric": ["names the 30-day window"]'),
    ({"expect": {"contians": "a"}}, "expect.contians: unknown field, did you mean contains?",
     f"valid names: {', '.join(EXPECT_FIELDS)}"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "problem", "hint"), UNKNOWN)
def test_unknown_field_is_named_with_its_remedy(fields, problem, hint):
    """A typo gets the most similar name, and a misplaced name gets its proper place."""
    error = usage_error({"prompt": "a", **fields})
    assert (error.problem, error.hint, error.slug) == (f"{WHERE}: {problem}", hint, "case-field-unknown")


def test_marker_accepts_no_id():
    """pytest names the item, and the message for an id in a marker says so."""
    error = usage_error({"prompt": "a", "id": "x"}, allowed=MARKER_FIELDS)
    assert error.problem == f"{WHERE}: id: unknown field"
    assert error.hint == "pytest names the test: write pytest.param(..., id=...) to name it yourself"


NUMBER = "write a plain number such as 3 or 0.75, without quotes"
WHOLE = "write a whole number such as 2, without quotes"
QUOTES = "put the value in quotes"
CALLS = 'name the tools and the arguments that matter: [{"name": "refund", "arguments": {"order": 1001}}]'
LISTED = 'write "one text" or ["one", "two"]'
PROMPT = 'write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
TYPES = [
    ({"max_latency_s": "fast"}, "max_latency_s: expected a number above 0, got 'fast'", NUMBER),
    ({"max_latency_s": 0}, "max_latency_s: expected a number above 0, got 0", NUMBER),
    ({"max_latency_ratio": float("inf")}, "max_latency_ratio: expected a number above 0, got inf", NUMBER),
    ({"max_cost_usd": float("nan")}, "max_cost_usd: expected a number above 0, got nan", NUMBER),
    ({"max_cost_usd": 10**400}, f"max_cost_usd: expected a number above 0, got 1{'0' * 58}…", NUMBER),
    ({"max_cost_usd": 10**9000}, "max_cost_usd: expected a number above 0, got a int too large to show", NUMBER),
    ({"min_similarity": True}, "min_similarity: expected a number from 0 to 1, or auto, got True", NUMBER),
    ({"min_similarity": 75}, "min_similarity: expected a number from 0 to 1, or auto, got 75", NUMBER),
    ({"min_similarity": "autoo"}, "min_similarity: expected a number from 0 to 1, or auto, got 'autoo'", NUMBER),
    ({"samples": 0}, "samples: expected a whole number of 1 or more, got 0", WHOLE),
    ({"samples": 2.0}, "samples: expected a whole number of 1 or more, got 2.0", WHOLE),
    ({"must_pass": "yes"}, "must_pass: expected true or false, got 'yes'", "write true or false, without quotes"),
    ({"metric": 3}, "metric: expected a text, got 3", QUOTES),
    ({"cluster": "\t"}, "cluster: is blank", "write the text, or leave the field out"),
    ({"tags": 7}, "tags: expected a text or a list of texts, got 7", LISTED),
    ({"tags": ["a", 7]}, "tags[1]: expected a text, got 7", QUOTES),
    ({"id": 14}, "id: expected a text, got 14", QUOTES),
    ({"id": "a::b"}, "id: expected a text on one line, without ::, got 'a::b'", "pytest selects a case as file::id"),
    ({"prompt": 7}, "prompt: expected a text, got 7", QUOTES),
    ({"prompt": " \n"}, "prompt: is blank", "write the text, or leave the field out"),
    ({"prompt": "a\ud800"}, r"prompt: \ud800 is half of a surrogate pair",
     "write the character itself, or both halves of the escape"),
    ({"params": []}, "params: expected an object, got []", 'write it as {"name": value}'),
    ({"params": {1: 2}}, "params: the name 1 is not a text", QUOTES),
    ({"params": {"stop": {1}}}, "params.stop: expected a JSON value, got {1}",
     "put it in quotes, or write a finite number"),
    ({14: "a"}, "the field name 14 is not a text", QUOTES),
    ({"expect": "30"}, f"expect: expected an object with {', '.join(EXPECT_FIELDS)}, got '30'",
     'say how it is checked, such as expect: {"contains": "30 days"}'),
    ({"expect": {"equals": True}}, "expect.equals: expected a text, got True", QUOTES),
    ({"expect": {"json": False}}, "expect.json: expected true, an object or a list, got False",
     'true asks for JSON of any kind; {"status": "open"} for an object that holds at least this'),
    ({"expect": {"tool_calls": {"name": "f"}}}, "expect.tool_calls: expected a list of calls, got {'name': 'f'}", CALLS),
    ({"expect": {"tool_calls": []}}, "expect.tool_calls: expected a list of calls, got []",
     f"{CALLS}; if no tool may be called, write no_tool_calls: true"),
    ({"expect": {"tool_calls": ["f"]}}, "expect.tool_calls[0]: expected a call, got 'f'", CALLS),
    ({"expect": {"tool_calls": [{"name": "f"}, {"arguments": {}}]}}, "expect.tool_calls[1]: no name", CALLS),
    ({"expect": {"tool_calls": [{"name": 7}]}}, "expect.tool_calls[0].name: expected a text, got 7", QUOTES),
    ({"expect": {"tool_calls": [{"name": " "}]}}, "expect.tool_calls[0].name: is blank",
     "write the text, or leave the field out"),
    ({"expect": {"tool_calls": [{"name": "f", "arguments": "{}"}]}},
     "expect.tool_calls[0].arguments: expected an object, got '{}'", 'write it as {"name": value}'),
    ({"expect": {"tool_calls": [{"name": "f", "arguments": {"a": float("nan")}}]}},
     "expect.tool_calls[0].arguments.a: expected a JSON value, got nan", "put it in quotes, or write a finite number"),
    ({"expect": {"tool_order": "yes"}}, "expect.tool_order: expected true or false, got 'yes'",
     "write true or false, without quotes"),
    ({"rubric": []}, "rubric: expected a text or a list of texts, got []",
     "list at least one text, or leave the field out"),
    ({"rubric": ""}, "rubric: is blank", "write the text, or leave the field out"),
    ({"rubric": ["a", " \n"]}, "rubric[1]: is blank", "write the text, or leave the field out"),
    ({"rubric": {"a": 1}}, "rubric: expected a text or a list of texts, got {'a': 1}", LISTED),
    ({"expect": {"max_words": 0}}, "expect.max_words: expected a whole number of 1 or more, got 0", WHOLE),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "problem", "hint"), TYPES)
def test_value_of_another_type_is_named(fields, problem, hint):
    """The message names the valid type and the value."""
    error = usage_error({"prompt": "a", **fields})
    assert (error.problem, error.hint, error.slug) == (f"{WHERE}: {problem}", hint, "case-field-type")


MESSAGES = [
    ([], "messages: expected a list of messages, got []", PROMPT, "case-field-type"),
    ("Hi", "messages: expected a list of messages, got 'Hi'", PROMPT, "case-field-type"),
    (["Hi"], "messages[0]: expected an object, got 'Hi'", PROMPT, "case-field-type"),
    ([{"content": "Hi"}], "messages[0]: no role",
     'name the speaker: "role": "user", "assistant" or "system"', "case-prompt-missing"),
    ([{"role": 1}], "messages[0].role: expected a text, got 1", QUOTES, "case-field-type"),
    ([{"role": "user", "content": 4}], "messages[0].content: expected a text, a list of parts or null, got 4",
     "content is the text of the message, or null if an assistant message only calls tools", "case-field-type"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "problem", "hint", "slug"), MESSAGES)
def test_invalid_messages_are_named(messages, problem, hint, slug):
    """A conversation is a list of objects with roles."""
    error = usage_error({"messages": messages})
    assert (error.problem, error.hint, error.slug) == (f"{WHERE}: {problem}", hint, slug)


USER = [{"role": "user", "content": "a"}]
ALONE = "it expects an answer without calls: use it alone, or leave it out"
NO_CALLS = "it needs expect.tool_calls; if no tool may be called at all, write no_tool_calls: true"
CLASHES = [
    ({}, "no prompt", PROMPT, "case-prompt-missing"),
    ({"prompt": None}, "no prompt", PROMPT, "case-prompt-missing"),
    ({"prompt": "a", "messages": USER}, "both prompt and messages", "keep one of the two", "case-field-clash"),
    ({"system": "s", "messages": [{"role": "developer", "content": "d"}, *USER]},
     "system: messages hold a system message already", "keep the one in messages, or write system: null",
     "case-field-clash"),
    ({"prompt": "a", "params": {"model": "m"}}, "params.model: sets model, which the arm and the case decide",
     "remove it", "case-field-clash"),
    ({"prompt": "a", "expect": {"tolerance": 1}}, "expect.tolerance: there is no number",
     "it is the distance that expect.number allows: write both", "case-field-clash"),
    ({"prompt": "a", "expect": {"min_words": 3, "max_words": 2}}, "expect.min_words: is above max_words",
     "no answer can meet both", "case-field-clash"),
    ({"prompt": "a", "max_ttft_s": 1, "params": {"stream": False}}, "max_ttft_s: params.stream is not true",
     "remove stream from params: the time to the first token needs a stream", "case-field-clash"),
    ({"prompt": "a", "expect": {"min_similarity": 0.5}}, "expect.min_similarity: there is no reference",
     ("inside expect it compares the answer with expect.reference; outside, it compares the two models"),
     "case-field-clash"),
    ({"prompt": "a", "expect": {"tool_calls": [{"name": "f"}], "no_tool_calls": True}},
     "expect.no_tool_calls: cannot be combined with tool_calls", ALONE, "case-field-clash"),
    ({"prompt": "a", "expect": {"tool_order": True, "no_tool_calls": True}},
     "expect.no_tool_calls: cannot be combined with tool_order", ALONE, "case-field-clash"),
    ({"prompt": "a", "expect": {"tool_order": True}}, "expect.tool_order: there are no tool_calls", NO_CALLS,
     "case-field-clash"),
    ({"prompt": "a", "expect": {"no_other_tool_calls": True}}, "expect.no_other_tool_calls: there are no tool_calls",
     NO_CALLS, "case-field-clash"),
    ({"prompt": "a", "rubric": ["b", " b"]}, "rubric[1]: 'b' is there twice", "keep one of the two", "case-field-clash"),
    ({"prompt": "a", "expect": {"regex": ["ok", "("]}},
     "expect.regex: '(' is not a valid regular expression: missing ), unterminated subpattern at position 0",
     r"put a backslash before characters that are meant literally, such as \( or \?", "case-regex"),
    ({"prompt": "a", "expect": {"regex": "a{99999999999}"}},
     "expect.regex: 'a{99999999999}' is not a valid regular expression: the repetition number is too large",
     r"put a backslash before characters that are meant literally, such as \( or \?", "case-regex"),
    ({"prompt": "a", "expect": {"json_schema": {"properties": {"a": {"type": "objct"}}}}},
     ("expect.json_schema: is not a valid JSON Schema: $.properties.a.type: 'objct' is not valid under any of the given "
      "schemas"), "compare it with json-schema.org", "case-schema"),
    ({"prompt": "a", "expect": {"json_schema": {"pattern": "("}}},
     "expect.json_schema: is not a valid JSON Schema: $.pattern: '(' is not a 'regex'", "compare it with json-schema.org",
     "case-schema"),
    ({"prompt": "a", "expect": {"json_schema": {"$schema": 7}}},
     "expect.json_schema: is not a valid JSON Schema: $.$schema: is not a text", "compare it with json-schema.org",
     "case-schema"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "problem", "hint", "slug"), CLASHES)
def test_contradicting_fields_are_named(fields, problem, hint, slug):
    """A field that contradicts another, or that no answer can meet, is rejected."""
    error = usage_error(fields)
    assert (error.problem, error.hint, error.slug) == (f"{WHERE}: {problem}", hint, slug)


def test_error_without_a_file_begins_with_the_field():
    """The message does not begin with a colon."""
    with pytest.raises(UsageError) as caught:
        build_case({"prompt": "a", "samples": 0}, where="")
    assert caught.value.problem == "samples: expected a whole number of 1 or more, got 0"


def test_doubtful_pattern_is_accepted():
    """A set such as [[a] only makes Python warn, which must not fail a suite that turns warnings into errors."""
    assert build_case({"prompt": "a", "expect": {"regex": "[[a]"}}, where="").expect.regex == ("[[a]",)
    build_case({"prompt": "a", "expect": {"json_schema": {"pattern": "[[b]"}}}, where="")


def test_circular_value_is_rejected():
    """A loop, which YAML anchors can make, ends in a message and not in a RecursionError."""
    loop = {}
    loop["again"] = loop
    error = usage_error({"prompt": "a", "params": loop})
    assert error.problem == f"{WHERE}: params: is nested more than 64 deep"
    knot = []
    knot += [knot, knot]
    assert (
        usage_error({"prompt": "a", "metric": knot}).problem == f"{WHERE}: metric: expected a text, got [[...], [...]]"
    )


@given(st.dictionaries(st.sampled_from([*CASE_FIELDS, "zzz"]), JSON, max_size=5), JSON)
def test_any_fields_give_a_case_or_a_usage_error(fields, value):
    """The result is a case that can be sent and stored, or one clear message."""
    got = case_or_error({"prompt": "a", "params": {"p": value}, **fields})
    if isinstance(got, UsageError):
        assert got.problem.startswith(WHERE)
        assert got.hint
        str(got).encode()
    else:
        json.dumps([got.id, got.messages, got.params, got.tags], allow_nan=False, ensure_ascii=False).encode()


SCHEMA_WORDS = ("$ref", "$id", "$schema", "$anchor", "$dynamicRef", "$defs", "type", "pattern", "patternProperties",
                "items", "properties", "multipleOf", "format", "enum", "uniqueItems", "not", "minimum")  # fmt: skip
SCHEMA_VALUES = st.sampled_from(
    ["#", "#/$defs/a", "#/type", "http://[", "a", "(", "[[a]", "object", "array", 0, 0.1, True, [], {}]
)
SCHEMAS = st.recursive(
    SCHEMA_VALUES,
    lambda inner: st.dictionaries(st.sampled_from(SCHEMA_WORDS), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(SCHEMA_WORDS), SCHEMAS, max_size=4), JSON)
def test_any_schema_is_rejected_or_can_be_applied(schema, answer):
    """An accepted schema never raises for an answer."""
    got = case_or_error({"prompt": "a", "expect": {"json_schema": schema}})
    if isinstance(got, UsageError):
        assert got.slug in ("case-schema", "case-field-type")
    else:
        assert all(finding.hint for finding in check_expect(got.expect, json.dumps(answer), lambda *_: 1.0))
