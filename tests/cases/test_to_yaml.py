"""Cases written as YAML are read back unchanged."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_graysplit.cases.files.from_yaml import rows
from pytest_graysplit.cases.files.to_yaml import document


def written_and_read(*cases):
    return [row.fields for row in rows("".join(document(cases, ["Made by hand."])), "x")]


@given(st.text())
@example("a\n\n  b\n")
@example(" \n a")
@example("a\r\nb")
@example("a\u2028b\x85")
def test_any_text_is_read_back(text):
    """White space at the ends, every kind of line break, and characters that YAML does not allow unescaped."""
    assert written_and_read({"prompt": text}) == [{"prompt": text}]


@pytest.mark.parametrize(
    "word", ["yes", "null", "~", "1e5", "0x1f", "1_000", "12:30", "<<", "- a", "a: b", "#", "{{x}}"]
)
def test_word_with_a_meaning_in_yaml_is_quoted(word):
    """In YAML 1.1, which editors know, or in 1.2, which case files use."""
    assert written_and_read({"prompt": word}) == [{"prompt": word}]


def test_file_is_written_for_people():
    """A comment at the top, a blank line between cases, blocks for long texts, and no anchors."""
    shared = {"max_words": 3}
    cases = [
        {"id": "a", "prompt": "One\nTwo", "expect": shared},
        {"id": "b", "prompt": "é🙂", "expect": shared, "tags": ["x"]},
    ]
    assert "".join(document(cases, ["Made by hand."])) == """\
# Made by hand.

- id: a
  prompt: |-
    One
    Two
  expect:
    max_words: 3

- id: b
  prompt: é🙂
  expect:
    max_words: 3
  tags:
    - x
"""  # fmt: skip
