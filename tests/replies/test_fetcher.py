"""The fetcher against a real relay: the requests that are sent, those that are not, and the replies that are kept."""

import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.config.policy import SEED
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RecordingError, RelayError
from pytest_graysplit.plugin.run.progress import tail
from pytest_graysplit.replies.fetch_stats import Progress
from pytest_graysplit.replies.fetcher import ReplyFetcher
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Journal, Recordings, merge_journals
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.replies.reply_request import ReplyRequest, shuffled
from pytest_graysplit.types import ReplyKey

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"


EMBEDDER = "text-embedding-3-small"


class FetchProject:
    """A project folder, a relay, and fetchers for both."""

    def __init__(self, root, relay):
        self.root, self.relay = root, relay
        self.file = root / "tests" / "__graysplit__" / "test_support.jsonl"
        self.fetchers = []

    def request(self, case="a", model=CONTROL, sample=0, **body):
        body = {"messages": [{"role": "user", "content": f"Question {case}"}], **body}
        arm = "control" if model == CONTROL else model
        return ReplyRequest(
            arm=arm,
            config=self.arm(model),
            key=ReplyKey(case, model, request_hash(body), sample),
            recording_path=self.file,
            body=body,
        )

    def arm(self, model):
        return Arm.plain(model, Access(base_url=self.relay.url))

    def pairs(self, n=3):
        return [self.request(f"case-{number}", model) for number in range(n) for model in (CONTROL, TREATMENT)]

    def fetcher(self, *, record="new", journal=True, fresh=frozenset(), run_id="run1", asked_models=tuple, **settings):
        chosen = Settings(
            control=settings.pop("control", CONTROL),
            treatments=settings.pop("treatments", (TREATMENT,)),
            base_url=settings.pop("base_url", self.relay.url),
            record=record,
            retries=0,
            **settings,
        )
        fetcher = ReplyFetcher(
            chosen,
            recordings=Recordings(self.root),
            journal=Journal(self.root, mode=record, run_id=run_id) if journal else None,
            open_relay=lambda access: Relay(chosen, is_refusal=lambda text: False),
            prices=PriceTable({}),
            command="--graysplit-record=new",
            fresh=fresh,
            asked_models=asked_models,
        )
        self.fetchers.append(fetcher)
        return fetcher

    def recorded(self, requests, **options):
        """Let an earlier run answer and merge the requests."""
        fetcher = self.fetcher(**options)
        replies = self.fetch(fetcher, requests)
        fetcher.stop()
        merge_journals(self.root)
        return replies

    def fetch(self, fetcher, requests):
        missing = fetcher.missing(requests)
        if missing:
            fetcher.fetch(missing, lambda progress: None, every_s=0.01)
        return [fetcher.reply(request) for request in requests]

    def asked(self):
        """Return the requests that the relay received: (model, prompt) in their order."""
        return [(body["model"], body["messages"][-1]["content"]) for body in self.relay.stats()["bodies"]]


@pytest.fixture
def project(tmp_path, relay):
    project = FetchProject(tmp_path, relay)
    yield project
    for fetcher in project.fetchers:
        fetcher.stop(grace_s=0.1)


# --- sending


def test_duplicate_request_is_sent_once(project):
    """Two items that need one reply pay for it once, and both get it."""
    requests = project.pairs(2)
    fetcher = project.fetcher()
    replies = project.fetch(fetcher, [*requests, *requests])
    assert Counter(project.asked()) == {(request.key.model, f"Question {request.key.case}"): 1 for request in requests}
    assert replies[:4] == replies[4:]
    assert fetcher.missing(requests) == []
    assert project.fetch(fetcher, requests) == replies[:4]
    assert project.relay.stats()["total"] == 4


