"""`graysplit cases import` with logs of other tools: the output of the command, and the files that it writes."""

import json
from pathlib import Path

import pytest

from pytest_graysplit.cli import main


@pytest.fixture(autouse=True)
def log_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def graysplit(capsys):
    """Return a function that runs the command and returns its code, its output and its errors."""

    def run(*arguments):
        code = main(["cases", "import", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def write_log(name, *entries):
    Path(name).write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


def call(text, answer="Paris", model="gpt-4o", **params):
    request = {"model": model, "messages": [{"role": "user", "content": text}], **params}
    message = {"role": "assistant", "content": answer}
    return {
        "request": request,
        "response": {"created": 1793527200, "choices": [{"finish_reason": "stop", "message": message}]},
    }


def test_log_becomes_cases_and_recordings(graysplit):
    """The report tells what was understood and left out, and ends with the command that costs nothing for the control."""
    entries = [
        call("Capital of France?", temperature=0),
        call("Capital of France?", temperature=0),
        call("Hi", model="other"),
    ]
    write_log("chat.jsonl", *entries, {"request": entries[0]["request"], "error": "busy"}, call("Mail a@b.example?"))
    code, out, err = graysplit("chat.jsonl")
    assert (code, err) == (0, "")
    assert (
        out
        == """\
read       5 entries
understood 5 OpenAI requests
left out   1 failed, the first at chat.jsonl:4
left out   1 of another model (other), the first at chat.jsonl:3
control    gpt-4o: 3 calls
prompts    2, and 1 repeat of them
recorded   1 answer of gpt-4o in __graysplit__/chat.jsonl
           1 case with personal data, which was redacted in the case: a run asks again, the first from chat.jsonl:5
written    2 cases to chat.graysplit.jsonl
redacted   1 e-mail address
           names, passwords and postal addresses are not recognised: read the file before you share it
note       no case has an expect yet: say what a right answer shows, or use --graysplit-min-similarity
next       pytest --graysplit-control=gpt-4o --graysplit-treatment=MODEL chat.graysplit.jsonl
"""
    )
    rows = [json.loads(line) for line in Path("chat.graysplit.jsonl").read_text().splitlines()]
    assert [(row["prompt"], row.get("params")) for row in rows] == [
        ("Capital of France?", {"temperature": 0}),
        ("Mail <email-1>?", None),
    ]
    lines = [json.loads(line) for line in Path("__graysplit__/chat.jsonl").read_text().splitlines()]
    assert [line.get("case") for line in lines] == [None, rows[0]["id"]]


def test_lines_that_cannot_be_read_exit_with_1(graysplit):
    """The cases are written, and a newer recording stays."""
    Path("chat.jsonl").write_text(json.dumps(call("Hi", "old")) + "\ntorn {\n")
    assert graysplit("chat.jsonl")[0] == 1
    Path("chat.jsonl").write_text(json.dumps(call("Hi", "older") | {"timestamp": "2020-01-01"}) + "\n")
    code, out, _ = graysplit("chat.jsonl", "--force", "--format=openai", "--control=gpt-4o", "--keep-personal-data")
    assert (code, "redacted   nothing, as --keep-personal-data asks" in out) == (0, True)
    assert '"text":"old"' in Path("__graysplit__/chat.jsonl").read_text()


def test_case_file_of_another_name_has_no_recordings(graysplit):
    """They belong to the test that names the file, which is not known."""
    write_log(
        "chat.jsonl", {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    )
    code, out, _ = graysplit("chat.jsonl", "--control=gpt-4o", "--into=cases.jsonl")
    assert code == 0
    assert "recorded   nothing: the answers need a case file named *.graysplit.jsonl" in out
    assert not Path("__graysplit__").exists()


def test_failed_import_exits_with_2(graysplit):
    """No model, no case, a wrong name, an existing file, no file, and two suites."""
    write_log(
        "tuning.jsonl", {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    )
    write_log("empty.jsonl", {"hello": 1})
    Path("there.graysplit.jsonl").write_text("mine")
    Path("suite.yaml").write_text("prompts: [Hi]\n")
    output = [
        graysplit("tuning.jsonl"),
        graysplit("empty.jsonl"),
        graysplit("tuning.jsonl", "--into=cases.yaml"),
        graysplit("tuning.jsonl", "--into=there.graysplit.jsonl"),
        graysplit("gone.jsonl"),
        graysplit("suite.yaml", "suite.yaml"),
    ]
    assert [code for code, _, _ in output] == [2] * 6
    assert [err.splitlines()[0] for _, _, err in output] == [
        "the log does not say which model answered",
        "no case was written: no entry of empty.jsonl can be a case",
        "cases.yaml: the cases are written as JSONL",
        "there.graysplit.jsonl: already exists",
        "the log gone.jsonl cannot be read: no such file",
        "suite.yaml: a second file beside a promptfoo suite",
    ]


def test_suite_in_json_is_not_taken_for_a_log(graysplit):
    Path("suite.json").write_text('{"prompts": ["Hi {{x}}"], "tests": [{"vars": {"x": "Ada"}}]}')
    code, out, _ = graysplit("suite.json")
    assert (code, out.splitlines()[0]) == (0, "read       1 test of suite.json")
