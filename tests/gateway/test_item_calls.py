"""The requests of one run: their order, their numbers, and the wait for those that are still on their way."""

from app_project import CONTROL, OTHER
from factories import a_reply, an_error

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.types import ReplyKey

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


def test_replies_know_their_route(project):
    calls = project.calls()
    calls.answered(calls.begin(KEY, "messages", swapped=True), a_reply())
    assert [reply.route for reply in calls.replies] == ["messages"]


def test_requests_are_counted_by_the_name_that_was_asked_for(project):
    calls = project.calls(max_calls=2)
    assert [calls.admit(name) for name in ("gpt-4.1", OTHER, "gpt-4.1")] == [True, True, False]
    assert (calls.asked, calls.refused) == ({"gpt-4.1": 2, OTHER: 1}, 1)
