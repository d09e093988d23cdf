"""JSON of answers is read strictly, and from one code fence in any writing."""

import doctest

import pytest

from pytest_graysplit.formatting import answer_json
from pytest_graysplit.formatting.answer_json import parse_json_answer

OPEN = {"status": "open"}
FENCED = '```json\n{"status": "open"}\n```'


@pytest.mark.parametrize(
    "text",
    [
        '{"status": "open"}',
        '\ufeff{"status": "open"}',
        FENCED,
        FENCED.replace("\n", "\r\n"),
        FENCED.replace("json", "JSON"),
        FENCED.replace("json", ""),
        FENCED.replace("```", "~~~"),
        FENCED.replace("```", "`````"),
        FENCED.replace("json", "json title=answer"),
        '```json {"status": "open"} ```',
        '```{"status": "open"}```',
        '```json{"status": "open"}```',
        f"Here you are:\n\n{FENCED}\n\nAnything else?",
        f"\ufeff{FENCED}",
        f"{FENCED}\n\nExample:\n\n```json\n{{",
        '```json\n\ufeff{"status": "open"}\n```',
    ],
)
def test_one_fence_in_any_writing_is_read(text):
    """The fence, its language, line ends and a byte order mark are not part of the JSON."""
    assert parse_json_answer(text) == OPEN


def test_fence_inside_of_a_text_is_not_a_fence():
    """JSON may hold Markdown."""
    markdown = '{"text": "```json 1 ```"}'
    assert parse_json_answer(markdown) == parse_json_answer(f"```json\n{markdown}\n```") == {"text": "```json 1 ```"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"score": NaN}', "NaN is not a number of JSON"),
        ("[-Infinity]", "-Infinity is not a number of JSON"),
        ("[1e999]", "1e999 is not a number of JSON"),
        ("9" * 5000, "is not a number of JSON"),
        ('{"a": 1, "a": 2}', "names 'a' twice"),
        ("[" * 100_000, "nested too deep"),
        ("```json\n" + "[" * 100_000, "nested too deep"),
        (f"{FENCED}\n{FENCED}", "more than one code fence"),
        (f"{FENCED}\n~~~\nx\n~~~", "more than one code fence"),
        ('```json {"a": 1}\n{"b": 2}\n```', "does not end after the JSON"),
        ('```json\n{"a": 1}', "does not end after the JSON"),
        ("```python\nprint(1)\n```", "Expecting value"),
        ("I do not know.", "Expecting value"),
        ("", "Expecting value"),
    ],
)
def test_anything_else_is_not_json(text, reason):
    """The reason says which rule the text breaks; two fences could hold two answers."""
    with pytest.raises(ValueError, match=reason):
        parse_json_answer(text)


def test_examples_in_docstrings():
    """The examples hold."""
    assert doctest.testmod(answer_json).failed == 0
