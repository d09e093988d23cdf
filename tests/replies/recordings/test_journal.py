"""A reply that was paid for is on disk before anybody sees it, whole, without secrets, whatever happens next."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from decimal import Decimal
from textwrap import dedent

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.fingerprint import redactor, request_hash
from pytest_graysplit.replies.recordings import Recordings, leftovers, merge_journals, state_dir
from pytest_graysplit.replies.recordings.journal import recordable
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.replies.recordings.records import decode_reply, reply_line
from pytest_graysplit.types import Reply, ReplyKey, ToolCall, Usage

odd_text = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
maybe = st.none() | odd_text
seconds = st.none() | st.floats(0, 1e6)
tokens = st.integers(0, 10**9)
replies = st.builds(
    Reply,
    model=odd_text,
    outcome=st.sampled_from(["ok", "empty", "refusal", "truncated", "filtered"]),
    text=odd_text,
    served_model=maybe,
    latency_s=seconds,
    ttft_s=seconds,
    usage=st.none() | st.builds(Usage, prompt=tokens, completion=tokens, cached=tokens, total=tokens),
    reported_cost_usd=st.none() | st.decimals(0, 100, places=6),
    attempts=st.integers(1, 9),
    finish_reason=maybe,
    tool_calls=st.lists(
        st.builds(ToolCall, odd_text, st.dictionaries(odd_text, odd_text | st.integers(), max_size=2), maybe)
        | st.builds(ToolCall, odd_text, st.just({}), maybe, odd_text),
        max_size=2,
    ).map(tuple),
    fell_back=st.booleans(),
    queue_s=st.floats(0, 10),
    in_flight=st.none() | st.integers(1, 10**6),
    response_id=maybe,
    at=st.just("2026-11-23T10:00:00Z"),
)


def joined(value):
    """The value with surrogate halves joined, as JSON has no way to keep two neighbours apart."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {joined(name): joined(part) for name, part in value.items()}
    if isinstance(value, ToolCall):
        return [joined(part) for part in (value.name, dict(value.arguments), value.id, value.arguments_text)]
    return [joined(part) for part in value] if isinstance(value, list | tuple) else value


def told(reply):
    return [joined(getattr(reply, name)) for name in Reply.__slots__ if name != "replayed"]


LONE = "lone \ud800 half"


@given(replies, odd_text)
@example(Reply(model=LONE, outcome="ok", text=LONE, tool_calls=(ToolCall(LONE, {LONE: LONE}, LONE),)), LONE)
def test_every_reply_survives_being_stored(reply, case):
    """Any text a relay may send, lone surrogates included, comes back as it was."""
    key = ReplyKey(case, reply.model, "0123456789abcdef", 0)
    line = encode(reply_line(key, reply, at=""))
    assert b"\n" not in line
    assert line.decode()
    assert told(decode_reply(line)) == told(reply)


@given(text=odd_text, case=odd_text)
@example(text=LONE, case=LONE)
def test_odd_texts_survive_journal_and_merge(tmp_path_factory, bench_class, text, case):
    """The whole way, from append to replay, works for texts that no encoder likes."""
    bench = bench_class(tmp_path_factory.mktemp("odd"))
    body = {"messages": [{"role": "user", "content": text}]}
    key = bench.key(case, body=body)
    journal = bench.journal()
    journal.append(bench.file, key, body, bench.reply(text))
    journal.close()
    assert merge_journals(bench.root).problems == ()
    stored = Recordings(bench.root).reply(bench.file, key._replace(case=joined(case)))
    assert joined(stored.text) == joined(text)


def test_a_journal_line_says_all_that_is_needed(bench):
    """Where the reply belongs, what was asked, what came back, in a fixed order; no cost, no header, no role."""
    reply = bench.reply(
        usage=Usage(prompt=12, completion=60, total=72), cost_usd=Decimal(1), reported_cost_usd=Decimal("0.10"),
        latency_s=1.21, ttft_s=0.2, attempts=2, finish_reason="stop", served_model="claude-sonnet-4.5-20250929",
        at=None,
    )  # fmt: skip
    journal = bench.journal(now=lambda: "2026-11-23T10:00:00.000Z")
    journal.append(bench.file, bench.key(), {"model": "claude-sonnet-4.5", **bench.body}, reply)
    journal.close()
    assert journal.path.name == f"new-run1-{os.getpid()}.jsonl"
    assert journal.path.read_text() == (
        '{"format":1,"into":"tests/__graysplit__/test_support.jsonl","request":"6dd8be9881cd1e9b",'
        '"body":{"messages":[{"content":"What is your refund policy?","role":"user"}],"temperature":0},'
        '"reply":{"format":1,"case":"refund-policy","model":"claude-sonnet-4.5","request":"6dd8be9881cd1e9b",'
        '"sample":0,"outcome":"ok","text":"30 days.","finish_reason":"stop",'
        '"served_model":"claude-sonnet-4.5-20250929","usage":{"prompt":12,"completion":60,"total":72},'
        '"reported_cost_usd":"0.10","latency_s":1.21,"ttft_s":0.2,"attempts":2,"at":"2026-11-23T10:00:00.000Z"}}\n'
    )
    assert (bench.root / ".graysplit" / ".gitignore").read_text() == "*\n"


