"""Suites of promptfoo become cases with the same prompts and expectations."""

import json
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.checks.expectations import check_expect
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.cases.files.to_yaml import document
from pytest_graysplit.cases.promptfoo import convert
from pytest_graysplit.errors import UsageError


@pytest.fixture(autouse=True)
def suite_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write_file(suite_folder):
    def write_file(name, text):
        path = suite_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).removeprefix("\n"), encoding="utf-8")
        return path

    return write_file


def convert_and_read(write_file, text):
    """Convert a configuration, write the cases, and read them back."""
    made = convert(write_file("promptfooconfig.yaml", text))
    back = write_file("back.yaml", "")
    back.write_text("".join(document(made.rows, ["Made."])), encoding="utf-8")
    cases = read_cases(back, "back.yaml")
    assert [(case.id, case.messages) for case in cases] == [
        (row["id"], build_case(row, where="").messages) for row in made.rows
    ]
    return made, cases


def convert_assertion(write_file, assertion, **more):
    """Return the expectation that one assertion becomes, and the lines about parts that were not converted."""
    test = {"vars": {"name": "Ada"}, "assert": [assertion], **more}
    made, [case] = convert_and_read(write_file, json.dumps({"prompts": ["Hi {{name}}"], "tests": [test]}))
    return case, made


