"""The requests of one run: their order, their numbers, and the wait for those that are still on their way."""

from app_project import CONTROL, OTHER
from factories import a_reply, an_error

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.gateway.call_answer import CallAnswer
from pytest_graysplit.types import ReplyKey, ServedAnswer

KEY = ReplyKey("a-case", CONTROL, "0123456789abcdef", 0)


def begun(calls, **fields):
    return calls.begin(KEY._replace(**fields), "chat", swapped=fields.get("model", CONTROL) == CONTROL)


def test_replies_have_the_order_of_their_requests(project):
    calls = project.calls()
    first, second, third = begun(calls, request="1"), begun(calls, request="2", model=OTHER), begun(calls, request="3")
    for call, text in ((third, "three"), (first, "one"), (second, "two")):
        calls.answered(call, a_reply(text))
    assert [reply.text for reply in calls.replies] == ["one", "two", "three"]
    assert [reply.text for reply in calls.swapped_replies] == ["one", "three"]


def test_equal_requests_are_numbered_and_a_failed_one_frees_its_number(project):
    calls = project.calls()
    first, second = begun(calls), begun(calls)
    assert [first.key.call, second.key.call] == [0, 1]
    calls.answered(first, an_error())
    calls.failed(second, UsageError("no", hint="key", slug=Slug.KEY_MISSING))
    third = begun(calls)
    calls.answered(third, a_reply())
    assert (third.key.call, begun(calls).key.call, begun(calls, sample=1).key.call) == (0, 1, 0)


def test_run_is_settled_when_no_request_is_on_its_way(project):
    calls = project.calls()
    assert calls.settle(0)
    call = begun(calls)
    assert not calls.settle(0)
    calls.answered(call, a_reply())
    assert calls.settle(0)


def ended(calls, *steps):
    """Play requests in order, each a name of its body, its reply, and the model; return the errors of the lost ones."""
    for request, reply, *model in steps:
        calls.answered(begun(calls, request=request, model=model[0] if model else CONTROL), reply)
    return [reply.error for reply in calls.lost(swapped=True)], [reply.error for reply in calls.lost(swapped=False)]


def test_failure_is_lost_unless_an_equal_request_is_answered(project):
    failed, ok = an_error(error="500"), a_reply()
    assert ended(project.calls(), ("1", failed), ("1", ok)) == ([], [])
    assert ended(project.calls(), ("1", failed), ("2", ok)) == (["500"], [])
    assert ended(project.calls(), ("1", failed), ("1", ok, OTHER)) == (["500"], [])
    assert ended(project.calls(), ("1", failed, OTHER), ("1", ok)) == ([], ["500"])


def test_refused_request_is_lost_unless_the_next_answer_is_of_the_same_model(project):
    """A shorter prompt after "too long" is the application's own way; another model's answer is none of this arm."""
    refused, ok = an_error(error="400", served=ServedAnswer(status=400)), a_reply()
    assert ended(project.calls(), ("1", refused), ("2", ok)) == ([], [])
    assert ended(project.calls(), ("1", refused), ("2", an_error(error="500")), ("2", ok)) == ([], [])
    assert ended(project.calls(), ("1", refused), ("1", ok, OTHER), ("2", ok)) == (["400"], [])
    assert ended(project.calls(), ("1", refused)) == (["400"], [])


def test_answer_that_its_client_did_not_wait_for_is_lost(project):
    calls = project.calls()
    answers = [CallAnswer(), CallAnswer()]
    first, second = (calls.begin(KEY, "chat", swapped=True, answer=answer) for answer in answers)
    answers[0].abandon()
    hanging = calls.lost(swapped=True)  # its model never answers
    assert [(reply.model, reply.error_slug) for reply in hanging] == [(CONTROL, Slug.APP_GAVE_UP)]
    calls.answered(first, a_reply())
    assert [reply.error_slug for reply in calls.lost(swapped=True)] == [Slug.APP_GAVE_UP]
    assert calls.is_answered
    answers[1].complete(200, b"{}")
    answers[1].abandon()  # it was all there
    calls.answered(second, a_reply())
    assert calls.lost(swapped=True) == ()


def test_answer_after_the_end_of_the_body_is_none_that_the_application_had(project):
    calls = project.calls()
    waits, streams = CallAnswer(), CallAnswer()
    late = calls.begin(KEY, "chat", swapped=True, answer=waits)
    calls.settle(0)
    calls.answered(late, a_reply())
    assert not calls.is_answered
    left = calls.begin(KEY, "chat", swapped=True, answer=streams)
    streams.start_stream()
    calls.settle(0)
    calls.answered(left, a_reply())
    assert calls.is_answered  # it has read a part of it


def test_replies_know_their_route(project):
    calls = project.calls()
    calls.answered(calls.begin(KEY, "messages", swapped=True), a_reply())
    assert [reply.route for reply in calls.replies] == ["messages"]


def test_requests_are_counted_by_the_name_that_was_asked_for(project):
    calls = project.calls(max_calls=2)
    assert [calls.admit(name) for name in ("gpt-4.1", OTHER, "gpt-4.1")] == [True, True, False]
    assert (calls.asked, calls.refused) == ({"gpt-4.1": 2, OTHER: 1}, 1)