def test_reply_has_the_answer_and_its_price(project):
    """Answer, model and cost are in their fields."""
    (reply,) = project.fetch(project.fetcher(), [project.request()])
    assert (reply.text, reply.outcome, reply.replayed) == (f"Answer of {CONTROL} to: Question a", "ok", False)
    assert reply.cost_usd == (2 * Decimal(3) + 6 * Decimal(15)) / 1_000_000


def deep(levels):
    value = "end"
    for _ in range(levels):
        value = [value]
    return value


def test_requests_are_sent_in_the_given_order(project):
    """The relay receives the requests in their shuffled order."""
    requests = shuffled([project.pairs(8)[n : n + 2] for n in range(0, 16, 2)])
    project.fetch(project.fetcher(concurrency=1), requests)
    assert project.asked() == [(request.key.model, f"Question {request.key.case}") for request in requests]


def test_sample_n_sends_the_seed_plus_n(project):
    """Samples differ, and can be repeated; the recording has them under one request."""
    requests = [project.request(sample=n, seed=42, temperature=0) for n in range(3)]
    fetcher = project.fetcher(concurrency=1)
    project.fetch(fetcher, requests)
    assert [fetcher.reply(request).sample for request in requests] == [0, 1, 2]
    bodies = project.relay.stats()["bodies"]
    assert [body["seed"] for body in bodies] == [42, 43, 44]
    assert bodies[0] == {
        "model": CONTROL,
        "messages": [{"role": "user", "content": "Question a"}],
        "seed": 42,
        "temperature": 0,
    }
    assert len({request.key.request for request in requests}) == 1


@pytest.mark.parametrize("seed", [None, True, "42", 1.5])
def test_seed_that_is_not_an_integer_is_sent_unchanged(project, seed):
    """Only an integer can be counted up."""
    assert project.request(sample=2, seed=seed).full_body()["seed"] is seed
    assert "seed" not in project.request(sample=2).full_body()


# --- order


def test_shuffled_is_seeded_and_keeps_arms_together():
    """Cases are mixed, the arms of a case stand next to each other in either order, and the order can be repeated."""
    groups = [[f"{case}-control", f"{case}-treatment"] for case in range(40)]
    order = shuffled(groups)
    assert order == shuffled(groups) == shuffled(groups, Random(SEED))
    assert order != shuffled(groups, Random(1))
    assert sorted(order) == sorted(name for group in groups for name in group)
    pairs = [order[n : n + 2] for n in range(0, len(order), 2)]
    assert all(one.split("-")[0] == other.split("-")[0] for one, other in pairs)
    assert {pair[0].split("-")[1] for pair in pairs} == {"control", "treatment"}
    assert [pair[0].split("-")[0] for pair in pairs] != [str(case) for case in range(40)]


def test_shuffled_does_not_change_its_input():
    """The lists of the caller keep their order."""
    groups = [[1, 2], [3, 4], [5, 6]]
    shuffled(groups)
    assert groups == [[1, 2], [3, 4], [5, 6]]


# --- modes


def test_second_run_sends_only_missing_requests(project):
    """Another process replays the recordings of the first run."""
    first = project.recorded([project.request("a"), project.request("b")])
    fetcher = project.fetcher(run_id="run2")
    requests = [project.request("a"), project.request("b"), project.request("c")]
    assert [request.key.case for request in fetcher.missing(requests)] == ["c"]
    replies = project.fetch(fetcher, requests)
    assert [(reply.text, reply.replayed) for reply in replies] == [
        (first[0].text, True),
        (first[1].text, True),
        (f"Answer of {CONTROL} to: Question c", False),
    ]
    assert replies[0].cost_usd == first[0].cost_usd
    assert Counter(prompt for _, prompt in project.asked()) == {"Question a": 1, "Question b": 1, "Question c": 1}


def test_replies_of_a_killed_run_are_recovered_from_its_journal(project):
    """Nothing was closed or merged; the next run merges the journal and sends only the rest."""
    project.fetch(project.fetcher(), [project.request("a")])
    project.fetchers[0]._journal.close()  # a killed process releases its lock
    merge_journals(project.root)
    project.fetch(project.fetcher(run_id="run2"), [project.request("a"), project.request("b")])
    assert [prompt for _, prompt in project.asked()] == ["Question a", "Question b"]


