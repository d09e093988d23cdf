"""The prefetch engine's plan against a real relay: what is sent, what is not, and what is kept."""

import threading
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RecordingError, RelayError
from pytest_graysplit.plugin.run.progress import tail
from pytest_graysplit.replies.fetcher import SEED, Progress, Runner, Wish, shuffled
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Journal, Recordings, merge_journals
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.types import ReplyKey

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"


EMBEDDER = "text-embedding-3-small"


class Bench:
    """A project folder, a relay, and runners on both."""

    def __init__(self, root, relay):
        self.root, self.relay = root, relay
        self.file = root / "tests" / "__graysplit__" / "test_support.jsonl"
        self.runners = []

    def wish(self, case="a", model=CONTROL, sample=0, **body):
        body = {"messages": [{"role": "user", "content": f"Question {case}"}], **body}
        arm = "control" if model == CONTROL else model
        return Wish(arm=arm, key=ReplyKey(case, model, request_hash(body), sample), into=self.file, body=body)

    def pairs(self, n=3):
        return [self.wish(f"case-{number}", model) for number in range(n) for model in (CONTROL, TREATMENT)]

    def runner(self, *, record="new", journal=True, fresh=frozenset(), run_id="run1", asked_models=dict, **settings):
        chosen = Settings(
            control=settings.pop("control", CONTROL),
            treatments=settings.pop("treatments", (TREATMENT,)),
            base_url=settings.pop("base_url", self.relay.url),
            record=record,
            retries=0,
            **settings,
        )
        runner = Runner(
            chosen,
            recordings=Recordings(self.root),
            journal=Journal(self.root, mode=record, run_id=run_id) if journal else None,
            open_relay=lambda: Relay(chosen, is_refusal=lambda text: False),
            prices=PriceTable({}),
            command="--graysplit-record=new",
            fresh=fresh,
            asked_models=asked_models,
        )
        self.runners.append(runner)
        return runner

    def recorded(self, wishes, **options):
        """Have the wishes answered and merged by an earlier run."""
        runner = self.runner(**options)
        replies = self.fetch(runner, wishes)
        runner.stop()
        merge_journals(self.root)
        return replies

    def fetch(self, runner, wishes):
        missing = runner.missing(wishes)
        if missing:
            runner.fetch(missing, lambda progress: None, every_s=0.01)
        return [runner.reply(wish) for wish in wishes]

    def asked(self):
        """What the relay was asked: (model, prompt) in its order."""
        return [(body["model"], body["messages"][-1]["content"]) for body in self.relay.stats()["bodies"]]


@pytest.fixture
def bench(tmp_path, relay):
    bench = Bench(tmp_path, relay)
    yield bench
    for runner in bench.runners:
        runner.stop(grace_s=0.1)


# --- what is sent


def test_each_wish_is_sent_once_although_wanted_twice(bench):
    """Two items that want one reply pay for it once, and both get it."""
    wishes = bench.pairs(2)
    runner = bench.runner()
    replies = bench.fetch(runner, [*wishes, *wishes])
    assert Counter(bench.asked()) == {(wish.key.model, f"Question {wish.key.case}"): 1 for wish in wishes}
    assert replies[:4] == replies[4:]
    assert runner.missing(wishes) == []
    assert bench.fetch(runner, wishes) == replies[:4]
    assert bench.relay.stats()["total"] == 4


def test_the_reply_is_what_the_relay_said_with_its_price(bench):
    """Answer, model and cost arrive where they belong."""
    (reply,) = bench.fetch(bench.runner(), [bench.wish()])
    assert (reply.text, reply.outcome, reply.replayed) == (f"Answer of {CONTROL} to: Question a", "ok", False)
    assert reply.cost_usd == (2 * Decimal(3) + 6 * Decimal(15)) / 1_000_000


def deep(levels):
    value = "end"
    for _ in range(levels):
        value = [value]
    return value


def test_calls_are_sent_in_the_order_they_were_given(bench):
    """The shuffled order is the order in which the relay meets them."""
    wishes = shuffled([bench.pairs(8)[n : n + 2] for n in range(0, 16, 2)])
    bench.fetch(bench.runner(concurrency=1), wishes)
    assert bench.asked() == [(wish.key.model, f"Question {wish.key.case}") for wish in wishes]


