"""Every part of a configuration is converted or named, and one bad part leaves the others."""

import json
from pathlib import Path

import pytest

from pytest_graysplit.cases.promptfoo import convert, parts

TEST = {"vars": {"x": "1"}, "assert": [{"type": "contains", "value": "1"}]}
PLACES = {
    "CONFIG": lambda name, value: {name: value},
    "TEST": lambda name, value: {"tests": [TEST, {**TEST, name: value}]},
    "OPTIONS": lambda name, value: {"tests": [TEST, {**TEST, "options": {name: value}}]},
    "ASSERTION": lambda name, value: {"tests": [TEST, {**TEST, "assert": [{**TEST["assert"][0], name: value}]}]},
    "ASSERTION_SET": lambda name, value: {
        "tests": [TEST, {**TEST, "assert": [{"type": "assert-set", "assert": TEST["assert"], name: value}]}]
    },
    "SCENARIO": lambda name, value: {"scenarios": [{"config": [{}], "tests": [TEST], name: value}]},
    "PROMPT": lambda name, value: {"prompts": [{"label": "A", "raw": "Say {{x}}", name: value}]},
    "PROVIDER": lambda name, value: {"providers": [{"id": "openai:gpt-4o", name: value}]},
    "PROVIDER_CONFIG": lambda name, value: {"providers": [{"id": "openai:gpt-4o", "config": {name: value}}]},
    "EVALUATE": lambda name, value: {"evaluateOptions": {name: value}},
    "COMMAND": lambda name, value: {"commandLineOptions": {name: value}},
}


@pytest.fixture
def convert_config(write_file):
    """Return a function that converts a configuration, with the usual prompt and test where it has none."""

    def run(config, name="c.json"):
        base = {"prompts": ["Say {{x}}"], "tests": [TEST]}
        write_file(name, json.dumps(base | config))
        return convert(Path(name))

    return run


@pytest.mark.parametrize("place", PLACES)
def test_every_name_of_a_place_is_reported(convert_config, place):
    """A name with a meaning is a note or a missing part, an unknown one is missing, an empty one says nothing."""
    names = getattr(parts, place)
    for name, meaning in {**names.noted, **names.missing, "somethingElse": names.other}.items():
        made = convert_config(PLACES[place](name, 7))
        told = made.notes if name in names.noted else made.missing
        assert any(f"{name}" in line and meaning in line for line in told), (name, made)
        assert convert_config(PLACES[place](name, None)).missing == ()


def test_all_places_are_tested():
    assert {name for name, value in vars(parts).items() if isinstance(value, parts.Place)} == {*PLACES}


