"""A paid reply is on disk before it is used, whole, without secrets, whichever way the process ends."""

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
from pytest_graysplit.replies.recordings import Recordings, merge_journals, state_dir, unmerged_journals
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
    """Return the value with surrogate halves joined, as JSON cannot keep two neighbours apart."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    if isinstance(value, dict):
        return {joined(name): joined(part) for name, part in value.items()}
    if isinstance(value, ToolCall):
        return [joined(part) for part in (value.name, dict(value.arguments), value.id, value.arguments_text)]
    return [joined(part) for part in value] if isinstance(value, list | tuple) else value


def compared(reply):
    return [joined(getattr(reply, name)) for name in Reply.__slots__ if name != "replayed"]


LONE = "lone \ud800 half"


@given(replies, odd_text)
@example(Reply(model=LONE, outcome="ok", text=LONE, tool_calls=(ToolCall(LONE, {LONE: LONE}, LONE),)), LONE)
def test_every_reply_survives_being_stored(reply, case):
    """Any text of a relay, lone surrogates included, is read back unchanged."""
    key = ReplyKey(case, reply.model, "0123456789abcdef", 0)
    line = encode(reply_line(key, reply, at=""))
    assert b"\n" not in line
    assert line.decode()
    assert compared(decode_reply(line)) == compared(reply)


@given(text=odd_text, case=odd_text)
@example(text=LONE, case=LONE)
def test_unusual_texts_survive_journal_and_merge(tmp_path_factory, project_class, text, case):
    """From append to replay, also for texts that encoders refuse."""
    project = project_class(tmp_path_factory.mktemp("odd"))
    body = {"messages": [{"role": "user", "content": text}]}
    key = project.key(case, body=body)
    journal = project.journal()
    journal.append(project.file, key, body, project.reply(text))
    journal.close()
    assert merge_journals(project.root).problems == ()
    stored = Recordings(project.root).reply(project.file, key._replace(case=joined(case)))
    assert joined(stored.text) == joined(text)


def test_journal_line_has_file_request_and_reply(project):
    """In a fixed order; no cost, no header, no role."""
    reply = project.reply(
        usage=Usage(prompt=12, completion=60, total=72), cost_usd=Decimal(1), reported_cost_usd=Decimal("0.10"),
        latency_s=1.21, ttft_s=0.2, attempts=2, finish_reason="stop", served_model="claude-sonnet-4.5-20250929",
        at=None,
    )  # fmt: skip
    journal = project.journal(now=lambda: "2026-11-23T10:00:00.000Z")
    journal.append(project.file, project.key(), {"model": "claude-sonnet-4.5", **project.body}, reply)
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
    assert (project.root / ".graysplit" / ".gitignore").read_text() == "*\n"


def test_reply_without_a_time_gets_the_current_one(project):
    """The newest reply wins, so each needs a time."""
    project.record((project.key(), project.reply(at=None)))
    merge_journals(project.root)
    at = Recordings(project.root).reply(project.file, project.key()).at
    assert at.endswith("Z")
    assert abs(time.time() - time.mktime(time.strptime(at[:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 60


@pytest.mark.parametrize("fields", [{"outcome": "error"}, {"retryable": True}, {"replayed": True}])
def test_only_answers_of_models_are_stored(project, fields):
    """Failures of relay and network are never replayed, and nothing is stored twice."""
    assert not recordable(project.reply(**fields))
    project.record((project.key(), project.reply(**fields)))
    assert list(project.root.iterdir()) == []


def test_no_secret_reaches_the_disk(project):
    """Not in the request, not in the answer, not in a case's name; hash and time are not changed."""
    secret = "5b"  # the worst case: it is part of the hash and of the time
    body = {"messages": [{"role": "user", "content": f"my key is {secret}"}]}
    key = ReplyKey(f"case[{secret}]", "m", "5b5b", 0)
    journal = project.journal(redact=redactor([secret]))
    journal.append(project.file, key, body, project.reply(f"You said {secret}.", response_id=secret, at="5b"))
    journal.close()
    (line,) = project.lines(journal.path)
    assert json.loads(line) == {
        "format": 1, "into": "tests/__graysplit__/test_support.jsonl", "request": "5b5b",
        "body": {"messages": [{"role": "user", "content": "my key is [redacted]"}]},
        "reply": {"format": 1, "case": "case[[redacted]]", "model": "m", "request": "5b5b", "sample": 0,
                  "outcome": "ok", "text": "You said [redacted].", "response_id": "[redacted]", "at": "5b"},
    }  # fmt: skip


def test_no_secret_reaches_the_disk_in_a_tool_call(project):
    """Not in its name, its id or its arguments, where it may also be a number or the name of an argument."""
    call = ToolCall("f-12345678", {"12345678": ["12345678", 12345678, 1.5]}, "12345678")
    broken = ToolCall("f", {}, None, '{"a": 12345678')
    journal = project.journal(redact=redactor(["12345678"]))
    journal.append(project.file, project.key(), project.body, project.reply(tool_calls=(call, broken)))
    journal.close()
    merge_journals(project.root)
    assert Recordings(project.root).reply(project.file, project.key()).tool_calls == (
        ToolCall("f-[redacted]", {"[redacted]": ["[redacted]", "[redacted]", 1.5]}, "[redacted]"),
        ToolCall("f", {}, None, '{"a": [redacted]'),
    )