def test_sample_n_sends_the_seed_plus_n(bench):
    """Samples differ, and repeat; the recording knows them under one request."""
    wishes = [bench.wish(sample=n, seed=42, temperature=0) for n in range(3)]
    bench.fetch(bench.runner(concurrency=1), wishes)
    bodies = bench.relay.stats()["bodies"]
    assert [body["seed"] for body in bodies] == [42, 43, 44]
    assert bodies[0] == {
        "model": CONTROL,
        "messages": [{"role": "user", "content": "Question a"}],
        "seed": 42,
        "temperature": 0,
    }
    assert len({wish.key.request for wish in wishes}) == 1


@pytest.mark.parametrize("seed", [None, True, "42", 1.5])
def test_a_seed_that_is_no_whole_number_is_sent_as_it_is(bench, seed):
    """Only what can be counted up is."""
    assert bench.wish(sample=2, seed=seed).request()["seed"] is seed
    assert "seed" not in bench.wish(sample=2).request()


# --- order


def test_the_order_is_random_seeded_and_keeps_arms_together():
    """Cases are mixed, the arms of a case stand next to each other in either order, and it repeats."""
    groups = [[f"{case}-control", f"{case}-treatment"] for case in range(40)]
    order = shuffled(groups)
    assert order == shuffled(groups) == shuffled(groups, Random(SEED))
    assert order != shuffled(groups, Random(1))
    assert sorted(order) == sorted(name for group in groups for name in group)
    pairs = [order[n : n + 2] for n in range(0, len(order), 2)]
    assert all(one.split("-")[0] == other.split("-")[0] for one, other in pairs)
    assert {pair[0].split("-")[1] for pair in pairs} == {"control", "treatment"}
    assert [pair[0].split("-")[0] for pair in pairs] != [str(case) for case in range(40)]


def test_the_groups_themselves_are_left_in_order():
    """The caller's lists are not shuffled under its hands."""
    groups = [[1, 2], [3, 4], [5, 6]]
    shuffled(groups)
    assert groups == [[1, 2], [3, 4], [5, 6]]


# --- modes


def test_a_second_run_asks_only_for_what_is_missing(bench):
    """What the first run recorded is replayed, in another process's runner as well."""
    first = bench.recorded([bench.wish("a"), bench.wish("b")])
    runner = bench.runner(run_id="run2")
    wishes = [bench.wish("a"), bench.wish("b"), bench.wish("c")]
    assert [wish.key.case for wish in runner.missing(wishes)] == ["c"]
    replies = bench.fetch(runner, wishes)
    assert [(reply.text, reply.replayed) for reply in replies] == [
        (first[0].text, True),
        (first[1].text, True),
        (f"Answer of {CONTROL} to: Question c", False),
    ]
    assert replies[0].cost_usd == first[0].cost_usd
    assert Counter(prompt for _, prompt in bench.asked()) == {"Question a": 1, "Question b": 1, "Question c": 1}


def test_a_run_that_was_killed_left_its_replies_in_the_journal(bench):
    """Nothing was closed and nothing merged; the next run takes the journal in and asks for the rest alone."""
    bench.fetch(bench.runner(), [bench.wish("a")])
    bench.runners[0]._journal.close()  # a killed process lets go of its lock
    merge_journals(bench.root)
    bench.fetch(bench.runner(run_id="run2"), [bench.wish("a"), bench.wish("b")])
    assert [prompt for _, prompt in bench.asked()] == ["Question a", "Question b"]


def test_mode_all_asks_anew_but_not_for_what_this_recording_has_already(bench):
    """A recording is swapped in whole at its end; one that was interrupted goes on where it stopped."""
    wishes = [bench.wish("a"), bench.wish("b")]
    bench.recorded(wishes)
    assert [wish.key.case for wish in bench.runner(record="all").missing(wishes)] == ["a", "b"]
    resumed = bench.runner(record="all", fresh=frozenset({wishes[0].address}), run_id="run2")
    assert [wish.key.case for wish in resumed.missing(wishes)] == ["b"]
    assert resumed.recorded(wishes[0]).replayed


def test_mode_off_asks_always_and_stores_nothing(bench):
    """Neither a recording is read nor a file written."""
    bench.recorded([bench.wish("a")])
    before = sorted(path for path in bench.root.rglob("*") if path.suffix == ".jsonl")
    runner = bench.runner(record="off", journal=False)
    assert runner.recorded(bench.wish("a")) is None
    (reply,) = bench.fetch(runner, [bench.wish("a")])
    assert not reply.replayed
    assert bench.relay.stats()["total"] == 2
    assert sorted(path for path in bench.root.rglob("*") if path.suffix == ".jsonl") == before