def test_mistyped_name_is_named_with_the_right_one(convert_config):
    made = convert_config({"tests": [{**TEST, "asert": []}, {**TEST, "assrt": [1]}]})
    assert made.missing == ("tests[1].assrt: is not known here, did you mean assert?",)
    assert len(made.rows) == 2


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"vars": {"x": "file://a.jpg"}}, "a.jpg is an image, a sound or a video: write a message with a part for it"),
        ({"vars": {"x": "file://a.pdf"}}, "a.pdf is a PDF: write its text into a file"),
        ({"vars": {"x": "file://a.js"}}, "file://a.js is a program, which is not run"),
        ({"vars": {"x": "file://gone.txt"}}, "gone.txt: no such file"),
        ({"vars": {"x": "file://gone/*"}}, "file://gone/*: no file matches"),
        ({"vars": {"x": "file://latin.txt"}}, "latin.txt: is not UTF-8 (byte 1)"),
        ({"vars": {"x": "file://a\0b"}}, "'file://a\\x00b' is not the name of a file"),
        ({"vars": {"x": "file://bad.yaml"}}, "bad.yaml:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ({"vars": "gone.yaml"}, "gone.yaml: no such file"),
        ({"vars": [7]}, "vars: expected an object or names of files, got '[7]'"),
        ({"vars": 7}, "expected an object, got '7'"),
        ({"vars": {"x": "a"}, "providerOutput": "b"}, "providerOutput is an answer that is checked without asking a model"),
        ({"vars": {"x": "a"}, "options": {"transformVars": "{}"}}, "has its vars transformed by a program, which is not run"),
        (7, "expected an object, got '7'"),
        ("file://gone.yaml", "gone.yaml: no such file"),
        ("file://sheet.xlsx", "sheet.xlsx is of a kind that is not read here: save it as CSV, YAML or JSON"),
        ("huggingface://datasets/x", "huggingface://datasets/x is not on this machine"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_test_is_named_and_the_others_are_converted(convert_config, suite_folder, bad, told):
    (suite_folder / "latin.txt").write_bytes(b"\xff")
    (suite_folder / "bad.yaml").write_text("[1")
    made = convert_config({"tests": [bad, TEST]})
    assert made.missing == (f"tests[0]: {told}",)
    assert [row["prompt"] for row in made.rows] == ["Say 1"]


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"assert": 7}, ".assert: expected a list, got '7'"),
        ({"assert": [7]}, ".assert[0]: expected an object, got '7'"),
        ({"assert": [{"value": "x"}]}, ".assert[0]: no type"),
        ({"assert": [{"$ref": "#/templates/x"}]}, ".assert[0]: $ref: '#/templates/x' is not found"),
        ({"assert": [{"type": "is-json", "value": "file://gone.json"}]}, ".assert[0]: is-json: gone.json: no such file"),
        ({"assert": [{"type": "is-json", "value": "[1"}]}, ".assert[0]: is-json: has a value that is not a JSON Schema: "),
        ({"options": 7}, ".options: expected an object, got '7'"),
        ({"options": {"tools": [{"name": "x"}]}}, ".options.tools: is not a list of tools in the form of OpenAI"),
        ({"options": {"transform": "x"}}, ".options.transform: is a program that changes the answer: the checks of the answer are left out"),
        ({"vars": {"x": "1", "assert": [{"type": "equals"}]}}, ".vars.assert: stands below vars, so that it is a variable"),
        ({"threshold": 0.5}, ".threshold: lets some checks fail; here all must pass"),
    ],
    ids=str,
)  # fmt: skip
def test_bad_part_is_named_and_the_test_is_converted(convert_config, test, told):
    made = convert_config({"tests": [{**TEST, **test}]})
    [line] = made.missing
    assert line.startswith(f"tests[0]{told}")
    assert [row["prompt"] for row in made.rows] == ["Say 1"]


def test_bad_place_is_named(convert_config):
    """Prompts, tests, defaults and options of another type."""
    made = convert_config(
        {"prompts": [7, "Say {{x}}"], "tests": "file://gone.csv", "defaultTest": 7, "evaluateOptions": 7}
    )
    assert made.missing == (
        "evaluateOptions: expected an object, got '7'",
        "prompts[0]: expected a text, or an object with raw or id",
        "defaultTest: expected an object, got '7'",
        "tests[0]: gone.csv: no such file",
    )
    assert convert_config({"tests": 7}).missing == ("tests: expected a list of tests, or a file://",)
    assert convert_config({"tests": {"path": "file://gen.py"}}).missing == (
        "tests[0]: file://gen.py generates tests, which is not run",
    )


def test_references_are_followed_everywhere(convert_config):
    """As promptfoo does; the part that they name is not reported, and one that names itself is left alone."""
    made = convert_config(
        {
            "templates": {"yes": {"type": "contains", "value": "yes"}, "both": [{"$ref": "#/templates/yes"}]},
            "defaultTest": {"assert": {"$ref": "#/templates/both"}},
            "tests": [{**TEST, "assert": [{"$ref": "#/templates/both/0", "value": "no"}]}],
            "loop": {"$ref": "#/loop"},
        }
    )
    assert made.rows[0]["expect"] == {"contains": ["yes", "no"]}
    assert made.missing == ()


