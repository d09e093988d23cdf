"""Explain why a case failed: the failed expectations, their remedies, and the evidence."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from pytest_graysplit.cases.tool_calls.values import format_call
from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import exact_number, format_score, money, plural, seconds, shortened
from pytest_graysplit.formatting.escaping import on_one_line, visible
from pytest_graysplit.reporting.app_calls import call_lines
from pytest_graysplit.reporting.calldiff import call_diff, is_changed, other_order, write_line
from pytest_graysplit.reporting.worddiff import word_diff
from pytest_graysplit.types import text_of
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_graysplit.errors import GraysplitError
    from pytest_graysplit.types import Comparison, FailedExpectation, Reply, ToolCall
    from pytest_graysplit.verdict.results import ArmResult, CaseResult

MOST_CALLS = 10
MOST_FIELDS = 10
WIDTH, CALL_WIDTH = 100, 80
LABEL = 13


def failure(result: CaseResult, problem: GraysplitError | None = None) -> str:
    """Write the failed expectations of a case, or the problem that prevented a judgement, with both answers.

    Return "" if all is well.
    """
    # The treatment's come first, so that the control's do not hide them from a reader of the first lines.
    misses = [miss for arm in reversed(result.arms) for miss in arm.misses]
    if problem is not None:
        return str(problem)
    bugs = dict.fromkeys(arm.bug for arm in result.arms if arm.bug)
    if not misses and not bugs:
        return ""
    broken = _broken(bugs, before_calls=result.app is not None and not result.app.swapped_calls)
    return visible("\n".join([*broken, *_missed(misses), "", *_evidence(result)]))


def _broken(bugs: Iterable[str], *, before_calls: bool) -> Iterator[str]:
    """Yield each bug with its remedy; `before_calls` means that no answer of the arm's model can be its cause."""
    why, hint = (
        "this is not an assertion",
        "correct the test; assert what an answer must have before the test relies on it",
    )
    if before_calls:
        why = "no request for the model under test came before it"
        hint = "correct the test, or your code that fails before it asks the model"
    for bug in bugs:
        yield f"the test body raised {bug}: {why}, so the case counts for no model"
        yield f"  hint: {hint}  [{Slug.BODY_BROKEN}]"


def _missed(misses: list[FailedExpectation]) -> Iterator[str]:
    for miss in misses:
        yield miss.problem
        yield f"  hint: {miss.hint}  [{miss.slug}]"


def _evidence(result: CaseResult) -> Iterator[str]:
    """Yield the case, the arms and the answers, labelled and indented."""
    case = result.case
    yield _labelled("case", case.id + (f" ({case.where})" if case.where else ""))
    if case.prompt and not case.turns:
        yield _labelled("prompt", shortened(case.prompt, 300))
    for arm in result.arms:
        yield _labelled("control" if arm.arm == CONTROL else "treatment", _arm(arm))
    for arm in result.arms:
        yield from _itself(arm)
    if case.turns:
        yield from _conversation(result)
        return
    if result.app is not None or any(arm.apps for arm in result.arms):
        yield from _application(result)
        return
    if result.comparison is not None:
        yield from _compared(result.comparison)
        return
    for arm in result.arms:
        for reply in arm.replies:
            yield from _answer(reply)


def _answer(reply: Reply) -> Iterator[str]:
    if reply.text or not reply.tool_calls:
        yield _labelled("answer", reply.text or f"({reply.outcome})")
    yield from _called(reply)


def _application(result: CaseResult) -> Iterator[str]:
    """Yield the outputs of an application, and its calls."""
    if result.comparison is not None:
        yield from _scores(result.comparison)
        yield from _texts(result.comparison.control, result.comparison.treatment)
    else:
        outputs = [reply.text for arm in result.arms for reply in arm.replies if reply.text.strip()]
        yield from (_labelled("output", text) for text in outputs)
    for label, text in call_lines(result):
        yield _labelled(label, text)


def _conversation(result: CaseResult) -> Iterator[str]:
    """Yield the turns of a conversation: in full where an arm failed or the arms part, the others in a line."""
    comparison, turns = result.comparison, result.case.turns
    if comparison is not None and comparison.similarity is not None:
        yield _labelled("similarity", _similarity(comparison))
    for remark in comparison.remarks if comparison is not None else ():
        yield _labelled(comparison.metric if comparison else "", remark)
    telling = {turn for arm in result.arms for turn in arm.missed_turns}
    if result.parting_turn is not None:
        telling.add(result.parting_turn)
    for number, turn in enumerate(turns):
        yield _labelled(f"turn {number + 1}", shortened(text_of(turn.message.get("content")), 300))
        if number in (telling or range(len(turns))):
            yield from _turn(result, number)


def _turn(result: CaseResult, number: int) -> Iterator[str]:
    """Yield the answers to one turn, as a difference if both arms have reached it."""
    comparison = result.comparison
    if comparison is not None and number < len(comparison.turns):
        for flag in comparison.turns[number].flags:
            yield _labelled("flag", f"{flag.name}: {flag.detail}")
    answers = {
        arm.arm: reply.turns[number] for arm in result.arms for reply in arm.replies[:1] if number < len(reply.turns)
    }
    for arm in result.arms:
        if arm.arm not in answers:
            yield _labelled("not asked", f"the {'control' if arm.arm == CONTROL else 'treatment'} has ended before")
    if len(answers) == 2:
        yield from _both_answers(*answers.values())
    for reply in answers.values() if len(answers) == 1 else ():
        yield from _answer(reply)


