"""The field `turns`: the script of a conversation, in which each arm continues its own answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.expect_fields import expect_json, read_expect
from pytest_graysplit.cases.field_types import Fields, read_table, reject_unknown
from pytest_graysplit.cases.message_fields import read_content
from pytest_graysplit.errors import Slug
from pytest_graysplit.types import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.cases.field_types import FieldLocation
    from pytest_graysplit.types import Json, Message

TURN_FIELDS = ("user", "expect")
_TURNS = 'write the user\'s messages: [{"user": "My lamp is broken."}, {"user": "When do I get a new one?"}]'
_SCRIPT = "a turn is a message of the user; between two of them each model answers by itself"
_REMEDIES = {
    **dict.fromkeys(("assistant", "role", "content", "answer"), f"{_SCRIPT}; for given answers write messages instead"),
    "system": "it holds for the whole conversation: write it beside turns",
    "tool": f"{_SCRIPT}; the script has no results of tools",
}


def read_turns(location: FieldLocation, value: object) -> tuple[Turn, ...]:
    """Read the turns of a case: a plain text is a turn without expectations of its own."""
    if not isinstance(value, list | tuple) or not value:
        raise location.expected("a list of turns", value, _TURNS)
    return tuple(_turn(location.inside(number), entry) for number, entry in enumerate(value))


def turns_json(turns: Iterable[Turn]) -> list[Json]:
    """Return the turns in the form that `read_turns` reads."""
    return [
        {
            "user": turn.message["content"],
            **({} if turn.expect is None else {"expect": expect_json(turn.expect)}),
        }
        for turn in turns
    ]


def _turn(location: FieldLocation, value: object) -> Turn:
    if isinstance(value, str):
        return Turn(message=_message(location, value))
    if not isinstance(value, dict):
        raise location.expected("a text, or an object with user", value, _TURNS)
    reject_unknown(list(value), TURN_FIELDS, location, _REMEDIES)
    given = Fields(value, location)
    if "user" not in given.values:
        raise location.refuse("no user", _TURNS, Slug.CASE_PROMPT_MISSING)
    return Turn(message=_message(location.inside("user"), value["user"]), expect=given.read("expect", read_expect))


def _message(location: FieldLocation, value: object) -> Message:
    content = read_table(location, {"content": value})["content"]
    read_content(location, content)
    return {"role": "user", "content": content}