def test_mode_none_replays_and_never_calls(bench):
    """What is recorded is answered; what is not is missed, with the command that records it."""
    bench.recorded([bench.wish("a")])
    runner = bench.runner(record="none", journal=False, base_url="http://127.0.0.1:9/v1")
    assert runner.missing([bench.wish("a"), bench.wish("b")]) == []
    assert runner.reply(bench.wish("a")).replayed
    with pytest.raises(RecordingError) as caught:
        runner.reply(bench.wish("b"))
    assert caught.value.problem.startswith(f"no recording for case 'b' (control, {CONTROL})")
    assert (caught.value.hint, caught.value.slug) == ("run once with --graysplit-record=new", "recording-missing")
    assert (bench.relay.stats()["total"], runner.stats()) == (1, None)


def test_a_reply_that_nobody_fetched_ahead_is_sent_when_it_is_wanted(bench):
    """A prompt that a test body makes up needs no plan."""
    runner = bench.runner()
    assert runner.reply(bench.wish("made-up")).text == f"Answer of {CONTROL} to: Question made-up"
    assert runner.reply(bench.wish("made-up")).text == f"Answer of {CONTROL} to: Question made-up"
    assert bench.relay.stats()["total"] == 1


def test_a_failed_call_is_a_reply_and_is_not_recorded(bench):
    """It counts in this run, and the next one asks again."""
    bench.relay.control(faults=[{"kind": "500"}])
    (reply,) = bench.recorded([bench.wish("a")])
    assert (reply.outcome, reply.error) == ("error", "the relay answered 500: internal error")
    assert [wish.key.case for wish in bench.runner(run_id="run2").missing([bench.wish("a")])] == ["a"]


# --- a relay that cannot be used


def ended(bench, runner, wishes):
    """The one error of a fetch, after seeing that every reply ends in it and none hangs."""
    with pytest.raises(RelayError) as caught:
        runner.fetch(wishes, lambda progress: None, every_s=0.01)
    for wish in wishes:
        with pytest.raises(RelayError) as again:
            runner.reply(wish)
        assert again.value is caught.value
    assert runner.unfinished == 0
    return caught.value


def test_an_unknown_model_ends_everything_after_one_request(bench):
    """The nearest known name is said once, after one request to it."""
    bench.relay.control(faults=[{"kind": "404", "model": "deepseek-v3.1", "message": "no such model", "times": None}])
    runner = bench.runner(treatments=("deepseek-v3.1",))
    error = ended(bench, runner, [bench.wish(case, "deepseek-v3.1") for case in "abc"])
    assert "deepseek-v3.1" in error.problem
    assert "deepseek-v3.2" in str(error)
    assert bench.relay.stats()["requests"]["deepseek-v3.1"] == 1


def test_a_refused_key_ends_everything_with_one_message(bench):
    """One message for the run, not one a case."""
    bench.relay.control(key="the-right-one")
    error = ended(bench, bench.runner(), bench.pairs(20))
    assert isinstance(error, RelayError)
    assert bench.relay.stats()["total"] == 1


def test_a_key_that_is_refused_in_the_middle_ends_the_rest(bench):
    """What came is kept and recorded; what waits ends in the one error."""
    wishes = [bench.wish(f"case-{n}") for n in range(12)]
    bench.relay.control(faults=[{"kind": "401", "match": "case-3", "times": None}])
    runner = bench.runner(concurrency=1)
    with pytest.raises(RelayError) as caught:
        runner.fetch(wishes, lambda progress: None, every_s=0.01)
    assert [runner.reply(wish).text for wish in wishes[:3]] == [
        f"Answer of {CONTROL} to: Question case-{n}" for n in range(3)
    ]
    for wish in wishes[3:]:
        with pytest.raises(RelayError) as again:
            runner.reply(wish)
        assert again.value is caught.value
    assert bench.relay.stats()["total"] == 4
    merge_journals(bench.root)
    assert [wish.key.case for wish in bench.runner(run_id="run2").missing(wishes)] == [
        f"case-{n}" for n in range(3, 12)
    ]


def test_nobody_listening_ends_everything(bench):
    """An address without a relay is told once, and no test waits for it."""
    runner = bench.runner(base_url="http://127.0.0.1:9/v1", timeout_s=5.0)
    assert "127.0.0.1:9" in str(ended(bench, runner, bench.pairs(2)))