def test_mode_all_requests_again_except_replies_of_the_same_recording(project):
    """A recording is replaced as a whole at its end; an interrupted one continues."""
    requests = [project.request("a"), project.request("b")]
    project.recorded(requests)
    assert [request.key.case for request in project.fetcher(record="all").missing(requests)] == ["a", "b"]
    resumed = project.fetcher(record="all", fresh=frozenset({requests[0].recording_key}), run_id="run2")
    assert [request.key.case for request in resumed.missing(requests)] == ["b"]
    assert resumed.recorded(requests[0]).replayed


def test_mode_off_always_requests_and_stores_nothing(project):
    """No recording is read, and no file is written."""
    project.recorded([project.request("a")])
    before = sorted(path for path in project.root.rglob("*") if path.suffix == ".jsonl")
    fetcher = project.fetcher(record="off", journal=False)
    assert fetcher.recorded(project.request("a")) is None
    (reply,) = project.fetch(fetcher, [project.request("a")])
    assert not reply.replayed
    assert project.relay.stats()["total"] == 2
    assert sorted(path for path in project.root.rglob("*") if path.suffix == ".jsonl") == before


def test_mode_none_replays_and_never_calls(project):
    """A recorded request is answered; any other is a miss, with the command that records it."""
    project.recorded([project.request("a")])
    fetcher = project.fetcher(record="none", journal=False, base_url="http://127.0.0.1:9/v1")
    assert fetcher.missing([project.request("a"), project.request("b")]) == []
    assert fetcher.reply(project.request("a")).replayed
    with pytest.raises(RecordingError) as caught:
        fetcher.reply(project.request("b"))
    assert caught.value.problem.startswith(f"no recording for case 'b' (control, {CONTROL})")
    assert (caught.value.hint, caught.value.slug) == ("run once with --graysplit-record=new", "recording-missing")
    assert (project.relay.stats()["total"], fetcher.stats()) == (1, None)


def test_request_without_prefetch_is_sent_on_demand(project):
    """A prompt that is made in a test body needs no plan."""
    fetcher = project.fetcher()
    assert fetcher.reply(project.request("made-up")).text == f"Answer of {CONTROL} to: Question made-up"
    assert fetcher.reply(project.request("made-up")).text == f"Answer of {CONTROL} to: Question made-up"
    assert project.relay.stats()["total"] == 1


def test_failed_call_is_a_reply_and_is_not_recorded(project):
    """It counts in this run, and the next run sends the request again."""
    project.relay.control(faults=[{"kind": "500"}])
    (reply,) = project.recorded([project.request("a")])
    assert (reply.outcome, reply.error) == ("error", "the relay answered 500: internal error")
    assert [request.key.case for request in project.fetcher(run_id="run2").missing([project.request("a")])] == ["a"]


# --- a relay that cannot be used


def ended(project, fetcher, requests):
    """Return the one error of a fetch, after checking that every reply ends in it and none hangs."""
    with pytest.raises(RelayError) as caught:
        fetcher.fetch(requests, lambda progress: None, every_s=0.01)
    for request in requests:
        with pytest.raises(RelayError) as again:
            fetcher.reply(request)
        assert again.value is caught.value
    assert fetcher.unfinished == 0
    return caught.value


def test_unknown_model_ends_everything_after_one_request(project):
    """The nearest known name is reported once, after one request to the model."""
    project.relay.control(faults=[{"kind": "404", "model": "deepseek-v3.1", "message": "no such model", "times": None}])
    fetcher = project.fetcher(treatments=("deepseek-v3.1",))
    error = ended(project, fetcher, [project.request(case, "deepseek-v3.1") for case in "abc"])
    assert "deepseek-v3.1" in error.problem
    assert "deepseek-v3.2" in str(error)
    assert project.relay.stats()["requests"]["deepseek-v3.1"] == 1


