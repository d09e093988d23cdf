"""The field `turns`: scripts that are read, written again, and refused with the place of the mistake."""

import pytest

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.field_types import FieldLocation
from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.cases.turn_fields import read_turns, turns_json
from pytest_graysplit.errors import UsageError
from pytest_graysplit.types import Expect

BROKEN, LONG = "My lamp is broken.", "How long may I send it back?"


def build(**fields):
    return build_case(fields, where="talk.yaml:3")


def refused(**fields):
    with pytest.raises(UsageError) as caught:
        build(**fields)
    return str(caught.value).splitlines()[0]


def test_turns_become_messages_of_the_user_with_their_expectations():
    """A plain text is a turn without expectations; the first request has the system message and the first turn."""
    case = build(
        system="You answer for a lamp shop.",
        turns=[{"user": BROKEN, "expect": {"contains": "sorry"}}, LONG],
        expect={"max_words": 80},
    )
    assert case.messages == (
        {"role": "system", "content": "You answer for a lamp shop."},
        {"role": "user", "content": BROKEN},
    )
    assert [turn.message for turn in case.turns] == [
        {"role": "user", "content": BROKEN},
        {"role": "user", "content": LONG},
    ]
    assert [turn.expect for turn in case.turns] == [Expect(contains=("sorry",)), None]
    assert case.expectations == (Expect(max_words=80), Expect(contains=("sorry",)))
    assert case.expectations_of(0) == case.expectations
    assert case.expectations_of(1) == (Expect(max_words=80),)


def test_content_of_a_turn_may_be_a_list_of_parts():
    parts = [{"type": "text", "text": BROKEN}, {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]
    case = build(turns=[{"user": parts}])
    assert case.messages == ({"role": "user", "content": parts},)
    assert case.prompt.startswith(BROKEN)


def test_turns_are_written_as_they_are_read():
    case = build(turns=[{"user": BROKEN, "expect": {"contains": "sorry"}}, LONG])
    written = turns_json(case.turns)
    assert written == [{"user": BROKEN, "expect": {"contains": ["sorry"]}}, {"user": LONG}]
    assert read_turns(FieldLocation("", "turns"), written) == case.turns


def test_made_id_depends_on_the_whole_script():
    """Two conversations with one beginning need recordings of their own; the words are those of the first turn."""
    one, other = build(turns=[BROKEN, LONG]), build(turns=[BROKEN, "Thanks."])
    assert one.id != other.id
    assert one.id.startswith("my-lamp-is-broken-")
    assert build(turns=[BROKEN]).id == build(prompt=BROKEN).id


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"turns": []}, "talk.yaml:3: turns: expected a list of turns, got []"),
        ({"turns": "Hello"}, "talk.yaml:3: turns: expected a list of turns, got 'Hello'"),
        ({"turns": ["Hello", " "]}, "talk.yaml:3: turns[1]: is blank"),
        ({"turns": [3]}, "talk.yaml:3: turns[0]: expected a text, or an object with user, got 3"),
        ({"turns": [{"expect": {"contains": "a"}}]}, "talk.yaml:3: turns[0]: no user"),
        ({"turns": [{"user": ""}]}, "talk.yaml:3: turns[0].user: is blank"),
        ({"turns": [{"user": []}]}, "talk.yaml:3: turns[0].user: no content"),
        ({"turns": [{"user": 3}]}, "talk.yaml:3: turns[0].user: expected a text, a list of parts or null, got 3"),
        ({"turns": [{"assistant": "Hi"}]}, "talk.yaml:3: turns[0].assistant: unknown field"),
        (
            {"turns": [{"user": "Hi", "expect": {"contain": "a"}}]},
            "talk.yaml:3: turns[0].expect.contain: unknown field, did you mean contains?",
        ),
        ({"turns": ["Hi"], "prompt": "Hi"}, "talk.yaml:3: both prompt and turns"),
        ({"turns": ["Hi"], "messages": [{"role": "user", "content": "Hi"}]}, "talk.yaml:3: both messages and turns"),
    ],
)
def test_mistake_in_turns_is_named_with_its_place(fields, problem):
    assert refused(**fields) == problem


def test_turns_are_read_from_every_format(tmp_path):
    """In CSV a cell holds them as JSON; the defaults of a YAML file apply to a conversation too."""
    (tmp_path / "a.yaml").write_text(
        f"defaults:\n  expect: {{max_words: 9}}\ncases:\n  - turns: [{BROKEN}, '{LONG}']\n"
    )
    (tmp_path / "a.jsonl").write_text(f'{{"turns": ["{BROKEN}", "{LONG}"], "expect": {{"max_words": 9}}}}\n')
    (tmp_path / "a.csv").write_text(f'turns,expect.max_words\n"[""{BROKEN}"", ""{LONG}""]",9\n')
    first, *others = [read_cases(tmp_path / f"a.{suffix}", "a")[0] for suffix in ("yaml", "jsonl", "csv")]
    assert [turn.message["content"] for turn in first.turns] == [BROKEN, LONG]
    assert [(case.turns, case.expect, case.id) for case in others] == [(first.turns, first.expect, first.id)] * 2