def test_a_journal_that_cannot_be_written_ends_the_run(bench):
    """A reply that cannot be kept is not paid for a hundred times: the first one ends it."""
    (bench.root / ".graysplit").write_text("a file where the folder should be")
    runner = bench.runner(concurrency=1)
    wishes = bench.pairs(10)
    with pytest.raises(RecordingError) as caught:
        runner.fetch(wishes, lambda progress: None, every_s=0.01)
    assert caught.value.slug == "recording-unwritable"
    assert caught.value.hint
    assert bench.relay.stats()["total"] == 1
    for wish in wishes:
        with pytest.raises(RecordingError):
            runner.reply(wish)


# --- stopping and progress


def test_stopping_keeps_what_came_and_cancels_the_rest(bench):
    """What was paid for is there and recorded; the rest says that the run was stopped."""
    bench.relay.control(faults=[{"kind": "hang", "match": "case-2", "times": None}])
    wishes = [bench.wish(f"case-{n}") for n in range(6)]
    runner = bench.runner(concurrency=1)
    runner.start(wishes)
    came = [runner.reply(wish) for wish in wishes[:2]]
    runner.stop(grace_s=0.05)
    assert [reply.outcome for reply in came] == ["ok", "ok"]
    for wish in wishes[2:]:
        with pytest.raises(RelayError) as caught:
            runner.reply(wish)
        assert str(caught.value) == (
            "the run was stopped before this reply came\n"
            "  hint: run again: what was answered is kept, and only what is missing is fetched  [run-stopped]"
        )
    assert runner.unfinished == 0
    merge_journals(bench.root)
    assert [wish.key.case for wish in bench.runner(run_id="run2").missing(wishes)] == [f"case-{n}" for n in range(2, 6)]


def test_stopping_waits_for_what_is_in_flight(bench):
    """A reply that is about to come is worth the grace."""
    bench.relay.control(latency=0.1)
    runner = bench.runner()
    runner.start([bench.wish("a")])
    while not bench.relay.stats()["total"]:  # each look is a request of its own
        pass
    runner.stop(grace_s=10)
    assert runner.reply(bench.wish("a")).outcome == "ok"


def test_stopping_before_anything_was_sent_is_nothing(bench):
    """A run that only replays has no thread to end; stopping twice is no harm either."""
    runner = bench.runner()
    runner.stop()
    runner.stop()
    assert runner.unfinished == 0
    assert not [thread for thread in threading.enumerate() if thread.name == "graysplit-relay"]


