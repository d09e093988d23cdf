"""Replies to an application's requests: kept as they were served, recorded without secrets, priced in each replay."""

from decimal import Decimal

import pytest
from app_project import CONTROL, OTHER

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.fetcher import build_fetcher
from pytest_graysplit.replies.fingerprint import redactor, request_hash
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Recordings, merge_journals
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import ReplyKey, Secret

KEY = "sk-live-0123456789abcdef"
THEIRS = "the-key-of-another-vendor"
EMBEDDER = "text-embedding-3-small"
PRICES = {
    **{name: {"input": Decimal(2), "output": Decimal(8)} for name in (CONTROL, OTHER)},
    EMBEDDER: {"input": Decimal("0.02"), "output": Decimal(0)},
}


class Application:
    """The requests of an application in a project with a relay."""

    def __init__(self, root, relay):
        self.root, self.relay = root, relay
        self.file = root / "__graysplit__" / "test_app.jsonl"
        self._fetchers = []

    def fetcher(self, record="new"):
        settings = Settings(
            control=CONTROL, treatments=(OTHER,), base_url=self.relay.url, record=record, retries=0, key=Secret(KEY)
        )
        fetcher = build_fetcher(
            settings,
            self.root,
            run_id=f"run{len(self._fetchers)}",
            recordings=Recordings(self.root),
            redact_for=lambda path: redactor([KEY]),
            prices=PriceTable(PRICES),
            command="pytest --graysplit-record=new",
            fresh=frozenset(),
            asked_models=tuple,
        )
        self._fetchers.append(fetcher)
        return fetcher

    def request(self, text="Hi", route="chat", model=CONTROL, arm="control", key=KEY, call=0, **fields):
        body = {
            "embeddings": {"input": [text, "more"]},
            "responses": {"input": text},
            "messages": {"max_tokens": 50, "messages": [{"role": "user", "content": text}]},
        }.get(route, {"messages": [{"role": "user", "content": text}]})
        return ReplyRequest(
            arm=arm,
            config=Arm.plain(model, Access(base_url=self.relay.url, key=Secret(key))),
            key=ReplyKey("test_it", model, request_hash(body, route), 0, call=call),
            recording_path=self.file,
            body=body,
            route=route,
            keeps_answer=True,
            headers={"anthropic-version": "2023-06-01"},
            **fields,
        )

    def end(self):
        for fetcher in self._fetchers:
            fetcher.stop(grace_s=0.1)
        return merge_journals(self.root)

    def recorded(self, *requests):
        fetcher = self.fetcher()
        replies = [fetcher.begin(request).result(20) for request in requests]
        self.end()
        return replies


@pytest.fixture
def application(tmp_path, relay):
    application = Application(tmp_path, relay)
    yield application
    application.end()


@pytest.mark.parametrize("route", ["chat", "responses", "messages", "embeddings"])
def test_replay_has_the_answer_and_the_cost_of_the_live_call(application, route):
    """The body as it came, the tokens, and their price of today; nothing is sent."""
    model = EMBEDDER if route == "embeddings" else CONTROL
    request = application.request(route=route, model=model, passes=route == "embeddings")
    (live,) = application.recorded(request)
    (replayed,) = [application.fetcher("none").begin(request).result(0)]
    assert replayed.replayed
    for name in ("served", "usage", "cost_usd", "text", "tool_calls", "outcome", "route"):
        assert getattr(replayed, name) == getattr(live, name), name
    assert live.served.body
    price = PRICES[model]
    paid = price["input"] * live.usage.prompt + price["output"] * live.usage.output
    assert live.cost_usd == paid / Decimal(10**6) > 0
    assert application.relay.stats()["total"] == 1


def test_application_gets_the_original_and_the_recording_is_clean(application):
    """A model that repeats a key: a program that reads it live must not fail; recordings and reports do not have it."""
    application.relay.control(script=[{"text": f"Your key is {KEY}."}])
    (live,) = application.recorded(application.request())
    assert live.served.body["choices"][0]["message"]["content"] == f"Your key is {KEY}."
    assert live.text == "Your key is [redacted]."
    assert KEY not in application.file.read_text()
    replayed = application.fetcher("none").begin(application.request()).result(0)
    assert replayed.served.body["choices"][0]["message"]["content"] == replayed.text == live.text


def test_equal_calls_of_both_arms_to_another_model_are_paid_once(application):
    """A model that is not under test; each arm has the cost of the call, as in production."""
    both = [application.request(model=OTHER, arm=arm, passes=True) for arm in ("control", "treatment")]
    replies = application.recorded(*both)
    assert application.relay.stats()["total"] == 1
    fetcher = application.fetcher("none")
    replies += [fetcher.begin(request).result(0) for request in both]
    assert replies[0].cost_usd > 0
    assert [reply.cost_usd for reply in replies] == [replies[0].cost_usd] * 4


def test_key_of_another_endpoint_is_redacted_as_well(application):
    """The application has it from its own environment or settings, and no setting of the run names it."""
    application.relay.control(script=[{"text": f"Your key is {THEIRS}."}])
    request = application.request(f"My key is {THEIRS}.", model=OTHER, passes=True, key=THEIRS)
    (live,) = application.recorded(request)
    assert live.text == "Your key is [redacted]."
    assert THEIRS in str(live.served.body)
    assert THEIRS not in application.file.read_text()


def test_second_attempt_of_a_failed_call_is_recorded_in_its_place(application):
    """A failure is never replayed, so a replay makes one request less and finds the same answers."""
    application.relay.control(faults=[{"status": 500}])
    failed, answered, second = application.recorded(
        application.request(), application.request(), application.request(call=1)
    )
    assert [failed.outcome, answered.outcome, second.outcome] == ["error", "ok", "ok"]
    fetcher = application.fetcher("none")
    assert all(fetcher.begin(application.request(call=call)).result(0).replayed for call in (0, 1))
    assert len(Recordings(application.root).keys(application.file)) == 2


def test_miss_of_a_replay_names_the_nearest_call(application):
    """Nothing is sent, and the message is that of a call."""
    application.recorded(application.request("Refund order 17"))
    missing = application.fetcher("none").begin(application.request("Refund order 18"))
    with pytest.raises(RecordingError, match="no recording for a call of case") as info:
        missing.result(0)
    assert 'messages[0].content: "Refund order 17" -> "Refund order 18"' in str(info.value)
    assert application.relay.stats()["total"] == 1