def test_the_moment_is_that_of_now_where_the_reply_does_not_tell(bench):
    """Newest wins needs a moment on every reply."""
    bench.record((bench.key(), bench.reply(at=None)))
    merge_journals(bench.root)
    at = Recordings(bench.root).reply(bench.file, bench.key()).at
    assert at.endswith("Z")
    assert abs(time.time() - time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60


@pytest.mark.parametrize("fields", [{"outcome": "error"}, {"retryable": True}, {"replayed": True}])
def test_only_what_a_model_said_is_stored(bench, fields):
    """Failures of relay and network are never replayed, and nothing is stored twice."""
    assert not recordable(bench.reply(**fields))
    bench.record((bench.key(), bench.reply(**fields)))
    assert list(bench.root.iterdir()) == []


def test_no_secret_reaches_the_disk(bench):
    """Not in the request, not in the answer, not in a case's name; hash and moment stay as they are."""
    secret = "5b"  # as nasty as can be: it is part of the hash and of the moment
    body = {"messages": [{"role": "user", "content": f"my key is {secret}"}]}
    key = ReplyKey(f"case[{secret}]", "m", "5b5b", 0)
    journal = bench.journal(redact=redactor([secret]))
    journal.append(bench.file, key, body, bench.reply(f"You said {secret}.", response_id=secret, at="5b"))
    journal.close()
    (line,) = bench.lines(journal.path)
    assert json.loads(line) == {
        "format": 1, "into": "tests/__graysplit__/test_support.jsonl", "request": "5b5b",
        "body": {"messages": [{"role": "user", "content": "my key is [redacted]"}]},
        "reply": {"format": 1, "case": "case[[redacted]]", "model": "m", "request": "5b5b", "sample": 0,
                  "outcome": "ok", "text": "You said [redacted].", "response_id": "[redacted]", "at": "5b"},
    }  # fmt: skip


def test_no_secret_reaches_the_disk_in_a_tool_call(bench):
    """Not in its name, its id or its arguments, where it may also be a number or the name of an argument."""
    call = ToolCall("f-12345678", {"12345678": ["12345678", 12345678, 1.5]}, "12345678")
    broken = ToolCall("f", {}, None, '{"a": 12345678')
    journal = bench.journal(redact=redactor(["12345678"]))
    journal.append(bench.file, bench.key(), bench.body, bench.reply(tool_calls=(call, broken)))
    journal.close()
    merge_journals(bench.root)
    assert Recordings(bench.root).reply(bench.file, bench.key()).tool_calls == (
        ToolCall("f-[redacted]", {"[redacted]": ["[redacted]", "[redacted]", 1.5]}, "[redacted]"),
        ToolCall("f", {}, None, '{"a": [redacted]'),
    )


def test_threads_do_not_tear_each_others_lines(bench):
    """Eight threads that append at once leave every line whole."""
    journal = bench.journal()

    def write(thread):
        for n in range(50):
            journal.append(bench.file, bench.key(f"{thread}-{n}"), bench.body, bench.reply("x" * 5000))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    (left,) = leftovers(bench.root)
    assert len(set(left.keys)) == 400
    assert merge_journals(bench.root).warnings == ()


def test_a_journal_can_be_opened_before_anything_is_paid_for(bench):
    """`open` creates file and lock; closing twice does no harm, and nothing stays of a journal without a reply."""
    journal = bench.journal()
    journal.open()
    assert journal.path.exists()
    assert leftovers(bench.root) == []
    journal.close()
    journal.close()
    assert not journal.path.exists()
    assert leftovers(bench.root) == []


def test_an_unwritable_folder_is_told_before_anything_is_paid_for(bench):
    """The message names the folder and the way out."""
    (bench.root / ".graysplit").write_text("a file where the folder should be")
    with pytest.raises(RecordingError) as caught:
        bench.journal().open()
    assert str(caught.value) == (
        f"{bench.root}/.graysplit/journal cannot be written: Not a directory\n"
        "  hint: make room or give write permission there, or run with --graysplit-record=none (replay only) "
        "or off (store nothing)  [recording-unwritable]"
    )


def test_a_journal_that_cannot_be_created_is_told(bench):
    """A folder of its name is in the way."""
    journal = bench.journal()
    journal.path.mkdir(parents=True)
    with pytest.raises(RecordingError, match="cannot be written: Is a directory"):
        journal.open()


def test_a_lock_that_cannot_be_taken_is_told(bench):
    """A folder where the lock should be is told like any other folder that cannot be written."""
    journal = bench.journal()
    journal.path.with_suffix(".lock").mkdir(parents=True)
    with pytest.raises(RecordingError, match="cannot be written: Is a directory"):
        journal.open()


def test_a_journal_held_by_another_process_is_told(bench, monkeypatch):
    """Two processes never write one journal: the second says so instead of waiting for ever."""
    monkeypatch.setattr(state_dir, "LOCK_WAIT_S", 0.01)
    first, second = bench.journal(), bench.journal()
    first.open()
    with pytest.raises(RecordingError) as caught:
        second.open()
    first.close()
    assert str(caught.value) == (
        f".graysplit/journal/new-run1-{os.getpid()}.jsonl has been locked by another process for 0.01 s\n"
        "  hint: wait until the other pytest or graysplit has ended, then run again; what was recorded is in the "
        "journal  [recording-locked]"
    )


def test_a_full_disk_costs_one_reply_and_no_other(bench, monkeypatch):
    """A line cut short by a full disk is told, and does not run into the next line."""
    write, full = os.write, [None, None, OSError(28, "No space left on device")]

    def nearly_full(fd, data):
        if len(full) == 3 or not full:
            del full[:1]
            return write(fd, data)
        if failure := full.pop(0):
            raise failure
        return write(fd, data[:40])

    monkeypatch.setattr(os, "write", nearly_full)
    journal = bench.journal()
    journal.append(bench.file, bench.key("first"), bench.body, bench.reply())
    with pytest.raises(RecordingError, match="cannot be written: No space left on device"):
        journal.append(bench.file, bench.key("lost"), bench.body, bench.reply())
    journal.append(bench.file, bench.key("next"), bench.body, bench.reply())
    journal.close()
    (left,) = leftovers(bench.root)
    assert [key.case for _, key in left.keys] == ["first", "next"]
    assert [warning.split(": ")[1:] for warning in merge_journals(bench.root).warnings] == [
        ["is not JSON (Unterminated string starting at", "line 1 column 20 (char 19)); skipped"]
    ]


WRITER = """
    import sys
    from pathlib import Path
    from pytest_graysplit.replies.recordings import Journal
    from pytest_graysplit.types import Reply, ReplyKey

    root = Path(sys.argv[1])
    journal = Journal(root, mode="all", run_id="killed")
    for n in range(10**9):
        reply = Reply(model="m", outcome="ok", text="x" * 2000, at="2026-11-23T10:00:00Z")
        journal.append(root / "__graysplit__/a.jsonl", ReplyKey(f"case-{n}", "m", "0" * 16, 0), {"n": n}, reply)
        print(n, flush=True)
"""


def test_kill_minus_nine_loses_nothing(bench):
    """Every reply that the process had told of before SIGKILL is taken in; a torn last line is a warning."""
    script = bench.root / "writer.py"
    script.write_text(dedent(WRITER))
    with subprocess.Popen([sys.executable, script, bench.root], stdout=subprocess.PIPE, text=True) as writer:
        for line in writer.stdout:
            if int(line) == 300:
                assert leftovers(bench.root) == []  # it lives
                break
        os.kill(writer.pid, signal.SIGKILL)
        told = [int(line) for line in writer.stdout if line.endswith("\n")]
    (left,) = leftovers(bench.root)
    assert left.mode == "all"
    assert merge_journals(bench.root).replies == len(left.keys) >= max(told, default=300) + 1
    recordings = Recordings(bench.root)
    wanted = [ReplyKey(f"case-{n}", "m", "0" * 16, 0) for n in range(max(told, default=300) + 1)]
    assert all(recordings.reply(bench.root / "__graysplit__/a.jsonl", key).text == "x" * 2000 for key in wanted)


def test_the_hash_of_a_body_does_not_depend_on_its_redaction(bench):
    """A run with a key and one without it find the same recording."""
    assert request_hash({"a": "s3cret"}) != request_hash({"a": "[redacted]"})
    journal = bench.journal(redact=redactor(["s3cret"]))
    body = {"a": "s3cret"}
    journal.append(bench.file, bench.key(body=body), body, bench.reply())
    journal.close()
    merge_journals(bench.root)
    assert Recordings(bench.root).reply(bench.file, bench.key(body=body)) is not None
