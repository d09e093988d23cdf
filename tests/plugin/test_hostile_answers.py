"""Answers, names and ids of a hostile relay: pytest's own output and JUnit XML show them, and nothing obeys them."""

import re
import xml.etree.ElementTree as ET

import pytest

OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069]")
COMMAND = re.compile(r"^\s*::|##(?:\[|\w+\[)", re.MULTILINE)
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07\x9b31m \u202eright\u2066 \x00\x08\n::error::no\r::set-output name=a::b\n##[error] no\x85"
)
TESTS = """
@pytest.mark.graysplit(prompt="Which?", min_similarity=0.9, expect={"contains": "zzz"})
def test_missed(graysplit): pass

@pytest.mark.graysplit(prompt="Which?")
def test_asserted(graysplit):
    assert graysplit.treatment.text == "Paris\\nis it"

@pytest.mark.graysplit(prompt="Which?")
def test_raised(graysplit):
    raise ValueError(graysplit.treatment.text)
"""


@pytest.mark.parametrize("gate", ["case", "none"])
def test_nothing_of_an_answer_is_obeyed(project, gate):
    """Neither where a check of ours quotes it, nor where pytest does; misses that are forgiven are shown as well."""
    project.test_file(TESTS)
    for case in ("test_missed", "test_asserted", "test_raised"):
        project.record(
            case, "Which?", text=HOSTILE, served_model=HOSTILE, response_id=HOSTILE, model="claude-sonnet-4.5"
        )
        project.record(
            case, "Which?", text=HOSTILE + "!", served_model=HOSTILE, finish_reason=HOSTILE, model="deepseek-v3.2"
        )
    result = project.run(
        "--junitxml=junit.xml", "--graysplit-json=report.json", f"--graysplit-gate={gate}", "-rA", "-v"
    )
    text = (project.path / "junit.xml").read_text(encoding="utf-8")
    output = str(result.stdout)
    assert not OBEYED.search(output + text)
    assert not COMMAND.search(output)
    assert ET.fromstring(text).find(".//testcase") is not None
    assert "\\x1b[2J\\x1b]0;title\\x07\\x9b31m" in output
    assert {case["replies"]["control"][0]["text"] for case in project.report()["cases"]} == {HOSTILE}


def test_what_pytest_colours_keeps_its_colours(project):
    """The difference that pytest shows of an assert is coloured, and an answer's own escapes in it are shown."""
    project.test_file(TESTS)
    project.record("test_asserted", "Which?", text="Paris\n\x1b[2Jis \x1b[8mit")
    output = str(project.run("-k", "asserted", "--color=yes").stdout)
    assert "\x1b[31m" in output
    assert "\x1b[2J" not in output
    assert "\x1b[8m" not in output
    assert "\\x1b[2Jis" in output