def test_refused_key_ends_everything_with_one_message(project):
    """One message for the run, not one per case."""
    project.relay.control(key="the-right-one")
    error = ended(project, project.fetcher(), project.pairs(20))
    assert isinstance(error, RelayError)
    assert project.relay.stats()["total"] == 1


def test_key_refused_during_the_run_ends_the_rest(project):
    """Received replies are kept and recorded; waiting requests end in the one error."""
    requests = [project.request(f"case-{n}") for n in range(12)]
    project.relay.control(faults=[{"kind": "401", "match": "case-3", "times": None}])
    fetcher = project.fetcher(concurrency=1)
    with pytest.raises(RelayError) as caught:
        fetcher.fetch(requests, lambda progress: None, every_s=0.01)
    assert [fetcher.reply(request).text for request in requests[:3]] == [
        f"Answer of {CONTROL} to: Question case-{n}" for n in range(3)
    ]
    for request in requests[3:]:
        with pytest.raises(RelayError) as again:
            fetcher.reply(request)
        assert again.value is caught.value
    assert project.relay.stats()["total"] == 4
    merge_journals(project.root)
    assert [request.key.case for request in project.fetcher(run_id="run2").missing(requests)] == [
        f"case-{n}" for n in range(3, 12)
    ]


def test_address_without_a_relay_ends_everything(project):
    """It is reported once, and no test waits for it."""
    fetcher = project.fetcher(base_url="http://127.0.0.1:9/v1", timeout_s=5.0)
    assert "127.0.0.1:9" in str(ended(project, fetcher, project.pairs(2)))


def test_unwritable_journal_ends_the_run(project):
    """A reply that cannot be kept is not paid for a hundred times: the first one ends the run."""
    (project.root / ".graysplit").write_text("a file where the folder should be")
    fetcher = project.fetcher(concurrency=1)
    requests = project.pairs(10)
    with pytest.raises(RecordingError) as caught:
        fetcher.fetch(requests, lambda progress: None, every_s=0.01)
    assert caught.value.slug == "recording-unwritable"
    assert caught.value.hint
    assert project.relay.stats()["total"] == 1
    for request in requests:
        with pytest.raises(RecordingError):
            fetcher.reply(request)


# --- stopping and progress


def test_stop_keeps_received_replies_and_cancels_the_rest(project):
    """Paid replies are available and recorded; the rest reports that the run was stopped."""
    project.relay.control(faults=[{"kind": "hang", "match": "case-2", "times": None}])
    requests = [project.request(f"case-{n}") for n in range(6)]
    fetcher = project.fetcher(concurrency=1)
    fetcher.start(requests)
    came = [fetcher.reply(request) for request in requests[:2]]
    fetcher.stop(grace_s=0.05)
    assert [reply.outcome for reply in came] == ["ok", "ok"]
    for request in requests[2:]:
        with pytest.raises(RelayError) as caught:
            fetcher.reply(request)
        assert str(caught.value) == (
            "the run was stopped before this reply came\n"
            "  hint: run again: what was answered is kept, and only what is missing is fetched  [run-stopped]"
        )
    assert fetcher.unfinished == 0
    merge_journals(project.root)
    assert [request.key.case for request in project.fetcher(run_id="run2").missing(requests)] == [
        f"case-{n}" for n in range(2, 6)
    ]


def test_stop_waits_for_requests_in_flight(project):
    """A reply that is about to arrive is worth the grace."""
    project.relay.control(latency=0.1)
    fetcher = project.fetcher()
    fetcher.start([project.request("a")])
    while not project.relay.stats()["total"]:  # each poll is a request too
        pass
    fetcher.stop(grace_s=10)
    assert fetcher.reply(project.request("a")).outcome == "ok"


