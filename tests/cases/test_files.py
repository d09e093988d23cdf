"""Case files become cases, or one message that names the file, the line and the remedy."""

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.cases.checks.assertions import check_reply
from pytest_graysplit.cases.fields import build_case
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.cases.tool_calls.reading import read_call
from pytest_graysplit.errors import UsageError
from pytest_graysplit.types import Expect, Reply, ToolCall

DOCS = (Path(__file__).parents[2] / "docs" / "cases.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read_text_as(tmp_path_factory):
    """Return a function that writes a file of the given format and reads it as a user would."""
    folder = tmp_path_factory.mktemp("cases")

    def write_and_read(kind, content):
        path = folder / f"support.{kind}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        return read_cases(path, path.name)

    return write_and_read


def usage_error(read_text_as, kind, content):
    with pytest.raises(UsageError) as caught:
        read_text_as(kind, content)
    return caught.value.problem, caught.value.hint, caught.value.slug


def documented_blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def test_json_lines_have_line_numbers(read_text_as):
    """Blank lines count but hold no case; a byte order mark and Windows line ends are accepted."""
    content = b'\xef\xbb\xbf{"id": "a", "prompt": "One\xe2\x80\xa8two"}\r\n\r\n  \n{"id": "b", "prompt": "Three"}'
    cases = read_text_as("jsonl", content)
    assert [(case.id, case.prompt, case.where) for case in cases] == [
        ("a", "One\u2028two", "support.jsonl:1"),
        ("b", "Three", "support.jsonl:4"),
    ]


def test_yaml_defaults_apply_to_every_case(read_text_as):
    """A case's own field wins, params and expect are merged by name, and null removes a default."""
    cases = read_text_as(
        "yml",
        """
defaults:
  system: Be brief.
  params: {temperature: 0, seed: 1}
  expect: {max_words: 9, min_similarity: 0.5}
  max_latency_s: 3
cases:
  - prompt: a
    params: {seed: 2}
    expect: {reference: b}
  - {prompt: b, system: null, params: {seed: null}, expect: null, max_latency_s: 1}
""",
    )
    first, second = cases
    assert [message["role"] for message in first.messages] == ["system", "user"]
    assert (first.params, first.max_latency_s) == ({"temperature": 0, "seed": 2}, 3.0)
    assert first.expect == Expect(max_words=9, reference="b", min_similarity=0.5)
    assert [message["role"] for message in second.messages] == ["user"]
    assert (second.params, second.max_latency_s, second.expect) == ({"temperature": 0}, 1.0, None)
    assert [case.where for case in cases] == ["support.yml:8", "support.yml:11"]


def test_yaml_words_are_read_as_in_json(read_text_as):
    """Norway stays a country: only numbers and booleans of JSON are read as such."""
    (case,) = read_text_as(
        "yaml",
        """
- prompt: no
  tags: [on, 12:30, 2026-11-23, 010, 0x10, 1_000, .inf, "7"]
  params: {a: 1e3, b: -2, c: .5, d: true, e: "true", f: [~, null]}
""",
    )
    assert case.prompt == "no"
    assert case.tags == ("on", "12:30", "2026-11-23", "010", "0x10", "1_000", ".inf", "7")
    assert case.params == {"a": 1000.0, "b": -2, "c": 0.5, "d": True, "e": "true", "f": [None, None]}


def test_yaml_anchors_and_merge_keys_work(read_text_as):
    """Common fields can be anchored, merged, overridden, and used more than once."""
    cases = read_text_as(
        "yaml",
        """
- &common {prompt: a, id: one, samples: 2}
- {<<: *common, id: two}
- {<<: *common, id: three, samples: 3}
- &again {<<: *common, id: four}
- {<<: [*again, *common], id: five}
""",
    )
    assert [(case.id, case.samples) for case in cases] == [
        ("one", 2), ("two", 2), ("three", 3), ("four", 2), ("five", 2),
    ]  # fmt: skip


def test_csv_cells_have_the_types_of_their_columns(read_text_as):
    """Numbers, booleans, lists, JSON and dotted columns are read; line breaks inside quotes count."""
    first, second, third = read_text_as("csv", (
        "id, prompt ,min_similarity,samples,tags,must_pass,params,params.seed,params.stop,"
        "expect.contains,expect.json,,\n"
        'a,"Hello, ""you""\nthere",0.75,2,x; y;,TRUE,"{""temperature"": 0}",42,END,30 days;free,true,,\n'
        "\n"
        'b,Hi,,,,,,,,,"{""a"": 1}"\n'
        ",,,\n"
        "c,false\n"
    ))  # fmt: skip
    assert first == build_case(
        {
            "id": "a",
            "prompt": 'Hello, "you"\nthere',
            "min_similarity": 0.75,
            "samples": 2,
            "tags": ["x", "y"],
            "must_pass": True,
            "params": {"temperature": 0, "seed": 42, "stop": "END"},
            "expect": {"contains": ["30 days", "free"], "json": True},
        },
        where="support.csv:2",
    )
    assert second == build_case({"id": "b", "prompt": "Hi", "expect": {"json": {"a": 1}}}, where="support.csv:5")
    assert third == build_case({"id": "c", "prompt": "false"}, where="support.csv:7")


@pytest.mark.parametrize(
    ("cell", "rubric"),
    [
        ("names 30 days; promises no refund;", ("names 30 days", "promises no refund")),
        ('"[""names 30 days; or a month""]"', ("names 30 days; or a month",)),
        ('"quotes ""30 days"" [of 7]"', ('quotes "30 days" [of 7]',)),
    ],
)
def test_rubric_in_a_csv_cell_is_a_list(read_text_as, cell, rubric):
    """Separated by semicolons, or a JSON list if a criterion contains one."""
    (case,) = read_text_as("csv", f"prompt,rubric\nWhen?,{cell}\n")
    assert case.rubric == rubric


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("prompt,expect.rubric\na,b\n", "support.csv:1: expect.rubric: unknown field",
         "name the column rubric, without expect"),
        ("prompt,rubric\na,;\n", "support.csv:2: rubric: expected a text or a list of texts, got []",
         "list at least one text, or leave the field out"),
        ("prompt,rubric\na,[b]\n", "support.csv:2: rubric: not valid JSON: JSON is malformed: invalid character (byte 1)",
         'write JSON in the cell, its quotes doubled: "{""status"": ""open""}"'),
    ],
)  # fmt: skip
def test_unusable_rubric_in_a_csv_file_is_named(read_text_as, text, problem, hint):
    """In the wrong place, without a criterion, and a list that is not JSON."""
    assert usage_error(read_text_as, "csv", text)[:2] == (problem, hint)