@pytest.mark.parametrize(
    ("assertion", "passing", "missing"),
    [
        ({"type": "equals", "value": "Yes"}, "Yes", "Yes."),
        ({"type": "equals", "value": {"a": 1}}, '{"a": 1}', '{"a": 1, "b": 2}'),
        ({"type": "contains", "value": "Hi {{name}}"}, "Oh, Hi Ada!", "Hi Bob"),
        ({"type": "contains-all", "value": ["a.b", "c"]}, "c a.b", "c axb"),
        ({"type": "contains-any", "value": "a.b, c"}, "a.b", "axb"),
        ({"type": "icontains", "value": "(Free)"}, "it is (FREE)", "it is free"),
        ({"type": "icontains-all", "value": ["one", "two"]}, "TWO One", "one"),
        ({"type": "icontains-any", "value": ["one", "two"]}, "TWO", "three"),
        ({"type": "starts-with", "value": "Dear"}, "Dear Ada,\nhello", "My\nDear"),
        ({"type": "regex", "value": r"(?<n>\d+) days"}, "in 30 days", "in thirty days"),
        ({"type": "not-equals", "value": "No"}, "No.", " No\n"),
        ({"type": "not-contains", "value": "AI"}, "I am", "an AI"),
        ({"type": "not-contains-any", "value": ["x", "y"]}, "z", "z y"),
        ({"type": "not-icontains", "value": "sorry"}, "Glad\nto", "so\nI am Sorry"),
        ({"type": "not-icontains-any", "value": ["x", "y"]}, "z", "z\nY"),
        ({"type": "not-starts-with", "value": "Dear"}, "My Dear", "Dear"),
        ({"type": "not-regex", "value": "(?i)err|fail"}, "fine\nso", "so\nERR"),
        ({"type": "not-regex", "value": "^a.c"}, "b\nabc", "abc"),
        ({"type": "is-json"}, '{"a": 1}', "no"),
        ({"type": "is-json", "value": {"required": ["a"]}}, '{"a": 1}', "{}"),
        ({"type": "is-json", "value": "required: [a]\ntype: object"}, '{"a": 1}', "{}"),
        ({"type": "contains-json"}, "Here:\n```json\n{}\n```", "none"),
        ({"type": "word-count", "value": 3}, "one two three", "one two"),
        ({"type": "word-count", "value": {"max": 2}}, "one two", "one two three"),
        ({"type": "word-count", "value": {"min": 3}}, "one two three four", "one two"),
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
        ({"type": "not-llm-rubric", "value": "x"}, "asks a model; use the metric judge, which compares both answers"),
        ({"type": "levenshtein", "value": "x"}, "has no counterpart in expect"),
        ({"type": "not-is-json"}, "has no counterpart in expect"),
        ({"type": "icontain", "value": "x"}, "is not known, did you mean icontains?"),
        ({"type": "contains", "value": "{{other}}"}, "names other, which is not in its vars"),
        ({"type": "contains", "value": "{{env.KEY}}"}, "names env.KEY, which is not in the environment"),
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


def test_prompts_times_tests_with_defaults_and_templates(write_file):
    """Chats keep their roles, quotes in a variable end no text, and cases of one input share a cluster."""
    made, cases = convert_and_read(
        write_file,
        r"""
        prompts:
          - "Tell {{name}} about {{ topic.title | upper }}."
          - id: chat
            label: chat
            raw: '[{"role": "system", "content": "You serve {{name}}."}, {"role": "user", "content": "{{topic.title}}?"}]'
        defaultTest:
          vars: {name: Ada}
          assert: [{$ref: "#/assertionTemplates/polite"}]
        assertionTemplates:
          polite: {type: not-contains, value: stupid}
        tests:
          - description: The lamp
            vars: {topic: {title: 'a "lamp"'}}
            assert: [{type: contains, value: "{{topic.title}}"}]
          - vars: {topic: {title: chair}, name: Bob}
            options: {disableDefaultAsserts: true, prefix: "Please: "}
            prompts: [chat]
        """,
    )
    assert made.missing == ()
    assert [(row["id"], row.get("system"), row["prompt"]) for row in made.rows] == [
        ("the-lamp", None, 'Tell Ada about A "LAMP".'),
        ("the-lamp-chat", "You serve Ada.", 'a "lamp"?'),
        (
            "title-chair-bob-chat",
            None,
            'Please: [{"role": "system", "content": "You serve Bob."}, {"role": "user", "content": "chair?"}]',
        ),
    ]
    assert [case.cluster == cases[0].cluster for case in cases] == [True, True, False]
    assert [case.tags for case in cases] == [(), ("chat",), ("chat",)]
    assert made.rows[1]["expect"] == {"not_contains": "stupid", "contains": 'a "lamp"'}
    assert "expect" not in made.rows[2]


def test_lists_of_vars_are_expanded_with_unique_names(write_file):
    """Every combination is a case; equal names get a checksum, not a number that shifts."""
    made, _ = convert_and_read(
        write_file,
        """
        prompts: "Translate {{word}} to {{language}}"
        tests:
          - vars: {word: [lamp, chair], language: [French, 'no']}
          - description: Twice
            vars: {word: one, language: German}
          - description: Twice
            vars: {word: two, language: German}
          - vars: {word: [a, b], language: JSON}
            options: {disableVarExpansion: true}
        """,
    )
    assert [row["prompt"] for row in made.rows] == [
        "Translate lamp to French",
        "Translate lamp to no",
        "Translate chair to French",
        "Translate chair to no",
        "Translate one to German",
        "Translate two to German",
        'Translate ["a","b"] to JSON',
    ]
    ids = [row["id"] for row in made.rows]
    assert ids[:4] == ["lamp-french", "lamp-no", "chair-french", "chair-no"]
    assert [name.rpartition("-")[0] for name in ids[4:6]] == ["twice", "twice"]


def test_files_of_the_configuration_are_read(write_file):
    """Prompts of every kind, tests as YAML, JSON, JSON lines and CSV, variables and schemas; programs are named."""
    write_file("prompts/two.txt", "One {{x}}\n---\nTwo {{x}}\n")
    write_file("prompts/chat.yaml", "# a chat\n- role: system\n  content: Short.\n- role: user\n  content: '{{x}}'\n")
    write_file("prompts.csv", 'prompt,label\n"Three, {{x}}",third\n')
    write_file("tests/a.yaml", "- vars: {x: 1}\n  assert: [{type: is-json, value: file://schema.json}]\n")
    write_file("tests/b.json", '[{"vars": {"x": "file://x.txt"}}]')
    write_file("tests.jsonl", '{"vars": {"x": "lines"}}\n')
    write_file(
        "more.csv",
        'x,__expected,__expected2,__description\n"a, b",contains: yes,not-regex: ^no,Sheet\nc,similar(0.6): d,grade: nice,\n',
    )
    write_file("schema.json", '{"type": "object"}')
    write_file("x.txt", "from a file")
    write_file("gen.py", "")
    made, cases = convert_and_read(
        write_file,
        """
        prompts: [file://prompts/two.txt, prompts/chat.yaml, file://prompts.csv, file://gen.py]
        tests: ["file://tests/*.*", file://tests.jsonl, file://more.csv, file://gen.py:tests]
        """,
    )
    assert made.missing == (
        "prompts[3]: file://gen.py is a program, which is not run",
        "more.csv[1].assert[1]: llm-rubric: asks a model; use the metric judge, which compares both answers",
        "tests[3]: gen.py:tests is a program, which is not run",
    )
    assert [case.prompt for case in cases[:4]] == ["One 1", "Two 1", "1", "Three, 1"]
    assert cases[0].expect.json_schema == {"type": "object"}
    assert [case.tags for case in cases[:4]] == [("two-1",), ("two-2",), ("chat",), ("third",)]
    assert [case.prompt for case in cases[4::4]] == ["One from a file", "One lines", "One a, b", "One c"]
    sheet = next(row for row in made.rows if row["id"] == "sheet-two-1")
    assert sheet["expect"] == {"contains": "yes", "regex": "\\A(?![\\s\\S]*(?:^no))"}


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


def test_parts_without_a_counterpart_are_named(write_file):
    """Scenarios, generated and remote tests, thresholds under which checks may fail, and an invalid prompt."""
    write_file("sheet.csv", "x,__expected,__threshold\n1,contains-any(2): a,0.5\n")
    made, cases = convert_and_read(
        write_file,
        """
        prompts: {"Hi {{x}}": greeting, '[{"role": 7}]': broken}
        scenarios: [{}]
        tests:
          - {path: "gen.py", config: {}}
          - https://example.com/tests
          - file://sheet.csv
          - vars: {x: 2}
            assert: [{type: assert-set, threshold: 0.5, assert: []}]
        """,
    )
    assert [(case.id, case.prompt) for case in cases] == [("1-greeting", "Hi 1"), ("2-greeting", "Hi 2")]
    assert made.missing == (
        "scenarios: has no counterpart",
        "tests[0]: gen.py generates tests, which is not run",
        "tests[1]: https://example.com/tests is not on this machine",
        "sheet.csv[0]: threshold lets some checks fail; here all must pass",
        "sheet.csv[0]: cannot become a case: messages[0].role: expected a text, got 7",
        "tests[3].assert[0]: assert-set with a threshold lets some checks fail; here all must pass",
        "tests[3]: cannot become a case: messages[0].role: expected a text, got 7",
    )


def test_variables_may_refer_to_each_other(write_file):
    """A chat that is JSON only after it is filled in, and a variable made of another; a circle is named."""
    made, [case] = convert_and_read(
        write_file,
        """
        prompts: ['[{"role": "user", "content": {{ text | dump }}}]']
        tests:
          - vars: {text: 'My "{{thing}}"', thing: lamp}
          - vars: {text: 'a{{thing}}', thing: 'b{{text}}'}
        """,
    )
    assert case.messages == ({"role": "user", "content": 'My "lamp"'},)
    assert made.missing == ("tests[1]: has variables that name each other in a circle",)


def test_test_without_a_prompt_is_named(write_file):
    """No prompt has its label, a program makes its variables, or a variable is missing."""
    made, cases = convert_and_read(
        write_file,
        """
        prompts: [{label: chat, raw: "Hi {{x}}"}]
        tests:
          - {vars: {x: 1}, prompts: [chat]}
          - {vars: {x: 1}, prompts: [chart, mail], description: Mislabelled}
          - {vars: {x: 1}, options: {transformVars: "x"}}
          - {vars: {y: 1}}
        """,
    )
    assert [case.prompt for case in cases] == ["Hi 1"]
    assert made.missing == (
        "tests[1] (Mislabelled): no prompt is called chart and mail",
        "tests[2]: has its vars transformed by a program, which is not run",
        "tests[3]: names x, which is not in its vars",
    )


def test_suite_without_tests_sends_each_prompt_once(write_file):
    """As promptfoo does."""
    made, [case] = convert_and_read(write_file, "prompts: ['Say 12:30 or yes']\nproviders: [openai:gpt-4o-mini]\n")
    assert (case.prompt, made.tests, made.missing) == ("Say 12:30 or yes", 1, ())


def test_providers_give_models_and_common_params(write_file):
    """In any form; a program or an address is not a model."""
    made, _ = convert_and_read(
        write_file,
        """
        prompts: [Hi]
        providers:
          - openai:chat:gpt-4o
          - {id: "anthropic:messages:claude-sonnet-4.5", config: {temperature: 0}}
          - openrouter:meta-llama/llama-3:free: {config: {temperature: 0}}
          - file://own.py
          - https://example.com/chat
        """,
    )
    assert made.providers == (("gpt-4o", "claude-sonnet-4.5", "meta-llama/llama-3:free"), (), ("temperature",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.yaml", None, "gone.yaml: no such file\n  hint: paths are relative to the configuration  [promptfoo-file]"),
        (
            "promptfooconfig.js",
            "",
            ("promptfooconfig.js: not a promptfoo configuration\n"
            "  hint: name promptfooconfig.yaml; convert a configuration that is a program to YAML first  [promptfoo-file]"),
        ),
        (
            "c.yaml",
            "prompts: [a?, b]\n",
            ("c.yaml:1: not valid YAML: expected ',' or ']', but got '?'\n"
            "  hint: a text with ? : # or { in it needs quotes, which mean the same to promptfoo  [promptfoo-file]"),
        ),
        (
            "c.yaml",
            "prompts: [Hi]\ntests: &all [{vars: {x: *all}}]\n",
            (
                "c.yaml: not valid YAML: Circular reference detected\n"
                "  hint: a text with ? : # or { in it needs quotes, which mean the same to promptfoo  [promptfoo-file]"
            ),
        ),
        ("c.json", '{"prompts":\n', "c.json:2: not valid JSON: Expecting value\n  hint: look at quotes and commas there  [promptfoo-file]"),
        (
            "c.yaml",
            "- prompt: Hi\n",
            ("c.yaml: not a promptfoo configuration: it has no prompts\n"
            "  hint: it is an object with prompts, and usually providers and tests  [promptfoo-shape]"),
        ),
        (
            "c.yaml",
            "prompts: [file://gone.txt]\n",
            "c.yaml: prompts[0]: gone.txt: no such file\n  hint: paths are relative to the configuration  [promptfoo-file]",
        ),
        (
            "c.yaml",
            "prompts: [Hi]\ntests: [{assert: [{value: x}]}]\n",
            "c.yaml: tests[0].assert[0]: no type\n  hint: write - type: contains, and its value  [promptfoo-shape]",
        ),
        (
            "c.yaml",
            "prompts: [Hi]\ntests: [{assert: [{$ref: '#/assertionTemplates/x'}]}]\n",
            ("c.yaml: tests[0].assert[0]: $ref: '#/assertionTemplates/x' is not found\n"
            "  hint: a reference such as '#/assertionTemplates/name' names a part of this file  [promptfoo-shape]"),
        ),
        (
            "c.yaml",
            "prompts: [Hi]\ntests: [{vars: x}]\n",
            "c.yaml: tests[0].vars: expected an object, got 'x'\n  hint: write name: value  [promptfoo-shape]",
        ),
    ],
)  # fmt: skip
def test_unreadable_configuration_is_named(write_file, suite_folder, name, text, message):
    """File, place, problem and remedy."""
    if text is not None:
        write_file(name, text)
    with pytest.raises(UsageError) as caught:
        convert(suite_folder.relative_to(suite_folder) / name)
    assert str(caught.value) == message


NAMES = (
    "prompts",
    "tests",
    "defaultTest",
    "vars",
    "assert",
    "type",
    "value",
    "threshold",
    "options",
    "x",
    "$ref",
    "raw",
    "label",
    "providers",
    "config",
    "description",
    "weight",
    "path",
)
LEAVES = (
    "Hi {{x}}",
    "{{x.y | dump}}",
    "contains",
    "is-json",
    "word-count",
    "contains-any",
    "similar",
    "regex",
    "(",
    "#/vars",
    "file://gone.*",
    '[{"role": 1}]',
    "a.js",
    "",
    None,
    True,
    0,
    1.5,
    -1,
)
PARTS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@given(PARTS, PARTS, PARTS, PARTS)
def test_any_configuration_is_converted_or_named(tmp_path_factory, prompt, test, assertion, default):
    """A usage error names file and place; no other exception is raised."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    tests = [test, {"vars": {"x": prompt}, "assert": [assertion, {"type": "is-json", "value": prompt}]}]
    path.write_text(
        json.dumps({"prompts": ["{{x}}", prompt], "tests": tests, "defaultTest": default, "providers": test})
    )
    for config in (path, path.with_name("fuzzed2.json")):
        if config is not path:
            config.write_text(json.dumps({"prompts": ["{{x}}"], "tests": tests[1:]}))
        try:
            rows = convert(config).rows
        except UsageError as error:
            told, rows = error.problem, ()
        else:
            told = str(config)
        assert told.startswith(str(path.parent))
        assert len({row["id"] for row in rows}) == len(rows)
