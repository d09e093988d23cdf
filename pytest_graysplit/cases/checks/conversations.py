"""The checks of a conversation: those of the case for every answer, and those of each turn for its answer."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pytest_graysplit.cases.checks import CheckFailure
from pytest_graysplit.cases.checks.assertions import check_reply, failed_check
from pytest_graysplit.cases.checks.json_expectations import no_match
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import listed, plural

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_graysplit.cases.json_fields.matching import MatchText
    from pytest_graysplit.types import Case, FailedExpectation, Reply

    # Compares a text with the text of a reply, from 0 to 1; None without a score.
    ScoreOfReply: TypeAlias = Callable[[Reply, str, str], float | None]


def check_answers(
    case: Case, reply: Reply, arm: str, score: ScoreOfReply, match_text: MatchText = no_match
) -> list[FailedExpectation]:
    """Check one reply, or every answer of a conversation that ends with it; a miss names the turn.

    `match_text` compares two texts of `json_fields`, which are those of single answers.
    """
    if not case.turns:
        return check_reply(case, reply, arm, partial(score, reply), match_text)
    failed = [failure for answer in reply.turns for failure in _of_turn(case, answer, arm, score)]
    return [*failed, *_unasked(case, reply, arm), *_cost(case, reply, arm)]


def _of_turn(case: Case, answer: Reply, arm: str, score: ScoreOfReply) -> Iterator[FailedExpectation]:
    """Yield the failures of one answer; the budget of the cost is that of the whole conversation."""
    number = answer.turn or 0
    of_case = check_reply(replace(case, max_cost_usd=None), answer, arm, partial(score, answer))
    yield from of_case
    if case.turns[number].expect is None:
        return
    of_turn = check_reply(_only_expect(case, number), answer, arm, partial(score, answer))
    for failure in of_turn:
        if failure.kind in ("expect", "tool_calls") and failure not in of_case:
            yield replace(failure, check=f"turns[{number}].{failure.check}")


def _only_expect(case: Case, number: int) -> Case:
    return replace(
        case,
        messages=(case.turns[number].message,),
        expect=case.turns[number].expect,
        min_similarity=None,
        max_latency_s=None,
        max_cost_usd=None,
    )


def _unasked(case: Case, reply: Reply, arm: str) -> Iterator[FailedExpectation]:
    """Yield the failure of a conversation that ended before its last turn, so that it never counts as passed."""
    left = len(case.turns) - len(reply.turns)
    if left <= 0:
        return
    after = f"so {plural(left, 'later turn')} of the script {'was' if left == 1 else 'were'} not asked"
    check = f"turns[{len(reply.turns)}]"
    if reply.tool_calls:
        called = listed([call.name or "a tool without a name" for call in reply.tool_calls[:3]])
        hint = "a script has no results of tools: expect calls in the last turn only, or send no tools in params"
        missed = CheckFailure(f"calls {called}, {after}", hint, Slug.TURN_TOOL_CALL, check)
        yield failed_check("tool_calls", arm, reply, missed)
    else:
        problem = f"gave no answer that the user can reply to ({reply.outcome}), {after}"
        missed = CheckFailure(problem, "correct that answer first: its own miss says how", Slug.TURN_UNASKED, check)
        yield failed_check("outcome", arm, reply, missed)


def _cost(case: Case, reply: Reply, arm: str) -> Iterator[FailedExpectation]:
    """Yield the failure of a conversation whose answers together cost more than the budget."""
    if case.max_cost_usd is None:
        return
    budget = replace(case, expect=None, min_similarity=None, max_latency_s=None)
    for failure in check_reply(budget, _as_one(reply), arm, lambda *_: None):
        if failure.kind == "cost":
            yield failure


def _as_one(reply: Reply) -> Reply:
    """Return a reply with the cost of the whole conversation; the answer without a known cost, if there is one."""
    unknown = [answer for answer in reply.turns if answer.cost_usd is None and answer.outcome != "error"]
    total = sum((answer.cost_usd for answer in reply.turns if answer.cost_usd is not None), Decimal(0))
    return replace(unknown[0] if unknown else replace(reply, cost_usd=total), turn=None, earlier=())
