"""Matching of the calls of two answers, and their similarity."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.cases.tool_calls.assignment import cheapest
from pytest_graysplit.cases.tool_calls.values import changed, holds, identity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeAlias

    from pytest_graysplit.types import ToolCall

    _Named: TypeAlias = defaultdict[str, list[ToolCall]]

# The metric of a similarity of tool calls, whichever metric compares texts.
TOOL_CALLS = "tool calls"
# Above this many unequal calls of one tool, calls are paired in order: the best pairing takes the cube of the number.
MOST_WEIGHED = 40


class Match(NamedTuple):
    """Two calls of one tool, and the share of their arguments that is equal; 0 for unreadable arguments."""

    control: ToolCall
    treatment: ToolCall
    share: float


class Matching(NamedTuple):
    """All calls of two answers: matched pairs, and the calls of one answer alone."""

    matches: tuple[Match, ...]
    missing: tuple[ToolCall, ...]
    extra: tuple[ToolCall, ...]

    @property
    def similarity(self) -> float:
        """The F1 of the calls; a pair with different arguments counts by its share of equal ones."""
        calls = 2 * len(self.matches) + len(self.missing) + len(self.extra)
        return 2 * sum(match.share for match in self.matches) / calls if calls else 1.0


def match(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> Matching:
    """Pair the calls of two answers so that the sum of equal shares is the largest; each call is paired once."""
    matches, ours, theirs = _equal(control, treatment)
    missing: list[ToolCall] = []
    extra: list[ToolCall] = []
    for name in dict.fromkeys([*ours, *theirs]):
        pairs, left, right = _paired(ours[name], theirs[name])
        matches += [Match(one, other, share(one, other)) for one, other in pairs]
        missing += left
        extra += right
    return Matching(tuple(matches), tuple(missing), tuple(extra))


def share(control: ToolCall, treatment: ToolCall) -> float:
    """Return the share of the arguments of two calls that have equal values in both; 1 where both have no arguments."""
    if not (control.is_readable and treatment.is_readable) or control.name != treatment.name:
        return 0.0
    names = len(control.arguments.keys() | treatment.arguments.keys())
    return 1 - len(changed(control.arguments, treatment.arguments)) / names if names else 1.0


def fits(call: ToolCall, expected: ToolCall) -> bool:
    """Tell whether a call is the expected one: of the same tool, with at least the expected arguments."""
    return call.is_readable and call.name == expected.name and holds(dict(call.arguments), dict(expected.arguments))


def assigned(expected: Sequence[ToolCall], calls: Sequence[ToolCall]) -> list[int | None]:
    """Return the position of a call for each expected call, with as many calls matched as possible."""
    fitting = [[position for position, call in enumerate(calls) if fits(call, expectation)] for expectation in expected]
    owner: dict[int, int] = {}

    def find_position(expectation: int, tried: set[int]) -> bool:
        for position in fitting[expectation]:
            if position not in tried:
                tried.add(position)
                if position not in owner or find_position(owner[position], tried):
                    owner[position] = expectation
                    return True
        return False

    for expectation in range(len(expected)):
        find_position(expectation, set())
    positions = {expectation: position for position, expectation in owner.items()}
    return [positions.get(expectation) for expectation in range(len(expected))]


def in_order(expected: Sequence[ToolCall], calls: Sequence[ToolCall]) -> list[int] | None:
    """Return the positions of the expected calls in their order, with others in between; None if the order differs."""
    positions: list[int] = []
    for expectation in expected:
        begin = positions[-1] + 1 if positions else 0
        found = next((position for position in range(begin, len(calls)) if fits(calls[position], expectation)), None)
        if found is None:
            return None
        positions.append(found)
    return positions


def _equal(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> tuple[list[Match], _Named, _Named]:
    """Pair equal calls first, which every best pairing keeps; return the pairs and the rest of both sides."""
    waiting: defaultdict[tuple[str, str], list[ToolCall]] = defaultdict(list)
    for call in treatment:
        waiting[identity(call)].append(call)
    matches, rest = [], []
    for call in control:
        if same := waiting[identity(call)]:
            matches.append(Match(call, same.pop(0), 1.0 if call.is_readable else 0.0))
        else:
            rest.append(call)
    return matches, _by_name(rest), _by_name(call for calls in waiting.values() for call in calls)


def _by_name(calls: Iterable[ToolCall]) -> _Named:
    named: _Named = defaultdict(list)
    for call in calls:
        named[call.name].append(call)
    return named


def _paired(
    ours: Sequence[ToolCall], theirs: Sequence[ToolCall]
) -> tuple[list[tuple[ToolCall, ToolCall]], list[ToolCall], list[ToolCall]]:
    """Pair as many calls of one tool as possible; return the pairs and the rest of both sides."""
    if len(ours) > len(theirs):
        pairs, right, left = _paired(theirs, ours)
        return [(one, other) for other, one in pairs], left, right
    positions = _best(ours, theirs)
    pairs = [(one, theirs[position]) for one, position in zip(ours, positions, strict=True)]
    return pairs, [], [call for position, call in enumerate(theirs) if position not in positions]


def _best(fewer: Sequence[ToolCall], more: Sequence[ToolCall]) -> list[int]:
    """Return for each of the fewer calls its own position among the others, with the largest sum of shares."""
    if len(more) > MOST_WEIGHED:
        return list(range(len(fewer)))
    return cheapest([[-share(one, other) for other in more] for one in fewer])
