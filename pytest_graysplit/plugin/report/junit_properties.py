"""Properties of tests in the JUnit report, `graysplit_...`, for dashboards that read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.values import format_calls
from pytest_graysplit.formatting.escaping import on_one_line
from pytest_graysplit.types.comparisons import cost_of_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.types import Reply
    from pytest_graysplit.verdict.results import CaseResult


def properties(result: CaseResult) -> list[tuple[str, object]]:
    """Return the JUnit properties of a case, `graysplit_...`, for dashboards that read them."""
    pairs: list[tuple[str, object]] = [("graysplit_case", on_one_line(result.case.id)), *compared_properties(result)]
    for arm in result.arms:
        for reply in arm.replies[:1]:
            pairs += _reply_properties(on_one_line(arm.arm), reply, len(result.case.turns))
    return [*pairs, *_rubric_properties(result)]


def compared_properties(result: CaseResult) -> list[tuple[str, object]]:
    """Return the properties that follow from the comparison: the similarities, and whether each arm has passed."""
    pairs: list[tuple[str, object]] = []
    if result.comparison is not None and result.comparison.similarity is not None:
        pairs.append(("graysplit_similarity", round(result.comparison.similarity, 4)))
    if result.comparison is not None and result.comparison.self_similarity is not None:
        pairs.append(("graysplit_self_similarity", round(result.comparison.self_similarity, 4)))
    if result.comparison is not None and result.comparison.fields:
        fields = dict.fromkeys(one.field for one in result.comparison.fields)
        pairs.append(("graysplit_fields", on_one_line(", ".join(fields))))
    if result.parting_turn is not None:
        pairs.append(("graysplit_parting_turn", result.parting_turn + 1))
    if result.parting_call is not None:
        pairs.append(("graysplit_parting_call", result.parting_call + 1))
    for arm in result.arms:
        name = on_one_line(arm.arm)  # pytest writes the names of properties into XML unescaped
        if arm.judged:
            pairs.append((f"graysplit_passed[{name}]", str(arm.passed).lower()))
    return pairs


def _rubric_properties(result: CaseResult) -> Iterator[tuple[str, object]]:
    """Yield the criteria of a rubric by number, and the verdicts on each by arm and number."""
    for number, criterion in enumerate(result.case.rubric):
        yield f"graysplit_rubric[{number}]", on_one_line(criterion)
        for arm in result.arms:
            held = [one.holds for one in arm.rubric if one.criterion == criterion]
            if held:
                yield f"graysplit_rubric[{on_one_line(arm.arm)}][{number}]", _verdicts(held)


def _verdicts(held: Sequence[bool | None]) -> str:
    """Write the verdicts on a criterion for each answer of an arm: yes, no or unknown; of several answers all of them.

    >>> _verdicts([True]), _verdicts([True, None])
    ('yes', 'yes, unknown')
    """
    return ", ".join("unknown" if one is None else "yes" if one else "no" for one in held)


def _reply_properties(name: str, reply: Reply, turns: int) -> Iterator[tuple[str, object]]:
    """Yield the properties of an arm's first reply; of a conversation with so many turns, that to its last one."""
    if turns:
        yield f"graysplit_turns[{name}]", f"{len(reply.turns)} of {turns}"
    yield f"graysplit_outcome[{name}]", reply.outcome
    if reply.latency_s is not None:
        yield f"graysplit_latency_s[{name}]", reply.latency_s
    if (cost_usd := cost_of_turns(reply)) is not None:
        yield f"graysplit_cost_usd[{name}]", str(cost_usd)
    if reply.calls:
        yield f"graysplit_calls[{name}]", len(reply.calls)
    if reply.tool_calls:
        yield f"graysplit_tool_calls[{name}]", format_calls(reply.tool_calls)