EXPECTED_CALLS = Expect(
    tool_calls=(ToolCall("look_up"), ToolCall("refund", {"order": 1001, "on": "2026-11-30"})),
    tool_order=True,
    no_other_tool_calls=True,
)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("jsonl", ('{"prompt": "a", "expect": {"tool_calls": [{"name": "look_up"}, {"name": "refund", "arguments": '
                  '{"order": 1001, "on": "2026-11-30"}}], "tool_order": true, "no_other_tool_calls": true}}')),
        ("yaml", ("defaults:\n  expect: {tool_order: true, no_other_tool_calls: true}\ncases:\n- prompt: a\n  expect:\n"
                 "    tool_calls:\n    - name: look_up\n    - {name: refund, arguments: {order: 1001, on: 2026-11-30}}\n")),
        ("csv", ("prompt,expect.tool_calls,expect.tool_order,expect.no_other_tool_calls,expect.no_tool_calls\n"
                'a,"[{""name"": ""look_up""}, {""name"": ""refund"", ""arguments"": {""order"": 1001, ""on"": '
                '""2026-11-30""}}]",TRUE,true,\n')),
    ],
)  # fmt: skip
def test_expected_tool_calls_are_equal_in_every_format(read_text_as, form, text):
    """In YAML, defaults may have fields about the calls of each case."""
    (case,) = read_text_as(form, text)
    assert case.expect == EXPECTED_CALLS