def test_threads_do_not_mix_their_lines(project):
    """Eight threads that append at once leave every line whole."""
    journal = project.journal()

    def write(thread):
        for n in range(50):
            journal.append(project.file, project.key(f"{thread}-{n}"), project.body, project.reply("x" * 5000))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    (left,) = unmerged_journals(project.root)
    assert len(set(left.keys)) == 400
    assert merge_journals(project.root).warnings == ()


def test_a_journal_can_be_opened_before_anything_is_paid_for(project):
    """`open` creates file and lock; closing twice does no harm, and an empty journal is removed."""
    journal = project.journal()
    journal.open()
    assert journal.path.exists()
    assert unmerged_journals(project.root) == []
    journal.close()
    journal.close()
    assert not journal.path.exists()
    assert unmerged_journals(project.root) == []


def test_unwritable_folder_is_reported_before_anything_is_paid_for(project):
    """The message names the folder and the remedy."""
    (project.root / ".graysplit").write_text("a file where the folder should be")
    with pytest.raises(RecordingError) as caught:
        project.journal().open()
    assert str(caught.value) == (
        f"{project.root}/.graysplit/journal cannot be written: Not a directory\n"
        "  hint: make room or give write permission there, or run with --graysplit-record=none (replay only) "
        "or off (store nothing)  [recording-unwritable]"
    )


def test_journal_that_cannot_be_created_is_reported(project):
    """A folder has its name."""
    journal = project.journal()
    journal.path.mkdir(parents=True)
    with pytest.raises(RecordingError, match="cannot be written: Is a directory"):
        journal.open()


def test_lock_that_cannot_be_taken_is_reported(project):
    """A folder in the place of the lock is reported like any other folder that cannot be written."""
    journal = project.journal()
    journal.path.with_suffix(".lock").mkdir(parents=True)
    with pytest.raises(RecordingError, match="cannot be written: Is a directory"):
        journal.open()


def test_journal_held_by_another_process_is_reported(project, monkeypatch):
    """Two processes never write one journal: the second reports it instead of waiting forever."""
    monkeypatch.setattr(state_dir, "LOCK_WAIT_S", 0.01)
    first, second = project.journal(), project.journal()
    first.open()
    with pytest.raises(RecordingError) as caught:
        second.open()
    first.close()
    assert str(caught.value) == (
        f".graysplit/journal/new-run1-{os.getpid()}.jsonl has been locked by another process for 0.01 s\n"
        "  hint: wait until the other pytest or graysplit has ended, then run again; what was recorded is in the "
        "journal  [recording-locked]"
    )


def test_full_disk_costs_only_one_reply(project, monkeypatch):
    """A line cut short by a full disk is reported, and does not run into the next line."""
    write, full = os.write, [None, None, OSError(28, "No space left on device")]

    def nearly_full(fd, data):
        if len(full) == 3 or not full:
            del full[:1]
            return write(fd, data)
        if failure := full.pop(0):
            raise failure
        return write(fd, data[:40])

    monkeypatch.setattr(os, "write", nearly_full)
    journal = project.journal()
    journal.append(project.file, project.key("first"), project.body, project.reply())
    with pytest.raises(RecordingError, match="cannot be written: No space left on device"):
        journal.append(project.file, project.key("lost"), project.body, project.reply())
    journal.append(project.file, project.key("next"), project.body, project.reply())
    journal.close()
    (left,) = unmerged_journals(project.root)
    assert [key.case for _, key in left.keys] == ["first", "next"]
    assert [warning.split(": ")[1:] for warning in merge_journals(project.root).warnings] == [
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


def test_sigkill_loses_no_reply(project):
    """Every reply that the process reported before SIGKILL is merged; a torn last line is a warning."""
    script = project.root / "writer.py"
    script.write_text(dedent(WRITER))
    with subprocess.Popen([sys.executable, script, project.root], stdout=subprocess.PIPE, text=True) as writer:
        for line in writer.stdout:
            if int(line) == 300:
                assert unmerged_journals(project.root) == []  # the process is alive
                break
        os.kill(writer.pid, signal.SIGKILL)
        reported = [int(line) for line in writer.stdout if line.endswith("\n")]
    (left,) = unmerged_journals(project.root)
    assert left.mode == "all"
    assert merge_journals(project.root).replies == len(left.keys) >= max(reported, default=300) + 1
    recordings = Recordings(project.root)
    wanted = [ReplyKey(f"case-{n}", "m", "0" * 16, 0) for n in range(max(reported, default=300) + 1)]
    assert all(recordings.reply(project.root / "__graysplit__/a.jsonl", key).text == "x" * 2000 for key in wanted)


def test_the_hash_of_a_body_does_not_depend_on_its_redaction(project):
    """A run with a key and one without it find the same recording."""
    assert request_hash({"a": "s3cret"}) != request_hash({"a": "[redacted]"})
    journal = project.journal(redact=redactor(["s3cret"]))
    body = {"a": "s3cret"}
    journal.append(project.file, project.key(body=body), body, project.reply())
    journal.close()
    merge_journals(project.root)
    assert Recordings(project.root).reply(project.file, project.key(body=body)) is not None
