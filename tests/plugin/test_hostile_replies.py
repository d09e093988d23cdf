"""Replies of a hostile relay: its texts, names and ids are escaped in pytest's output and in JUnit XML."""

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
def test_control_characters_in_a_reply_are_escaped(project, gate):
    """Both our checks and pytest quote the reply, and forgiven misses are shown as well."""
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


def test_escaped_reply_keeps_the_colours_of_pytest(project):
    """The diff of an assert is coloured, and escape sequences of the reply are shown as text."""
    project.test_file(TESTS)
    project.record("test_asserted", "Which?", text="Paris\n\x1b[2Jis \x1b[8mit")
    output = str(project.run("-k", "asserted", "--color=yes").stdout)
    assert "\x1b[31m" in output
    assert "\x1b[2J" not in output
    assert "\x1b[8m" not in output
    assert "\\x1b[2Jis" in output