def test_made_id_is_independent_of_the_line(read_text_as):
    """A case inserted above does not change the made ids, by which recordings are found."""
    (before,) = read_text_as("jsonl", '{"prompt": "a"}')
    assert read_text_as("jsonl", '{"prompt": "b"}\n{"prompt": "a"}')[1].id == before.id


OBJECT_A_LINE = 'write each case on one line, such as {"prompt": "your text"}'
INDENT = "look at indentation, colons and quotes there; a text with ': ' or ' #' in it needs quotes"
SHAPE = 'write a list of cases, each beginning with "- prompt: your text", or a mapping with cases and defaults'
QUOTES = 'put a cell that holds a comma, a quote or a line break in double quotes, and write a quote inside as ""'
ONE = 'write at least one, such as {"prompt": "your text"} in a .jsonl file'
MERGE = "finish the merge (a prompt that shows such marks belongs in a .jsonl file)"
OWN = "give each case its own id, by which recordings are found (or none: it is then made from the messages)"
BROKEN = [
    ("jsonl", "", ": holds no case", ONE, "case-file-empty"),
    ("yaml", "# nothing\n", ": holds no case", ONE, "case-file-empty"),
    ("yaml", "cases:\n", ": holds no case", ONE, "case-file-empty"),
    ("yaml", "defaults: {samples: 2}\n", ": holds no case", ONE, "case-file-empty"),
    ("csv", "", ": holds no case", ONE, "case-file-empty"),
    ("csv", "prompt\n\n", ": holds no case", ONE, "case-file-empty"),
    ("jsonl", '{"prompt": "a"}\n{"prompt": "b" "id": "c"}\n',
     ":2: not valid JSON at column 16: Expecting ',' delimiter", OBJECT_A_LINE,
     "case-file-syntax"),
    ("jsonl", '{"prompt": "a", "min_similarity": NaN}',
     ":1: not valid JSON: JSON is malformed: invalid character (byte 34)", OBJECT_A_LINE, "case-file-syntax"),
    ("jsonl", '{"prompt": "a", "n": ' + "[" * 99999 + "]" * 99999 + "}", ":1: not valid JSON: it is nested too deep",
     OBJECT_A_LINE, "case-file-syntax"),
    ("jsonl", '[{"prompt": "a"}]', ":1: expected an object, got [{'prompt': 'a'}]", OBJECT_A_LINE, "case-file-shape"),
    ("jsonl", '{"prompt": "a"}\n{"prompt": "b", "min_similarty": 1}',
     ":2: min_similarty: unknown field, did you mean min_similarity?", None, "case-field-unknown"),
    ("jsonl", '{"prompt": "a"}\n\n{"prompt": "a"}', ":3: id: 'a-ac864777' is the id of support.jsonl:1 too", OWN,
     "case-id-twice"),
    ("csv", "id,prompt\nx,a\nx,b\n", ":3: id: 'x' is the id of support.csv:2 too", OWN, "case-id-twice"),
    ("jsonl", b'{"prompt": "a"}\n{"prompt": "\xe4"}', ":2: byte 0xe4 is not UTF-8",
     "save the file as UTF-8 (in Excel: CSV UTF-8)", "case-file-encoding"),
    ("jsonl", '{"prompt": "a"}\n<<<<<<< HEAD\n{"prompt": "b"}\n', ":2: it has merge conflict marks", MERGE,
     "case-file-conflict"),
    ("csv", "id,prompt\nx,a\n>>>>>>> theirs\n", ":3: it has merge conflict marks", MERGE, "case-file-conflict"),
    ("yaml", "- prompt: a\n  prompt: b\n", ":2: not valid YAML at column 3: prompt is repeated", INDENT,
     "case-file-syntax"),
    ("yaml", "- prompt: a\n  expect: {equals: a, equals: b}\n", ":2: not valid YAML at column 23: equals is repeated",
     INDENT, "case-file-syntax"),
    ("yaml", "- prompt: a\n- prompt: Note: b\n", ":2: not valid YAML at column 15: mapping values are not allowed here",
     INDENT, "case-file-syntax"),
    ("yaml", "- prompt: a\n---\n- prompt: b\n", ":2: not valid YAML at column 1: but found another document", INDENT,
     "case-file-syntax"),
    ("yaml", "- prompt: a\n- prompt: a\x07\n", ":2: U+0007 is not allowed in YAML", "remove it", "case-file-syntax"),
    ("yaml", "[" * 9999, ":1: not valid YAML: it is nested too deep", INDENT, "case-file-syntax"),
    ("yaml", "- prompt: a\n- {prompt: b, samples: !!int x}\n",
     ":2: not valid YAML: invalid literal for int() with base 10: 'x'", INDENT, "case-file-syntax"),
    ("yaml", "- {prompt: a, metric: !!python/name:os.system x}\n",
     (":1: not valid YAML at column 23: could not determine a constructor for the tag "
      "'tag:yaml.org,2002:python/name:os.system'"), INDENT, "case-file-syntax"),
    ("yaml", "- &a {prompt: a, params: *a}\n", ":1: params: is nested more than 64 deep",
     "reduce the nesting; a YAML anchor must not contain itself", "case-field-type"),
    ("yaml", "- {prompt: a, {b: c}: d}\n", ":1: not valid YAML at column 15: found unhashable key", INDENT,
     "case-file-syntax"),
    ("yaml", "- {prompt: a, 14: d}\n", ":1: the field name 14 is not a text", "put the value in quotes",
     "case-field-type"),
    ("yaml", "\nprompt: a\n", ":2: prompt: unknown field", SHAPE, "case-field-unknown"),
    ("yaml", "hello\n", ":1: expected cases, got 'hello'", SHAPE, "case-file-shape"),
    ("yaml", "cases: {a: {prompt: b}}\n", ":1: expected cases, got a mapping", SHAPE, "case-file-shape"),
    ("yaml", "- prompt: a\n- [prompt, b]\n", ":2: expected cases, got a list", SHAPE, "case-file-shape"),
    ("yaml", "defaults:\n  max_latncy_s: 3\ncases:\n- prompt: a\n",
     ":2: defaults: max_latncy_s: unknown field, did you mean max_latency_s?", None, "case-field-unknown"),
    ("yaml", "defaults:\n  expect: {max_words: few}\ncases:\n- prompt: a\n",
     ":2: defaults: expect.max_words: expected a whole number of 1 or more, got 'few'",
     "write a whole number such as 2, without quotes", "case-field-type"),
    ("yaml", "defaults: [a]\ncases:\n- prompt: a\n", ":1: expected cases, got a list", SHAPE, "case-file-shape"),
    ("csv", "id,prompt\na,Hello, you\n", ":2: 3 cells under 2 columns", QUOTES, "case-file-shape"),
    ("csv", 'prompt\na\n"b\nc', ":3: not valid CSV: unexpected end of data", QUOTES, "case-file-syntax"),
    ("csv", 'prompt\n"a"b\n', ":2: not valid CSV: ',' expected after '\"'", QUOTES, "case-file-syntax"),
    ("csv", 'prompt,expect.not_contains\na,"[""b;c"", ""d""]"\n',
     ":2: expect.not_contains: is a JSON list, and this column holds texts",
     'separate the texts by ;, or write the check as JSON in a column expect: "{""contains"": [""a;b""]}"',
     "case-file-shape"),
    ("jsonl", '{"prompt": "a"}\n{"prompt": "b", "expect": {"contains": "c", "contains": "d"}}\n',
     ":2: an object names 'contains' twice", "keep one of them; several texts of one check form a list",
     "case-file-syntax"),
    ("csv", "id;prompt\na;b\n", ":1: the columns are separated by ';', not by commas",
     "save it as comma-separated values", "case-file-shape"),
    ("csv", "id\tprompt\na\tb\n", r":1: the columns are separated by '\t', not by commas",
     "save it as comma-separated values", "case-file-shape"),
    ("csv", "What is it?,30\nWhat else?,7\n", ":1: expected a header that names fields, got 'What is it?,30'",
     "name the fields in the first line, such as id,prompt,expect.contains", "case-file-shape"),
    ("csv", "prompt,,id\na,b,c\n", ":1: column 2 has no name", "name its field, or remove the column",
     "case-file-shape"),
    ("csv", "prompt,prompt\na,b\n", ":1: two columns are named prompt", "keep one of them", "case-file-shape"),
    ("csv", "prompt,expect.contians\na,b\n", ":1: expect.contians: unknown field, did you mean expect.contains?", None,
     "case-field-unknown"),
    ("csv", 'prompt,expect.contains,expect\na,b,"{""contains"": ""c""}"\n',
     ":2: expect.contains: the expect column sets it already", "keep one of the two", "case-field-clash"),
    ("csv", "prompt,expect,expect.equals\na,true,b\n", ":2: expect.equals: the expect column sets it already",
     "keep one of the two", "case-field-clash"),
    ("csv", "prompt,messages\n,[oops\n", ":2: messages: not valid JSON: JSON is malformed: invalid character (byte 1)",
     'write JSON in the cell, its quotes doubled: "{""status"": ""open""}"', "case-file-syntax"),
    ("csv", "id,tags\nx,y\n", ":2: no prompt",
     'write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]', "case-prompt-missing"),
    ("csv", "prompt,max_latency_s,samples\na,fast,\n", ":2: max_latency_s: expected a number above 0, got 'fast'",
     "write a plain number such as 3 or 0.75, without quotes", "case-field-type"),
    ("csv", "prompt,samples,must_pass\na,1.5,\n", ":2: samples: expected a whole number of 1 or more, got 1.5",
     "write a whole number such as 2, without quotes", "case-field-type"),
    ("csv", "prompt,must_pass\na,yes\n", ":2: must_pass: expected true or false, got 'yes'",
     "write true or false, without quotes", "case-field-type"),
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_file_is_named_with_line_and_remedy(read_text_as, broken):
    """One clear message for each kind of error; a hint that lists all fields is compared elsewhere."""
    kind, content, problem, hint, slug = broken
    got = usage_error(read_text_as, kind, content)
    assert got == (f"support.{kind}{problem}", hint or got[1], slug)


def test_missing_file_message_names_similar_files(tmp_path):
    """A typo in a file name gets the most similar one in the folder."""
    (tmp_path / "support.jsonl").write_text("")
    (tmp_path / "billing.csv").write_text("")
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(UsageError) as caught:
        read_cases(tmp_path / "suport.jsonl", "suport.jsonl")
    assert str(caught.value) == (
        "suport.jsonl: no such file, did you mean support.jsonl?\n"
        "  hint: case files there: billing.csv, support.jsonl  [case-file-missing]"
    )


@pytest.mark.parametrize(
    ("name", "problem", "hint", "slug"),
    [
        ("cases.txt", "not a case file", "name it *.jsonl, *.yaml, *.yml, *.csv, after its format", "case-file-format"),
        ("none.csv", "no such file", "case files there: none", "case-file-missing"),
        ("none/none.csv", "no such file", "its folder does not exist either", "case-file-missing"),
        ("folder.csv", "is a folder, not a case file",
         "name one file in it, or give it as a folder to pytest, which collects *.graysplit.csv",
         "case-file-unreadable"),
        (f"{'long' * 99}.csv", os.strerror(errno.ENAMETOOLONG), "make sure that it is a file, and that you may read it",
         "case-file-unreadable"),
    ],
)  # fmt: skip
def test_unusable_path_is_named(tmp_path, name, problem, hint, slug):
    """A folder, an unknown format and an empty file each have their own message."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UsageError) as caught:
        read_cases(tmp_path / name, "shown")
    error = caught.value
    assert (error.problem, error.hint, error.slug) == (f"shown: {problem}", hint, slug)


def test_two_thousand_cases_are_read(read_text_as):
    """Each case of a large suite keeps its own prompt."""
    line = {"prompt": "", "expect": {"contains": ["a", "b"], "max_words": 40}, "tags": ["x"], "params": {"seed": 1}}
    content = "\n".join(json.dumps(line | {"prompt": f"What about {number}?"}) for number in range(2000))
    assert len({case.prompt for case in read_text_as("jsonl", content)}) == 2000


def test_heavy_libraries_are_imported_on_demand(tmp_path):
    """A suite of JSON lines loads neither YAML nor JSON Schema."""
    path = tmp_path / "support.jsonl"
    path.write_text('{"prompt": "a", "expect": {"json": true}}')
    script = (
        "import sys; from pathlib import Path; from pytest_graysplit.cases.files import read_cases; "
        "read_cases(Path(sys.argv[1]), 'x'); print({'yaml', 'jsonschema', 'rapidfuzz', 'httpx'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def any_file(kind):
    """Generate texts of all sorts, and texts that resemble the format."""
    near = ["prompt", "id", "cases", "expect", "a", ":", " ", "\n", "- ", ",", '"', "'", "{", "}", "[", "]", "|", "&a",
            "*a", "<<", "!!int", "!!timestamp", "!!bool", "!!set", "0", "1.5", "~", "\t", "\\ud800", "\x00", "\x85",
            '{"prompt": "a"}', "- prompt: a\n", "prompt,id\n", "%", "#", "?", "\r", "é"]  # fmt: skip
    return st.tuples(st.just(kind), st.text() | st.lists(st.sampled_from(near), max_size=12).map("".join) | st.binary())


@given(st.one_of(any_file("jsonl"), any_file("yaml"), any_file("csv")))
def test_any_file_gives_cases_or_a_usage_error(read_text_as, file):
    """No other exception is raised."""
    try:
        cases = read_text_as(*file)
    except UsageError as error:
        told = str(error)
    else:
        told = "".join(case.where for case in cases)
    assert told.encode().startswith(b"support.")


# Without the line breaks of Unicode, which PyYAML's writer folds, and without 1e3, which only YAML 1.2 calls a number.
LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])
WORDS = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(re.compile(r"[^-+.\deE]").search)
PLAIN = st.text("abcdefgh -", min_size=1, max_size=9).map(str.strip).filter(bool)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"id": st.uuids().map(str), "prompt": WORDS},
        optional={
            "samples": st.integers(1, 99),
            "min_similarity": st.floats(0, 1),
            "max_cost_usd": st.floats(1e-9, 9),
            "must_pass": st.booleans(),
            "tags": st.lists(PLAIN, min_size=1, max_size=3),
            "expect": st.fixed_dictionaries({}, optional={"equals": WORDS, "json": st.just({"a": [1, True, None]})}),
            "params": st.dictionaries(PLAIN, st.integers() | WORDS, max_size=2),
        },
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda fields: fields["id"],
)


def file_text(kind, rows):
    if kind == "jsonl":
        return "\n".join(json.dumps(fields, ensure_ascii=False) for fields in rows)
    if kind == "yaml":
        return yaml.safe_dump(rows, allow_unicode=True)
    file = io.StringIO()
    writer = csv.DictWriter(file, sorted({name for fields in rows for name in fields}))
    writer.writeheader()
    for fields in rows:
        cells = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in fields.items()}
        writer.writerow(cells | ({"tags": ";".join(fields["tags"])} if "tags" in fields else {}))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["jsonl", "yaml", "csv"])
@given(rows=ROWS)
def test_written_cases_are_read_back_in_every_format(read_text_as, kind, rows):
    """The three formats hold the same cases, for any prompts."""
    got = read_text_as(kind, file_text(kind, rows))
    assert list(got) == [build_case(fields, where=case.where) for fields, case in zip(rows, got, strict=True)]


def test_long_cells_and_odd_texts_are_read(read_text_as):
    """A long prompt is a prompt, a text may look like a name, and brackets alone do not make a JSON list."""
    (long,) = read_text_as("csv", f"prompt,expect.contains\n{'a' * 200_000},[a;b]\n")
    assert (len(long.prompt), long.expect) == (200_000, Expect(contains=("[a", "b]")))
    (odd,) = read_text_as("jsonl", json.dumps({"prompt": '{"a": 1, "a": 2}', "params": {"stop": [{"b": {}}]}}))
    assert odd.prompt == '{"a": 1, "a": 2}'


def test_documented_files_are_read(read_text_as):
    """Every file shown in docs/cases.md is a case file, and its made id is the one shown."""
    (lines,), (table,) = documented_blocks("jsonl"), documented_blocks("csv")
    assert [case.id for case in read_text_as("jsonl", lines)] == ["return-window", "refund-time"]
    window, greeting = read_text_as("csv", table)
    assert window.expect == Expect(contains=("30 days", "free"), max_words=60)
    assert (window.tags, window.params) == (("answer", "returns"), {"temperature": 0})
    assert (greeting.prompt, greeting.expect) == ('Say "hello", please', None)
    window, poem = read_text_as("yaml", documented_blocks("yaml")[0])
    assert (window.expect, poem.expect) == (Expect(contains=("30 days",), max_words=60), Expect())
    (unnamed,) = read_text_as("jsonl", '{"prompt": "How long do I have to send a lamp back?"}')
    assert f"`{unnamed.id}`" in DOCS


def test_documented_conversation_is_read(read_text_as):
    """The example of docs/cases.md has three turns, with expectations of its own in two of them."""
    [block, *_] = [text for text in documented_blocks("yaml") if "turns:" in text]
    [case] = read_text_as("yaml", block)
    assert [turn.expect for turn in case.turns] == [Expect(contains=("sorry",)), Expect(contains=("30",)), None]
    assert (case.expect, case.min_similarity) == (Expect(max_words=80), 0.3)


CHECKS = re.findall(r"### (\w+)\n.*?```yaml\n(.*?)```\n```text\npasses: (.*?)\nmisses: (.*?)\n```", DOCS, re.DOTALL)


def test_every_expectation_is_documented():
    """docs/cases.md has a heading with an example for each name of `expect`."""
    assert {name for name, *_ in CHECKS} | {"min_similarity", "tolerance"} == set(Expect.__dataclass_fields__)


@pytest.mark.parametrize(("name", "expect", "passes", "misses"), CHECKS)
def test_documented_expectations_decide_as_shown(read_text_as, name, expect, passes, misses):
    """The answers of each example pass and fail as shown."""
    indented = "".join(f"    {line}\n" for line in expect.splitlines())
    (case,) = read_text_as("yaml", f"- prompt: any\n  expect:\n{indented}")

    def slugs(text):
        calls = tuple(map(read_call, json.loads(text))) if "tool" in name and text.startswith("[") else ()
        reply = Reply(model="m", outcome="ok", text="" if calls else text, tool_calls=calls)
        score = lambda one, two: SequenceMatcher(None, one, two).ratio()  # noqa: E731  # any similarity will do
        return [miss.slug for miss in check_reply(case, reply, "control", score)]

    assert slugs(passes) == []
    check = "contains" if name == "exact_text" else "tool_calls" if "tool" in name else name
    assert slugs(misses) == [f"expect-{check.replace('_', '-')}"]
