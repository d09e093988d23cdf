"""The calls of an application in a few lines: those of both arms side by side, up to the first at which they part."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.cases.tool_calls.values import format_calls
from pytest_graysplit.formatting.display import excerpt, plural
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Reply
    from pytest_graysplit.verdict.results import AppFacts, ArmResult, CaseResult, OtherCalls

MOST_CALLS = 10
EXCERPT = 160
_WHO = {CONTROL: "the control", "": "each arm"}


class CallLine(NamedTuple):
    """A labelled line about calls."""

    label: str
    text: str


def call_lines(result: CaseResult) -> Iterator[CallLine]:
    """Yield the calls of the first run of each arm of a case with an application."""
    runs = {arm.arm: calls for arm in result.arms if (calls := _first_run(arm, result.app)) is not None}
    if len(runs) == 2:
        yield from _both(*runs.values(), parting=result.parting_call)
    else:
        yield from (CallLine(f"call {number}", _said(call)) for run in runs.values() for number, call in _last(run))
    yield from _others(result, named=len(runs) == 2)


def _first_run(arm: ArmResult, own: AppFacts | None) -> tuple[Reply, ...] | None:
    facts = own or next(iter(arm.apps), None)
    return facts.model_calls(arm.replies[0]) if facts is not None and arm.replies else None


def _both(control: tuple[Reply, ...], treatment: tuple[Reply, ...], *, parting: int | None) -> Iterator[CallLine]:
    """Yield both runs until the arms part; the calls after that answer different questions."""
    many = max(len(control), len(treatment))
    last = many - 1 if parting is None else parting
    first = max(0, last - MOST_CALLS + 1)
    if first:
        yield CallLine("calls", f"{plural(first, 'earlier call')} of both without a difference in effect")
    for number, (one, other) in enumerate(zip_longest(control, treatment)):
        if first <= number <= last:
            yield from _pair(number, one, other, parts=number == parting)
    if parting is not None and many - 1 > last:
        more = [max(0, len(run) - last - 1) for run in (control, treatment)]
        yield CallLine("calls", f"then {more[0]:,} more of the control, {more[1]:,} more of the treatment")


def _pair(number: int, control: Reply | None, treatment: Reply | None, *, parts: bool) -> Iterator[CallLine]:
    ours, theirs = (None if reply is None else _said(reply) for reply in (control, treatment))
    if ours == theirs:
        yield CallLine(f"call {number + 1}", f"both: {ours}")
        return
    yield CallLine(f"call {number + 1}", f"control: {ours or 'no call'}")
    yield CallLine("", f"treatment: {theirs or 'no call'}{' (here the arms part)' if parts else ''}")


def _last(run: tuple[Reply, ...]) -> list[tuple[int, Reply]]:
    """Return the last calls of a run with their numbers, from 1: they led to its end."""
    return list(enumerate(run, start=1))[-MOST_CALLS:]


def _said(reply: Reply) -> str:
    """Write the answer to a call in short: its tool calls, or its text, or its failure."""
    if reply.outcome == "error":
        return f"failed: {excerpt(reply.error or 'no answer', limit=EXCERPT)}"
    if reply.tool_calls:
        return format_calls(reply.tool_calls)
    return excerpt(reply.text, limit=EXCERPT) if reply.text.strip() else f"({reply.outcome}, no text)"


def other_models(calls: Mapping[str, OtherCalls]) -> Iterator[tuple[str, OtherCalls]]:
    """Yield each model that is not under test as text, with its calls: embed-3 40 times (2 failed)."""
    for name, some in calls.items():
        failed = f" ({'failed' if some.failed == some.calls else f'{some.failed:,} failed'})" if some.failed else ""
        yield f"{name} {plural(some.calls, 'time')}{failed}", some


def _others(result: CaseResult, *, named: bool) -> Iterator[CallLine]:
    """Yield the calls to other models: in one line if both arms made the same number of each, then their failures."""
    texts = [(arm.arm, ", ".join(text for text, _ in other_models(_passed(arm, result.app)))) for arm in result.arms]
    if named and len({text for _, text in texts}) == 1:
        texts = [("", texts[0][1])]
    for name, text in texts:
        who = f" by {_WHO.get(name, 'the treatment')}" if named else ""
        yield from [CallLine("others", f"{text}{who}")] if text else []
    for arm in result.arms:
        yield from _failed_others(arm, result.app)


def _passed(arm: ArmResult, own: AppFacts | None) -> dict[str, OtherCalls]:
    facts = own or next(iter(arm.apps), None)
    return {} if facts is None else dict(sorted(facts.passed.items()))


def _failed_others(arm: ArmResult, own: AppFacts | None) -> Iterator[CallLine]:
    """Yield the failures of calls to other models, which may be the reason why an arm failed."""
    facts = own or next(iter(arm.apps), None)
    if facts is not None and arm.replies:
        others = [call for place, call in enumerate(arm.replies[0].calls) if place in facts.passed_places]
        failed = {call.model: _said(call) for call in others if call.outcome == "error"}
        yield from (CallLine("", f"{model} {said}") for model, said in failed.items())