def test_an_interrupt_while_fetching_stops_the_fetch(bench):
    """Ctrl-C in the middle ends the thread, keeps what came, and is passed on."""
    bench.relay.control(faults=[{"kind": "hang", "match": "case-1", "times": None}])
    wishes = [bench.wish("case-0"), bench.wish("case-1")]
    runner = bench.runner(concurrency=1)

    def interrupt(progress):
        if progress.done:
            runner.stop(grace_s=0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.fetch(wishes, interrupt, every_s=0.01)
    assert runner.reply(wishes[0]).outcome == "ok"
    assert runner.unfinished == 0


def test_progress_counts_replies_errors_and_money(bench):
    """The last look at a fetch tells all of it."""
    bench.relay.control(faults=[{"kind": "500", "times": 2}])
    seen = []
    runner = bench.runner()
    runner.fetch(runner.missing(bench.pairs(4)), seen.append, every_s=0.001)
    last = seen[-1]
    assert (last.done, last.total, last.errors) == (8, 8, 2)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    spent = [runner.reply(wish).cost_usd for wish in bench.pairs(4)]
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
def test_progress_never_takes_an_unknown_cost_for_nothing(done, spent, unpriced, shown):
    """A part of the bill says that it is one; a free model costs nothing, and that is known."""
    elapsed_s = done / 2
    progress = Progress(done=done, total=80, errors=0, elapsed_s=elapsed_s, spent_usd=Decimal(spent), unpriced=unpriced)
    assert tail(progress) == shown


def test_progress_counts_answers_without_a_price(bench):
    """A call that failed without a price is not one of them."""
    bench.relay.control(faults=[{"kind": "500", "times": 1}, {"kind": "no-usage", "times": 2}])
    seen = []
    runner = bench.runner()
    runner.fetch(runner.missing(bench.pairs(4)), seen.append, every_s=0.001)
    assert (seen[-1].errors, seen[-1].unpriced) == (1, 2)


@pytest.mark.parametrize(
    ("done", "elapsed_s", "rate", "left"),
    [(0, 2.0, 0.0, None), (4, 2.0, 2.0, 3.0), (10, 5.0, 2.0, 0.0), (0, 0.0, 0.0, None)],
)
def test_progress_tells_rate_and_time_left(done, elapsed_s, rate, left):
    """At the rate so far; unknown before the first reply."""
    progress = Progress(done=done, total=10, errors=0, elapsed_s=elapsed_s, spent_usd=Decimal(0))
    assert (progress.rate_per_s, progress.left_s) == (rate, left)


def test_the_relay_is_measured_and_its_warnings_are_handed_on(bench):
    """How many requests there were, and what the list of models announced."""
    runner = bench.runner()
    assert (runner.stats(), runner.warnings) == (None, ())
    bench.fetch(runner, bench.pairs(2))
    assert runner.stats().requests == 5  # the list of models, and four chats
    assert runner.warnings == ()
    assert Path(bench.file).exists() is False


def test_the_time_left_is_known_before_the_clock_has_moved():
    """A coarse clock may stand still during the first reply, and showing the progress must not fail."""
    progress = Progress(done=1, total=2, errors=0, elapsed_s=0.0, spent_usd=Decimal(0))
    assert progress.left_s in (None, 0.0)


def test_each_fetch_counts_from_its_own_beginning(bench):
    """The bar of a second fetch never shows more replies than it asked for."""
    runner, seen = bench.runner(), []
    runner.fetch(bench.pairs(3), lambda progress: None, every_s=0.01)
    runner.fetch([bench.wish("one-more")], seen.append, every_s=0.01)
    assert (seen[-1].done, seen[-1].total) == (1, 1)


def test_a_wish_after_the_end_of_the_run_is_not_waited_for(bench):
    """A test body that asks after the relay refused everything is told the same, and does not hang."""
    bench.relay.control(key="the-right-one")
    runner = bench.runner()
    ended(bench, runner, [bench.wish("a")])
    runner.start([bench.wish("late")])
    assert runner.unfinished == 0


def test_what_a_metric_asks_goes_its_own_way(bench):
    """By its route, into the recording like a reply, and out of the latencies; a miss names the metric."""
    body = {"input": "A lamp."}
    key = ReplyKey("a", EMBEDDER, request_hash(body), 0)
    wish = Wish("semantic", key, bench.file, body, "embeddings", "semantic")
    runner = bench.runner()
    [reply] = bench.fetch(runner, [wish])
    assert bench.relay.stats()["paths"]["POST /v1/embeddings"] == 1
    assert runner.median_latency_s is None
    runner.stop()
    merge_journals(bench.root)
    assert bench.runner(record="none").reply(wish).text == reply.text
    with pytest.raises(RecordingError, match=r"no recording for case 'b' \(semantic, text-embedding-3-small\)"):
        bench.runner(record="none").reply(wish._replace(key=key._replace(case="b", request="0")))


def test_models_of_metrics_are_looked_for_in_the_list_too(bench):
    """Each that is not listed is a warning; neither is asked for before somebody needs it."""
    asked = {"gpt-9": "chat", EMBEDDER: "embeddings"}
    runner = bench.runner(asked_models=lambda: asked)
    bench.fetch(runner, bench.pairs(1))
    assert runner.warnings == (
        "the relay lists no model 'gpt-9', did you mean gpt-4.1?; it may serve it all the same",
        "the relay lists no model 'text-embedding-3-small'; it may serve it all the same",
    )
    runner.stop()
    del asked["gpt-9"]
    runner = bench.runner(asked_models=lambda: asked)
    bench.fetch(runner, bench.pairs(1))
    assert runner.warnings == ("the relay lists no model 'text-embedding-3-small'; it may serve it all the same",)


def test_an_answer_that_is_nested_too_deep_ends_only_its_own_case(bench):
    """Tool calls nested hundreds deep could be neither recorded nor shown; nothing of them is stored."""
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": deep(300)}}
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    choices = [{"index": 0, "finish_reason": "tool_calls", "message": message}]
    bench.relay.control(faults=[{"kind": "fields", "model": TREATMENT, "fields": {"choices": choices}, "times": 1}])
    wishes = bench.pairs(2)
    replies = bench.fetch(bench.runner(), wishes)
    (failed,) = [reply for reply in replies if reply.outcome != "ok"]
    assert (failed.model, failed.outcome, failed.tool_calls) == (TREATMENT, "error", ())
    assert failed.error == "the answer is nested more than 100 levels deep"
    assert failed.error_slug == "relay-answer-deep"
    bench.runners[-1].stop()
    merge_journals(bench.root)
    assert len(Recordings(bench.root).keys(bench.file)) == 3