def _itself(arm: ArmResult) -> Iterator[str]:
    """Yield how the control's next sample differs from its first, if the control missed its own similarity."""
    samples = [reply for reply in (*arm.replies, *arm.spare) if reply.text.strip()]
    if len(samples) > 1 and any(miss.slug == Slug.CONTROL_SIMILARITY for miss in arm.misses):
        yield _labelled("itself", _difference(samples[0].text, samples[1].text))


def _compared(comparison: Comparison) -> Iterator[str]:
    yield from _scores(comparison)
    yield from _both_answers(comparison.control, comparison.treatment)


def _scores(comparison: Comparison) -> Iterator[str]:
    """Yield the similarity of two answers, and the differences that a judge, the fields or a guard has found."""
    if comparison.similarity is not None:
        yield _labelled("similarity", _similarity(comparison))
    for remark in comparison.remarks:
        yield _labelled(comparison.metric, remark)
    for one in comparison.fields[:MOST_FIELDS]:
        yield _labelled("field", f"{one.path}: {one.problem}")
    if len(comparison.fields) > MOST_FIELDS:
        yield _labelled("field", f"and {len(comparison.fields) - MOST_FIELDS} more")
    for flag in comparison.flags:
        yield _labelled("flag", f"{flag.name}: {flag.detail}")


def _both_answers(control: Reply, treatment: Reply) -> Iterator[str]:
    """Yield the difference of two answers and of their tool calls."""
    yield from _texts(control, treatment)
    yield from _calls(control.tool_calls, treatment.tool_calls)


def _texts(control: Reply, treatment: Reply) -> Iterator[str]:
    old, new = control.text, treatment.text
    if old.strip() and new.strip():
        yield _labelled("answers", _difference(old, new))
    else:
        for side, text in (("control", old), ("treatment", new)):
            if text.strip():
                yield _labelled("answer", f"(of the {side}) {text}")


def _calls(control: Sequence[ToolCall], treatment: Sequence[ToolCall]) -> Iterator[str]:
    """Yield the calls of two answers as one difference, a call per line; of many, the changed ones first."""
    if not control and not treatment:
        return
    for side, calls in (("control", control), ("treatment", treatment)):
        if not calls:
            yield _labelled("calls", f"the {side} calls no tool")
    lines = call_diff(control, treatment)
    if not any(map(is_changed, lines)):
        yield _labelled("calls", "equal on both sides")
    if len(lines) > MOST_CALLS:
        lines.sort(key=lambda line: not is_changed(line))
    for line in lines[:MOST_CALLS]:
        yield _labelled("call", write_line(line), CALL_WIDTH)
    left = [is_changed(line) for line in lines[MOST_CALLS:]]
    for number, kind in ((left.count(True), "different"), (left.count(False), "equal")):
        if number:
            yield _labelled("call", f"and {number} more, {kind}")
    if order := other_order(control, treatment):
        yield _labelled("order", f"of the treatment: {order}", CALL_WIDTH)


def _called(reply: Reply) -> Iterator[str]:
    """Yield the tool calls of a reply, one per line."""
    for call in reply.tool_calls[:MOST_CALLS]:
        yield _labelled("call", format_call(call), CALL_WIDTH)
    if len(reply.tool_calls) > MOST_CALLS:
        yield _labelled("call", f"and {len(reply.tool_calls) - MOST_CALLS} more")


def _difference(old: str, new: str) -> str:
    if old == new:
        return "identical"
    same_words = "the same words; only the white space differs: "
    return (same_words if old.split() == new.split() else "") + word_diff(old, new)


def _similarity(comparison: Comparison) -> str:
    assert comparison.similarity is not None  # noqa: S101 # the caller asked
    text = f"{format_score(comparison.similarity, against=comparison.threshold)} ({comparison.metric})"
    if comparison.threshold is not None:
        text += f", threshold {exact_number(comparison.threshold)}{' (auto)' if comparison.calibrated else ''}"
    if comparison.self_similarity is not None:
        text += f", control with itself {format_score(comparison.self_similarity)}"
    if comparison.length_ratio is not None:
        text += f", length x{comparison.length_ratio:.2f}"
    return text


def _arm(arm: ArmResult) -> str:
    verdict = "passed" if arm.passed else "missed" if arm.misses else "passed in part" if arm.judged else "not judged"
    return ", ".join([f"{arm.label}: {verdict}", *(_reply(answer) for answer in arm.answers)])


def _reply(reply: Reply) -> str:
    parts: list[str] = [reply.outcome]
    if reply.latency_s is not None:
        parts.append(seconds(reply.latency_s))
    if reply.cost_usd is not None:
        parts.append(money(reply.cost_usd))
    if reply.served_model is not None and reply.served_model != reply.model:
        parts.append(f"served by {on_one_line(reply.served_model)}")
    if reply.replayed:
        parts.append("replayed")
    if reply.calls:
        parts.append(f"in {plural(len(reply.calls), 'call')}")
    return " ".join(parts)


def _labelled(label: str, text: str, width: int = WIDTH) -> str:
    lead = f"  {label:<{LABEL - 2}}"
    lines = [
        line
        for paragraph in visible(text).split("\n")
        for line in textwrap.wrap(paragraph, width - LABEL, break_long_words=width < WIDTH, break_on_hyphens=False)
        or [""]
    ]
    return "\n".join(((lead if number == 0 else " " * LABEL) + line).rstrip() for number, line in enumerate(lines))
