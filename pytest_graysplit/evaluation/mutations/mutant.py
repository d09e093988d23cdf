"""Changes of an answer that a reader would call wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from pytest_graysplit.types import Reply

Kind: TypeAlias = Literal[
    "number", "negation", "refusal", "cut-off", "neighbour", "json-field", "tool", "argument", "call-missing"
]
# The kinds in the order of a report, as it names them.
KINDS: dict[Kind, str] = {
    "number": "a number changed",
    "negation": "meaning negated",
    "refusal": "refusal in other words",
    "cut-off": "cut off in the middle",
    "neighbour": "answer of another case",
    "json-field": "JSON field dropped",
    "tool": "another tool",
    "argument": "another argument",
    "call-missing": "tool call missing",
}


class Change(NamedTuple):
    """A changed text, and the change in a few words."""

    text: str
    what: str


class Mutant(NamedTuple):
    """A wrong reply made of a right one: its kind, the reply, and the change in a few words."""

    kind: Kind
    reply: Reply
    what: str
