"""Wrong replies made of right ones: a suite that does not notice them would not notice a worse model either."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from pytest_graysplit.cases.checks.expectations import asserts_something
from pytest_graysplit.cases.tool_calls.values import identity
from pytest_graysplit.evaluation.metrics.text import Lexical
from pytest_graysplit.evaluation.mutations.calls import (
    offered_tools,
    with_another_tool,
    with_other_arguments,
    without_a_call,
)
from pytest_graysplit.evaluation.mutations.form import cut_off, refused
from pytest_graysplit.evaluation.mutations.json_fields import is_json, without_fields
from pytest_graysplit.evaluation.mutations.mutant import KINDS, Change, Kind, Mutant
from pytest_graysplit.evaluation.mutations.negation import flipped, negated
from pytest_graysplit.evaluation.mutations.numbers import with_other_numbers
from pytest_graysplit.replies.refusals import is_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.types import Case, Json, Reply

__all__ = ["KINDS", "Answered", "Kind", "Mutant", "Neighbours", "mutants_of"]

# Answers to two cases that are more alike than this may both be right for either.
MOST_ALIKE = 0.6


# Values of one argument that are remembered, as wrong ones for other cases.
MOST_VALUES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A case of a suite, and the control's reply to it; `group` is its file, and `request` identifies its request."""

    case: Case
    reply: Reply
    group: str
    request: str


class Neighbours:
    """The answered cases of a suite, in their order: each lends its answer and its arguments to others."""

    def __init__(self, answered: Sequence[Answered]) -> None:
        self._answered = tuple(answered)
        self._places = {id(one): place for place, one in enumerate(answered)}
        self._said = [said(one.reply) for one in answered]
        self._alike = Lexical()
        calls = [call for one in answered for call in one.reply.tool_calls if call.is_readable]
        self._called = list(dict.fromkeys(call.name for call in calls))
        # The values of each argument, by its name.
        self.arguments: dict[str, list[Json]] = {}
        for name, value in chain.from_iterable(call.arguments.items() for call in calls):
            known = self.arguments.setdefault(name, [])
            if len(known) < MOST_VALUES and value not in known:
                known.append(value)

    def of(self, one: Answered) -> Answered | None:
        """Return the case whose answer is given to another: the next one like it that has another right answer."""
        place = self._places[id(one)]
        others = [*self._answered[place + 1 :], *self._answered[:place]]
        like = [other for other in others if other.group == one.group and other.case.tags == one.case.tags]
        return next((other for other in (*like, *others) if self._differs(one, other)), None)

    def tools(self, one: Answered) -> list[str]:
        """Return the tools that a case offers, and those that other cases call."""
        return list(dict.fromkeys([*offered_tools(one.case.params), *self._called]))

    def _differs(self, one: Answered, other: Answered) -> bool:
        """Tell whether the other's answer is surely wrong here.

        It is not for cases of one cluster, with the same request or the same expectations, or with like answers.
        """
        ours, theirs = (self._said[self._places[id(each)]] for each in (one, other))
        if ours == theirs or other.reply.outcome != "ok" or one.request == other.request:
            return False
        if one.case.cluster is not None and one.case.cluster == other.case.cluster:
            return False
        if asserts_something(one.case.expect) and one.case.expect == other.case.expect:
            return False
        if one.reply.tool_calls or other.reply.tool_calls:
            return ours[1] != theirs[1]
        return is_json(one.reply.text) or self._alike.score(one.reply.text, other.reply.text) < MOST_ALIKE


def said(reply: Reply) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return text and calls of a reply, equal for two that differ only in case, white space or the order of calls."""
    return " ".join(reply.text.split()).casefold(), tuple(sorted(map(identity, reply.tool_calls)))


def mutants_of(one: Answered, neighbours: Neighbours) -> list[Mutant]:
    """Return the wrong replies to a case, each once.

    A reply that is empty, or a refusal that is recognised as such, is left out: it fails every case.
    """
    found: dict[object, Mutant] = {said(one.reply): Mutant("number", one.reply, "")}
    for mutant in chain(_changed_texts(one.reply), _changed_calls(one, neighbours), _lent(one, neighbours)):
        reply = mutant.reply
        if (reply.text.strip() or reply.tool_calls) and not is_refusal(reply.text):
            found.setdefault(said(reply), mutant)
    order = list(KINDS)
    return sorted(list(found.values())[1:], key=lambda mutant: order.index(mutant.kind))


def _changed_texts(reply: Reply) -> Iterator[Mutant]:
    text = reply.text
    if not text.strip():
        return
    for change in refused(text):
        yield Mutant("refusal", replace(reply, text=change.text, tool_calls=()), change.what)
    if reply.tool_calls:  # the calls are the answer, and the text beside them is not
        return
    changes: tuple[tuple[Kind, Iterator[Change]], ...] = (
        ("number", with_other_numbers(text)),
        ("negation", flipped(text) if is_json(text) else negated(text)),
        ("json-field", without_fields(text)),
        ("cut-off", cut_off(text)),
    )
    for kind, changed in changes:
        for change in changed:
            yield Mutant(kind, replace(reply, text=change.text), change.what)


def _changed_calls(one: Answered, neighbours: Neighbours) -> Iterator[Mutant]:
    reply, calls = one.reply, one.reply.tool_calls
    if not calls:
        return
    for other, what in with_another_tool(calls, neighbours.tools(one)):
        yield Mutant("tool", replace(reply, tool_calls=other), what)
    for other, what in with_other_arguments(calls, neighbours.arguments):
        yield Mutant("argument", replace(reply, tool_calls=other), what)
    for other, what in without_a_call(calls, reply.text):
        yield Mutant("call-missing", replace(reply, tool_calls=other), what)


def _lent(one: Answered, neighbours: Neighbours) -> Iterator[Mutant]:
    if (other := neighbours.of(one)) is not None:
        lent = replace(one.reply, text=other.reply.text, tool_calls=other.reply.tool_calls)
        yield Mutant("neighbour", lent, f"the answer of {other.case.id}")
