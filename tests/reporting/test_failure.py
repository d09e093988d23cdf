"""The explanation of a failed case: the whole message, with the problem, the remedy, and both answers."""

from dataclasses import replace

import pytest
from factories import DEEPSEEK, a_case, a_miss, a_pair, a_reply, a_talk, an_error, one_arm, said

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.reporting.failure import failure
from pytest_graysplit.types import ToolCall

SIMILARITY = a_miss(problem="treatment deepseek-v3.2: lexical similarity 0.57 is below 0.75", kind="similarity")


def test_failure_in_full():
    """The problem and the remedy first; then the case, both models, and both answers as one difference."""
    case = a_case(min_similarity=0.75, where="support.jsonl:14")
    result = a_pair(
        case,
        a_reply("You have 30 days to send it back."),
        a_reply("You have 14 days to send it back.", DEEPSEEK, latency_s=0.5, cost="0.0001"),
        misses=[SIMILARITY],
        score=lambda control, treatment: 0.7496,
    )
    assert failure(result) == (
        "treatment deepseek-v3.2: lexical similarity 0.57 is below 0.75\n"
        "  hint: fix it  [expect-contains]\n"
        "\n"
        "  case       refund-policy (support.jsonl:14)\n"
        "  prompt     What is your refund policy?\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0010\n"
        "  treatment  deepseek-v3.2: missed, ok 0.50 s $0.0001\n"
        "  similarity 0.7496 (lexical), threshold 0.75, length x1.00\n"
        "  flag       number-changed: control says 30, treatment says 14\n"
        "  answers    You have [-30-] {+14+} days to send it back."
    )


def test_failure_of_a_conversation_shows_the_turns_that_differ():
    """A turn in which all is well is one line; a turn that one arm has not reached says so."""
    case = a_talk(None, None, None, where="talk.yaml:2")
    miss = replace(a_miss(problem="treatment deepseek-v3.2, turn 2: stopped"), turn=1)
    refused = a_reply("Later.", DEEPSEEK, outcome="refusal")
    result = a_pair(case, said("Hi.", "Yes.", "Bye."), said("Hi.", refused, model=DEEPSEEK), misses=[miss])
    assert failure(result).splitlines()[3:] == [
        "  case       return-talk (talk.yaml:2)",
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0010, ok 1.00 s $0.0010, ok 1.00 s $0.0010",
        "  treatment  deepseek-v3.2: missed, ok 1.00 s $0.0010, refusal 1.00 s $0.0010",
        "  similarity 0.00 (lexical), length x0.82",
        "  turn 1     Question 1",
        "  turn 2     Question 2",
        "  answers    [-Yes.-] {+Later.+}",
        "  turn 3     Question 3",
    ]
    body = replace(result, arms=tuple(replace(arm, misses=(a_miss(arm.arm),)) for arm in result.arms))
    assert "  not asked  the treatment has ended before" in failure(body)


def test_failure_of_a_conversation_of_one_arm_shows_its_answers():
    miss = replace(a_miss("control", "control claude-sonnet-4.5, turn 1: is wrong"), turn=0)
    result = one_arm(a_talk(None, None), "control", said("Hi.", "Bye."), misses=[miss])
    assert failure(result).splitlines()[5:] == [
        "  turn 1     Question 1",
        "  answer     Hi.",
        "  turn 2     Question 2",
    ]


def test_failure_of_a_passed_case_is_empty():
    """Also if it was not judged."""
    assert failure(a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK))) == ""
    assert failure(a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK), judged=False)) == ""


def test_failure_names_a_problem_with_the_run_instead_of_misses():
    """The problem that prevented the answers explains more than their misses."""
    problem = RecordingError("no recording for case 'x'", hint="run once", slug="recording-missing")
    result = a_pair(a_case(), a_reply(), a_reply("30 days", DEEPSEEK), misses=[SIMILARITY])
    assert failure(result, problem) == "no recording for case 'x'\n  hint: run once  [recording-missing]"