def test_variables_are_those_of_promptfoo(write_file, convert_config):
    """A list is spread if it starts with a text, a file is its text, and a line end at the end is left out."""
    write_file("a.yaml", "city: Rome\n")
    write_file("b.json", '["a"]\n')
    write_file("more.yaml", "y: from a file\n")
    write_file("texts/1.txt", "\none\n")
    write_file("texts/2.txt", "two")
    made = convert_config(
        {
            "prompts": ["{{x}}|{{y}}|{{env.CITY}}"],
            "env": {"CITY": "Pisa"},
            "defaultTest": {"vars": {"y": "-"}},
            "tests": [
                {"vars": {"x": [1, "a"]}},
                {"vars": {"x": ["a", 1]}},
                {"vars": {"x": "file://a.yaml", "y": "file://b.json"}},
                {"vars": {"x": "file://texts/*.txt"}},
                {"vars": {"x": "a\n\n"}},
                {"vars": "more.yaml"},
                {"vars": {"x": {"b": [True, None]}}},
                {"vars": {"x": "{{a | dump}}, {{b}}", "a": {"b": [True, None]}, "b": 16}},
                {"vars": {"x": "{{a | dump}}, {{c}}", "a": {}, "c": "{{unknown}} text"}},
                {"vars": {"x": "{{y}} {{ open"}},
                {"vars": {"x": "{% if y %}a{% endif %}"}},
                {"vars": {"x": "{{a}}", "a": "{{b}}", "b": "{{a}}"}},
            ],
        }
    )
    assert [row["prompt"].removesuffix("|Pisa") for row in made.rows] == [
        "1,a|-",
        "a|-",
        "1|-",
        '{"city":"Rome"}|["a"]',
        "one|-",
        "two|-",
        "a\n|-",
        '{"b":[true,null]}, 16|-',
        "{{a | dump}}, {{unknown}} text|-",
        "- {{ open|-",
    ]
    assert made.missing == (
        "tests[5]: names x, which is not in its vars",
        "tests[6]: writes {{x}} as [object Object]: say {{x | dump}}",
        "tests[10]: has a {% ... %} block, which is not run",
        "tests[11]: has variables that name each other in a circle",
    )


def test_parts_in_files_are_read(write_file, convert_config):
    """Models, assertions, and variables of a test in a file, which are named from the folder of that file."""
    write_file("models.yaml", "- {id: 'openai:a', config: {top_p: 1}}\n- openai:b\n")
    write_file("checks.yaml", "- {type: contains, value: '{{x}}'}\n- {type: contains, value: b}\n")
    write_file("sub/tests.yaml", "- vars: more/x.yaml\n  assert: [file://checks.yaml]\n")
    write_file("sub/more/x.yaml", 'x: "\\ud83d\\ude00"\n')
    made = convert_config({"tests": ["sub/tests.yaml"], "providers": ["file://models.yaml", "file://gone.yaml"]})
    assert (made.rows[0]["prompt"], made.rows[0]["expect"]) == ("Say \U0001f600", {"contains": ["\U0001f600", "b"]})
    assert made.providers == (("a", "b"), (), ("top_p",))
    assert made.missing == ("providers[1]: gone.yaml: no such file",)


def test_scenarios_join_each_set_of_data_with_each_test(write_file, convert_config):
    write_file("tests.yaml", "- vars: {y: 3}\n  assert: [{type: contains, value: '{{x}}'}]\n")
    made = convert_config(
        {
            "prompts": ["{{x}} {{y}} {{z}}"],
            "tests": [],
            "defaultTest": {"vars": {"z": "!"}},
            "scenarios": [
                {
                    "config": [{"vars": {"x": 1}, "assert": [{"type": "contains", "value": "a"}]}, {"vars": {"x": 2}}],
                    "tests": [{"vars": {"y": 4}, "description": "Four"}, "file://tests.yaml"],
                },
                "file://gone.yaml",
            ],
        }
    )
    assert [row["prompt"] for row in made.rows] == ["1 4 !", "1 3 !", "2 4 !", "2 3 !"]
    assert [row.get("expect") for row in made.rows] == [
        {"contains": "a"},
        {"contains": ["a", "1"]},
        None,
        {"contains": "2"},
    ]
    assert made.missing == ("scenarios[1]: gone.yaml: no such file",)


def test_prompts_are_those_of_promptfoo(write_file, convert_config):
    """Line ends of Windows, CSV with and without a comma, patterns of names, and no prompt at all."""
    write_file("p.txt", "").write_bytes(b"One {{x}}\r\n ---\t\r\nTwo {{x}}\r\n")
    write_file("p/1.md", "Three {{x}}\n")
    write_file("one.csv", "prompt\nFour {{x}}\nFive {{x}}\n")
    write_file("two.csv", 'prompt,label\n"Six, {{x}}","Six" \n,none\nSev"en {{x}},\n')
    write_file("p.yaml", "a: '{{x}}'\n")
    made = convert_config(
        {"prompts": ["p.txt", "p/*", "one.csv", "file://two.csv", "p.yaml", "langfuse://a:1", "file://p/*.py"]}
    )
    assert [row["prompt"] for row in made.rows] == [
        "One 1",
        "Two 1",
        "Three 1\n",
        "Four 1",
        "Five 1",
        "Six, 1",
        'Sev"en 1',
        '{\n  "a": "1"\n}',
    ]
    assert made.missing == (
        "prompts[5]: langfuse://a:1 is not a prompt in a file here",
        "prompts[6]: file://p/*.py is a program, which is not run",
    )
    assert convert_config({"prompts": None, "tests": [{"vars": {"prompt": "Hi"}}]}).rows[0]["prompt"] == "Hi"


