"""Suites of promptfoo become cases with the same prompts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.cases.files.to_yaml import document
from pytest_graysplit.cases.promptfoo import convert
from pytest_graysplit.errors import UsageError


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
        "Translate a,b to JSON",
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
        'x,__expected,__expected2,__description\n"a, b",contains: yes,regex: ^y,Sheet\nc,similar(0.6): d,contains: nice,\n',
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
        "tests[3]: gen.py:tests is a program, which is not run",
    )
    assert [case.prompt for case in cases[:4]] == ["One 1", "Two 1", "1", "Three, 1"]
    assert cases[0].expect.json_schema == {"type": "object"}
    assert [case.tags for case in cases[:4]] == [("two-1",), ("two-2",), ("chat",), ("third",)]
    assert [case.prompt for case in cases[4::4]] == ["One from a file", "One lines", "One a, b", "One c"]
    sheet = next(row for row in made.rows if row["id"] == "sheet-two-1")
    assert sheet["expect"] == {"contains": "yes", "regex": "^y"}


def test_parts_without_a_counterpart_are_named(write_file):
    """Scenarios, generated and remote tests, thresholds under which checks may fail, and an invalid prompt."""
    write_file("sheet.csv", "x,__expected,__threshold\n1,contains-any(2): a,0.5\n")
    made, cases = convert_and_read(
        write_file,
        """
        prompts: {"Hi {{x}}": greeting, '[{"role": 7}]': broken}
        redteam: {plugins: [x]}
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
        "redteam: has no counterpart",
        "tests[0]: gen.py generates tests, which is not run",
        "tests[1]: https://example.com/tests is not on this machine",
        "sheet.csv[0].threshold: lets some checks fail; here all must pass",
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
        ("gone.yaml", None, "gone.yaml: no such file\n  hint: name promptfooconfig.yaml, or its folder  [promptfoo-file]"),
        (
            "promptfooconfig.js",
            "",
            ("promptfooconfig.js: not a promptfoo configuration\n"
            "  hint: name promptfooconfig.yaml; convert a configuration that is a program to YAML first  [promptfoo-file]"),
        ),
        (
            "c.yaml",
            "prompts: [a, b\n",
            ("c.yaml:2: not valid YAML: expected ',' or ']', but got '<stream end>'\n"
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
            ("c.yaml: not a promptfoo configuration: it has neither prompts nor tests\n"
            "  hint: it is an object with prompts, providers and tests  [promptfoo-shape]"),
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
    "scenarios",
    "env",
    "tools",
    "prompts",
    "providerOutput",
    "evaluateOptions",
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
    "file://a\0",
    "{{x}} {{ {% {#",
    "trajectory:tool-used",
    "llm-rubric",
    "assert-set",
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
    """No exception is raised: a part that cannot be read is named."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.json"
    tests = [test, {"vars": {"x": prompt}, "assert": [assertion, {"type": "is-json", "value": prompt}]}]
    path.write_text(
        json.dumps(
            {
                "prompts": ["{{x}}", prompt],
                "tests": tests,
                "defaultTest": default,
                "providers": test,
                "scenarios": default,
                "env": prompt,
                "x": assertion,
            }
        )
    )
    for config in (path, path.with_name("fuzzed2.json")):
        if config is not path:
            config.write_text(json.dumps({"prompts": ["{{x}}"], "tests": tests[1:]}))
        rows = convert(config).rows
        assert len({row["id"] for row in rows}) == len(rows)