def test_failure_of_one_arm_shows_its_answers():
    """A test that runs once per arm has no comparison; every sample is shown unchanged, line by line."""
    replies = a_reply("First line.\n\n  Second line."), a_reply("", outcome="empty", replayed=True)
    result = one_arm(a_case(), "control", *replies, misses=[a_miss("control", "control claude-sonnet-4.5: is wrong")])
    assert failure(result) == (
        "control claude-sonnet-4.5: is wrong\n"
        "  hint: fix it  [expect-contains]\n"
        "\n"
        "  case       refund-policy\n"
        "  prompt     What is your refund policy?\n"
        "  control    claude-sonnet-4.5: missed, ok 1.00 s $0.0010, empty 1.00 s $0.0010 replayed\n"
        "  answer     First line.\n"
        "\n"
        "               Second line.\n"
        "  answer     (empty)"
    )


def test_failure_of_a_failed_call_has_no_price_time_or_difference():
    """Unknown figures are left out."""
    missed = a_miss(problem="treatment deepseek-v3.2: no answer after 4 attempts: HTTP 500")
    result = a_pair(a_case(), a_reply(), an_error(DEEPSEEK), misses=[missed])
    assert failure(result) == (
        "treatment deepseek-v3.2: no answer after 4 attempts: HTTP 500\n"
        "  hint: fix it  [expect-contains]\n"
        "\n"
        "  case       refund-policy\n"
        "  prompt     What is your refund policy?\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0010\n"
        "  treatment  deepseek-v3.2: missed, error\n"
        "  answer     (of the control) 30 days."
    )


def explained(control, treatment, label, **fields):
    """The lines of one label in the explanation of a missed pair, joined."""
    result = a_pair(a_case(), a_reply(control), a_reply(treatment, DEEPSEEK, **fields), misses=[SIMILARITY])
    lines = failure(result).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"  {label:<11}"))
    rest = [line for line in lines[first + 1 :] if line.startswith(" " * 13) or not line]
    return [lines[first].removeprefix(f"  {label:<11}"), *(line.strip() for line in rest)]


@pytest.mark.parametrize(
    ("control", "treatment", "text"),
    [
        ("30 days.", "30 days.", "identical"),
        ("30  days.", "30 days.\n", "the same words; only the white space differs: 30 days."),
        ("30 days.", "14 days.", "[-30-] {+14+} days."),
    ],
)
def test_failure_tells_equal_answers_from_different_ones(control, treatment, text):
    """Equal, equal except for white space, and different."""
    assert explained(control, treatment, "answers") == [text]


def test_failure_names_the_model_that_answered():
    """A substitute's answer is not that of the requested model."""
    (line,) = explained("30 days.", "14 days.", "treatment", served_model="deepseek-v2")
    assert line == "deepseek-v3.2: missed, ok 1.00 s $0.0010 served by deepseek-v2"


def test_failure_wraps_long_answers_under_their_label():
    """For a terminal of a hundred columns, without breaking words."""
    words = " ".join(f"word{n}" for n in range(12))
    lines = explained(f"yes {words} {'x' * 150}", f"no {words} {'x' * 150}", "answers")
    assert lines == [f"[-yes-] {{+no+}} {words.removesuffix(' word11')}", "word11", "x" * 150]


def test_failure_shortens_a_long_prompt():
    """Three hundred letters are enough to recognise it."""
    result = a_pair(a_case(prompt="Say it. " * 100), a_reply(), a_reply("no", DEEPSEEK), misses=[SIMILARITY])
    prompt = failure(result).partition("  prompt     ")[2].partition("\n  control")[0]
    assert len(" ".join(prompt.split())) <= 300
    assert prompt.endswith("...")


def test_failure_shows_the_controls_own_similarity():
    """Beside the treatment's, since both were measured in the same way."""
    result = a_pair(
        a_case(min_similarity=0.75),
        a_reply("30 days."),
        a_reply("30", DEEPSEEK),
        spare=[a_reply("a month")],
        misses=[SIMILARITY],
        score=lambda one, other: 0.25,
    )
    assert "  similarity 0.25 (lexical), threshold 0.75, control with itself 0.25, length x0.25\n" in failure(result)