def test_prompts_of_tests_and_providers(write_file, convert_config):
    """By label, by id, by file, and by the start of a label before a colon; a prompt that no model gets is noted."""
    write_file("two.txt", "Two\n---\nThree\n")
    prompts = [{"label": "A: one", "raw": "One"}, {"id": "file://two.txt", "label": "B"}, {"label": "C", "raw": "Four"}]
    providers = [{"id": "openai:a", "prompts": ["A"]}, {"id": "openai:b", "prompts": ["A", "B"]}]
    tests = [{"prompts": "A"}, {"prompts": ["B"]}, {"prompts": ["file://two.txt"]}, {"prompts": ["C"]}]
    made = convert_config({"prompts": prompts, "providers": providers, "tests": tests})
    assert [row["prompt"] for row in made.rows] == ["One", "Two", "Three", "Two", "Three"]
    assert made.notes == ("prompts (C): no provider gets this prompt",)
    assert made.missing == (
        "providers[0].prompts: gives only A to this model; here every case is sent to both models",
        "tests[3]: no prompt is called C",
    )


def test_parameters_of_all_models_are_sent_with_every_case(write_file, convert_config):
    """Numbers by the next command, the rest in the cases; those of a prompt and of a test win."""
    write_file("tools.json", '[{"type": "function", "function": {"name": "a"}}]')
    tools = [{"type": "function", "function": {"name": "a"}}]
    providers = [
        {"id": "openai:a", "config": {"tools": "file://tools.json", "top_p": 1, "stop": ["x"], "apiKey": "k"}},
        {"id": "openai:b", "config": {"tools": tools, "top_p": 1, "seed": 1, "max_token": 5}},
        "file://own.py",
    ]
    made = convert_config({"providers": providers, "tests": [{**TEST, "options": {"seed": 2}}]})
    assert made.rows[0]["params"] == {"tools": tools, "seed": 2}
    assert made.providers == (("a", "b"), ("top_p=1",), ("stop", "seed"))
    assert made.missing == (
        "providers[1].config.max_token: is a setting of this provider, and is not sent here",
        "providers[].config.stop: differs by model: write params of an arm in [tool.graysplit.arms]",
    )
    assert made.notes == (
        "providers[0].config.apiKey: about the way to a model; here the arm says it",
        "providers[2] (file://own.py): not a model of a relay, left out with its settings",
    )


def test_rows_of_csv_are_those_of_promptfoo(write_file, convert_config):
    """Types only in their exact spelling, thresholds by their columns, and every column of a row."""
    write_file(
        "t.csv",
        "x,__expected,__expected2,__config:__expected2:threshold,__metadata:a,__metric,__prefix,__odd\n"
        'a,equals(1.2.3): x,latency:,2000,m,n,Hi ,\nb,"contains: "" y",similar:z,0.5,,,,\nc,grade: nice,,,,,,,too,much\n',
    )
    made = convert_config({"tests": "t.csv", "prompts": ["{{x}}{{__odd}}"]})
    assert [row["prompt"] for row in made.rows] == ["Hi a", "b", "c"]
    assert made.rows[0]["expect"] == {"equals": "equals(1.2.3): x"}
    assert made.rows[0]["max_latency_s"] == 2
    assert made.rows[1]["expect"] == {"contains": '" y', "reference": "z", "min_similarity": 0.5}
    assert made.missing == ("t.csv[2]: has more cells than the first row names",)
    assert made.notes[:2] == (
        "t.csv[0].__metadata:a: about the test",
        "t.csv[0].__metric: about the report of promptfoo",
    )


def test_repeats_are_noted_with_their_option(convert_config):
    made = convert_config({"evaluateOptions": {"repeat": 3}})
    assert made.notes == ("evaluateOptions.repeat: --graysplit-samples=3 asks for as many answers",)
