"""The difference of the tool calls of two answers: one line per call, readable in a terminal and on the page."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.cases.tool_calls.matching import match
from pytest_graysplit.cases.tool_calls.values import around_difference, changed, format_name, format_tool
from pytest_graysplit.formatting.display import cut
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.reporting.worddiff import diff_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Literal, TypeAlias

    from pytest_graysplit.types import Json, ToolCall

    Sign: TypeAlias = Literal["=", "-", "+"]
    Pair: TypeAlias = tuple[ToolCall | None, ToolCall | None]

# Changed values up to this length are shown whole; of longer ones only the words that differ.
SHORT = 30
# The longest piece of a long value.
EXCERPT = 60
# Words are compared in values up to this length; of longer ones the first difference is shown.
MOST_COMPARED = 4_000
MOST_ARGUMENTS = 8
_SIGNS: tuple[Sign, Sign] = ("-", "+")


class Piece(NamedTuple):
    """A part of a call: in both answers ("="), only in the control's ("-"), or only in the treatment's ("+")."""

    sign: Sign
    text: str


def call_diff(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> list[list[Piece]]:
    """Return a line of pieces for each call: the control's in their order, then the treatment's additional ones.

    Equal values are written as the control wrote them. Their order and ids are not compared.
    """
    return [_merged(_line(*pair)) for pair in _pairs(control, treatment)]


def is_changed(line: Iterable[Piece]) -> bool:
    """Tell whether a line has a difference."""
    return any(piece.sign != "=" for piece in line)


def write_line(line: Sequence[Piece]) -> str:
    """Write the control's pieces as [-gone-] and the treatment's as {+new+}, as the difference of texts does.

    >>> write_line([Piece("=", "refund(order="), Piece("-", "1001"), Piece("+", "1002"), Piece("=", ")")])
    'refund(order=[-1001-] {+1002+})'
    """
    written = {"=": "{}", "-": "[-{}-]", "+": "{{+{}+}}"}
    texts = [written[sign].format(text) for sign, text in line]
    gaps = [" " if "=" not in (one.sign, other.sign) else "" for one, other in pairwise(line)]
    return on_one_line("".join(chain.from_iterable(zip(texts, [*gaps, ""], strict=True))))


def other_order(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> str:
    """Return the names of the treatment's calls if it makes the control's calls in another order, or an empty text."""
    places = _places(treatment)
    order = [places[id(other)].pop(0) for one, other in _pairs(control, treatment) if one and other]
    return "" if order == sorted(order) else ", ".join(on_one_line(format_tool(call)) for call in treatment)


def _pairs(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> list[Pair]:
    matching = match(control, treatment)
    partners: defaultdict[int, list[ToolCall | None]] = defaultdict(list)
    for one in matching.matches:
        partners[id(one.control)].append(one.treatment)
    for call in matching.missing:
        partners[id(call)].append(None)
    return [*((call, partners[id(call)].pop(0)) for call in control), *((None, call) for call in matching.extra)]


def _places(calls: Sequence[ToolCall]) -> defaultdict[int, list[int]]:
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        places[id(call)].append(place)
    return places


def _line(control: ToolCall | None, treatment: ToolCall | None) -> Iterator[Piece]:
    if control is None or treatment is None:
        for sign, call in zip(_SIGNS, (control, treatment), strict=True):
            if call is not None:
                yield Piece(sign, "".join(piece.text for piece in _both(call, call)))
    else:
        yield from _both(control, treatment)


def _both(control: ToolCall, treatment: ToolCall) -> Iterator[Piece]:
    yield Piece("=", f"{format_tool(control)}(")
    if control.arguments_text is None and treatment.arguments_text is None:
        yield from _arguments(control.arguments, treatment.arguments)
    elif control.arguments_text == treatment.arguments_text:
        yield Piece("=", _inside(control))
    else:
        yield from _excerpts(_inside(control), _inside(treatment))
    yield Piece("=", ")")


def _inside(call: ToolCall) -> str:
    """Return the text between the parentheses of a call whose pieces are not compared."""
    if call.arguments_text is not None:
        return f"not a JSON object: {cut(_json(call.arguments_text), 2 * EXCERPT)}"
    return "".join(piece.text for piece in _arguments(call.arguments, call.arguments)) or "no arguments"


def _arguments(ours: Mapping[str, Json], theirs: Mapping[str, Json]) -> Iterator[Piece]:
    """Yield the arguments in the control's order; of many, the changed ones before the equal ones."""
    different = dict.fromkeys(changed(ours, theirs))
    names = list(dict.fromkeys([*ours, *theirs]))
    kept = set([*different, *(name for name in names if name not in different)][:MOST_ARGUMENTS])
    shown = [name for name in names if name in kept]
    for number, name in enumerate(shown):
        if number:
            yield Piece("=", ", ")
        yield from _argument(name, ours, theirs, is_equal=name not in different)
    left = [name for name in names if name not in kept]
    unequal = sum(name in different for name in left)
    for count, kind in ((unequal, "different"), (len(left) - unequal, "equal" if ours is not theirs else "more")):
        if count:
            yield Piece("=", f", and {count} {kind}")


def _argument(name: str, ours: Mapping[str, Json], theirs: Mapping[str, Json], *, is_equal: bool) -> Iterator[Piece]:
    label = f"{format_name(name)}="
    if is_equal:
        yield Piece("=", label + cut(_json(ours[name]), EXCERPT))
    elif name in ours and name in theirs:
        yield Piece("=", label)
        yield from _values(_json(ours[name]), _json(theirs[name]))
    else:
        value = cut(_json(ours[name] if name in ours else theirs[name]), EXCERPT)
        yield Piece("-" if name in ours else "+", label + value)


def _values(was: str, now: str) -> Iterator[Piece]:
    """Yield the difference of two unequal values: whole if they are short, or else the words that differ."""
    longest = max(len(was), len(now))
    if longest <= SHORT or longest > MOST_COMPARED or was.split() == now.split():
        yield from _excerpts(was, now)
        return
    segments = [(sign, " ".join(words)) for sign, words in diff_segments(was, now)]
    for number, (sign, text) in enumerate(segments):
        before, after = segments[number - 1] if number else None, segments[number + 1 : number + 2]
        if sign == "=":
            yield Piece("=", f"{' ' if before else ''}{_middle(text)}{' ' if after else ''}")
        elif sign == "-":
            yield from _excerpts(text, after[0][1] if after and after[0][0] == "+" else "")
        elif before is None or before[0] != "-":
            yield from _excerpts("", text)


def _excerpts(was: str, now: str) -> Iterator[Piece]:
    """Yield two texts around their first difference; an empty one is left out."""
    for sign, text in zip(_SIGNS, around_difference(was, now, EXCERPT), strict=True):
        if text:
            yield Piece(sign, text)


def _middle(text: str) -> str:
    """Return an equal stretch without its middle, if it is long."""
    half = EXCERPT // 2
    return text if len(text) <= EXCERPT else f"{text[:half]}…{text[-half:]}"


def _merged(line: Iterable[Piece]) -> list[Piece]:
    pieces: list[Piece] = []
    for piece in line:
        if pieces and pieces[-1].sign == piece.sign:
            pieces[-1] = Piece(piece.sign, pieces[-1].text + piece.text)
        else:
            pieces.append(piece)
    return pieces


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