def calls_of(control, treatment, *, said="", answered=""):
    """The lines about calls in the explanation of a missed pair."""
    result = a_pair(
        a_case(),
        a_reply(said, tool_calls=tuple(control)),
        a_reply(answered, DEEPSEEK, tool_calls=tuple(treatment)),
        misses=[SIMILARITY],
    )
    lines = failure(result).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(("  answer", "  call")))
    return lines[first:]


def test_failure_shows_the_calls_of_both_answers_as_one_difference():
    """Beside the texts; a call that both make is shown once."""
    control = [ToolCall("look_up"), ToolCall("refund", {"order": 1001, "amount": 21.5})]
    treatment = [ToolCall("look_up"), ToolCall("refund", {"amount": 21.50, "order": 1002}), ToolCall("notify")]
    assert calls_of(control, treatment, said="I refund it.", answered="I refund this.") == [
        "  answers    I refund [-it.-] {+this.+}",
        "  call       look_up()",
        "  call       refund(order=[-1001-] {+1002+}, amount=21.5)",
        "  call       {+notify()+}",
    ]


def test_failure_says_which_side_calls_no_tool():
    """A text on one side stands beside a call on the other."""
    call = ToolCall("refund", {"order": 1001})
    assert calls_of([call], [], answered="I have refunded it.") == [
        "  answer     (of the treatment) I have refunded it.",
        "  calls      the treatment calls no tool",
        "  call       [-refund(order=1001)-]",
    ]
    assert calls_of([], [call], said="I cannot.")[1:] == [
        "  calls      the control calls no tool",
        "  call       {+refund(order=1001)+}",
    ]


def test_failure_says_that_calls_are_equal_and_in_which_order():
    """Equal calls did not cause the miss, unless the case asks for an order."""
    one, other = ToolCall("look_up"), ToolCall("refund", {"order": 1})
    equal = ["  calls      equal on both sides", "  call       look_up()", "  call       refund(order=1)"]
    assert calls_of([one, other], [one, other]) == equal
    assert calls_of([one, other], [other, one]) == [*equal, "  order      of the treatment: refund, look_up"]


def test_failure_shows_the_changed_ones_of_many_calls():
    """Ten lines, and the number of the others by kind."""
    control = [ToolCall("f", {"n": number}) for number in range(30)]
    treatment = [ToolCall("f", {"n": number if number < 18 else -number}) for number in range(30)]
    lines = calls_of(control, treatment)
    assert len(lines) == 12
    assert lines[0].startswith("  call       f(n=[-18-] {+-")
    assert lines[-2:] == ["  call       and 2 more, different", "  call       and 18 more, equal"]


def test_failure_of_one_arm_lists_its_calls():
    """A test that runs once per arm has no difference to show, also not for a long list."""
    calls = tuple(ToolCall("f", {"n": number}) for number in range(12))
    alone = one_arm(a_case(), "control", a_reply("", tool_calls=calls), misses=[a_miss("control", "x")])
    lines = failure(alone).splitlines()[-11:]
    assert (lines[0], lines[-2], lines[-1]) == (
        "  call       f(n=0)",
        "  call       f(n=9)",
        "  call       and 2 more",
    )


def test_failure_is_readable_and_harmless_with_hostile_calls():
    """Names and values are escaped, and no line of a call is wider than a terminal of 80 columns."""
    name = "re\x1b[2Jfund\n::error::taken"
    control = [ToolCall(name, {"a\n\u202eb": "c\x1b[31m\n##[group]", "x) [-y-]": "word " * 60, "z": "z" * 900})]
    treatment = [
        ToolCall(name, {"a\n\u202eb": "d\r", "x) [-y-]": "word " * 59, "z": "z" * 899}),
        ToolCall("", {}, None, "{"),
    ]
    lines = calls_of(control, treatment)
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)
    assert not any(line.lstrip().startswith("::") or "##[" in line for line in lines)
    assert lines[0].startswith('  call       "re\\u001b[2Jfund\\n::error::taken"("a\\n\\u202eb"=[-')