def test_stop_before_the_first_request_does_nothing(project):
    """A run that only replays has no thread to end; stopping twice does no harm either."""
    fetcher = project.fetcher()
    fetcher.stop()
    fetcher.stop()
    assert fetcher.unfinished == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "graysplit-relay"]


def test_interrupt_while_fetching_stops_the_fetch(project):
    """Ctrl-C during a fetch ends the thread, keeps received replies, and is passed on."""
    project.relay.control(faults=[{"kind": "hang", "match": "case-1", "times": None}])
    requests = [project.request("case-0"), project.request("case-1")]
    fetcher = project.fetcher(concurrency=1)

    def interrupt(progress):
        if progress.done:
            fetcher.stop(grace_s=0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetcher.fetch(requests, interrupt, every_s=0.01)
    assert fetcher.reply(requests[0]).outcome == "ok"
    assert fetcher.unfinished == 0


def test_progress_counts_replies_errors_and_money(project):
    """The last call of `watch` has the final numbers."""
    project.relay.control(faults=[{"kind": "500", "times": 2}])
    seen = []
    fetcher = project.fetcher()
    fetcher.fetch(fetcher.missing(project.pairs(4)), seen.append, every_s=0.001)
    last = seen[-1]
    assert (last.done, last.total, last.errors) == (8, 8, 2)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    spent = [fetcher.reply(request).cost_usd for request in project.pairs(4)]
    assert last.spent_usd == sum(cost for cost in spent if cost is not None)
    assert last.spent_usd > 0
    assert last.unpriced == 0


@pytest.mark.parametrize(
    ("done", "spent", "unpriced", "shown"),
    [
        (0, "0", 0, "0/80 replies, 0.0/s"),
        (8, "0.0123", 0, "8/80 replies, 2.0/s, $0.0123, 36 s left"),
        (8, "0.0123", 3, "8/80 replies, 2.0/s, at least $0.0123, 36 s left"),
        (8, "0", 8, "8/80 replies, 2.0/s, cost unknown, 36 s left"),
        (8, "0", 0, "8/80 replies, 2.0/s, $0.0000, 36 s left"),
    ],
)
def test_progress_never_counts_an_unknown_cost_as_zero(done, spent, unpriced, shown):
    """A partial sum says that it is partial; a free model has a known cost of nothing."""
    elapsed_s = done / 2
    progress = Progress(done=done, total=80, errors=0, elapsed_s=elapsed_s, spent_usd=Decimal(spent), unpriced=unpriced)
    assert tail(progress) == shown


def test_progress_counts_answers_without_a_price(project):
    """A call that failed without a price is not one of them."""
    project.relay.control(faults=[{"kind": "500", "times": 1}, {"kind": "no-usage", "times": 2}])
    seen = []
    fetcher = project.fetcher()
    fetcher.fetch(fetcher.missing(project.pairs(4)), seen.append, every_s=0.001)
    assert (seen[-1].errors, seen[-1].unpriced) == (1, 2)


@pytest.mark.parametrize(
    ("done", "elapsed_s", "rate", "left"),
    [(0, 2.0, 0.0, None), (4, 2.0, 2.0, 3.0), (10, 5.0, 2.0, 0.0), (0, 0.0, 0.0, None)],
)
def test_progress_tells_rate_and_time_left(done, elapsed_s, rate, left):
    """At the rate so far; unknown before the first reply."""
    progress = Progress(done=done, total=10, errors=0, elapsed_s=elapsed_s, spent_usd=Decimal(0))
    assert (progress.rate_per_s, progress.left_s) == (rate, left)


def test_relay_statistics_and_warnings_are_available(project):
    """The number of requests, and the announcements in the list of models."""
    fetcher = project.fetcher()
    assert (fetcher.stats(), fetcher.warnings) == (None, ())
    project.fetch(fetcher, project.pairs(2))
    assert fetcher.stats().requests == 5  # the list of models, and four chats
    assert fetcher.warnings == ()
    assert Path(project.file).exists() is False


def test_time_left_with_a_clock_that_has_not_moved():
    """A coarse clock may stand still during the first reply, and showing the progress must not fail."""
    progress = Progress(done=1, total=2, errors=0, elapsed_s=0.0, spent_usd=Decimal(0))
    assert progress.left_s in (None, 0.0)


def test_each_fetch_counts_from_zero(project):
    """The progress bar of a second fetch never shows more replies than it requested."""
    fetcher, seen = project.fetcher(), []
    fetcher.fetch(project.pairs(3), lambda progress: None, every_s=0.01)
    fetcher.fetch([project.request("one-more")], seen.append, every_s=0.01)
    assert (seen[-1].done, seen[-1].total) == (1, 1)


def test_request_after_the_end_of_the_run_does_not_wait(project):
    """A test body that sends a request after the relay refused everything gets the same error, and does not hang."""
    project.relay.control(key="the-right-one")
    fetcher = project.fetcher()
    ended(project, fetcher, [project.request("a")])
    fetcher.start([project.request("late")])
    assert fetcher.unfinished == 0


def test_request_of_a_metric_is_recorded_and_not_timed(project):
    """It uses the route of the metric, is recorded like a reply, and is not timed; a miss names the metric."""
    body = {"input": "A lamp."}
    key = ReplyKey("a", EMBEDDER, request_hash(body), 0)
    request = ReplyRequest("semantic", project.arm(EMBEDDER), key, project.file, body, "embeddings", "semantic")
    fetcher = project.fetcher()
    [reply] = project.fetch(fetcher, [request])
    assert project.relay.stats()["paths"]["POST /v1/embeddings"] == 1
    assert fetcher.median_latency_s is None
    fetcher.stop()
    merge_journals(project.root)
    assert project.fetcher(record="none").reply(request).text == reply.text
    with pytest.raises(RecordingError, match=r"no recording for case 'b' \(semantic, text-embedding-3-small\)"):
        project.fetcher(record="none").reply(request._replace(key=key._replace(case="b", request="0")))


def test_unlisted_models_of_metrics_are_warnings(project):
    """Each model that is not listed is a warning; neither is requested before it is needed."""
    asked = [(project.arm("gpt-9"), "chat"), (project.arm(EMBEDDER), "embeddings")]
    fetcher = project.fetcher(asked_models=lambda: asked)
    project.fetch(fetcher, project.pairs(1))
    assert fetcher.warnings == (
        "the relay lists no model 'gpt-9', did you mean gpt-4.1?; it may serve it all the same",
        "the relay lists no model 'text-embedding-3-small'; it may serve it all the same",
    )
    fetcher.stop()
    del asked[0]
    fetcher = project.fetcher(asked_models=lambda: asked)
    project.fetch(fetcher, project.pairs(1))
    assert fetcher.warnings == ("the relay lists no model 'text-embedding-3-small'; it may serve it all the same",)


def test_deeply_nested_answer_ends_only_its_own_case(project):
    """Tool calls nested hundreds deep could be neither recorded nor shown; nothing of them is stored."""
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": deep(300)}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    choices = [{"index": 0, "finish_reason": "tool_calls", "message": message}]
    project.relay.control(faults=[{"kind": "fields", "model": TREATMENT, "fields": {"choices": choices}, "times": 1}])
    requests = project.pairs(2)
    replies = project.fetch(project.fetcher(), requests)
    (failed,) = [reply for reply in replies if reply.outcome != "ok"]
    assert (failed.model, failed.outcome, failed.tool_calls) == (TREATMENT, "error", ())
    assert failed.error == "the answer is nested more than 100 levels deep"
    assert failed.error_slug == "relay-answer-deep"
    project.fetchers[-1].stop()
    merge_journals(project.root)
    assert len(Recordings(project.root).keys(project.file)) == 3
