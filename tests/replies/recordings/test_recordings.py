"""A reply that was journalled and merged is found again, by its key or under a new name of its case."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings import Recordings, merge_journals, state_dir
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.replies.recordings.recording_file import Shelf
from pytest_graysplit.replies.recordings.records import reply_line


@pytest.fixture
def stored(bench):
    """A file with one reply of the case refund-policy."""
    bench.record((bench.key(), bench.reply()))
    merge_journals(bench.root)
    return Recordings(bench.root)


def test_a_recorded_reply_is_replayed(bench, stored):
    """What comes back is the reply, marked as replayed."""
    assert stored.reply(bench.file, bench.key()) == bench.reply(replayed=True)
    assert stored.keys(bench.file) == {bench.key()}


def test_a_renamed_case_keeps_its_recording(bench, stored):
    """The same request to the same model needs no new call because a test was renamed."""
    for name in ("renamed", "renamed again"):
        assert stored.reply(bench.file, bench.key(name)).text == "30 days."


@pytest.mark.parametrize("other", [{"model": "other"}, {"sample": 1}, {"body": {"messages": []}}])
def test_another_question_is_no_recording(bench, stored, other):
    """Another model, sample or request is never answered from what was recorded."""
    assert stored.reply(bench.file, bench.key(**other)) is None


def test_of_two_renamed_cases_the_newest_reply_counts(bench):
    """Where several cases ask one thing, a new name gets the newest reply, whichever order they stand in."""
    bench.record(
        (bench.key("a"), bench.reply("old", at="2026-11-01T00:00:00Z")),
        (bench.key("b"), bench.reply("new", at="2026-11-02T00:00:00Z")),
        (bench.key("c"), bench.reply("older", at="2026-10-02T00:00:00Z")),
    )
    merge_journals(bench.root)
    assert Recordings(bench.root).reply(bench.file, bench.key("d")).text == "new"


def test_without_a_file_nothing_is_recorded(bench):
    """An absent file is an empty one, and asking for it creates nothing."""
    recordings = Recordings(bench.root)
    assert recordings.reply(bench.file, bench.key()) is None
    assert recordings.keys(bench.file) == frozenset()
    assert list(bench.root.iterdir()) == []


def test_a_case_that_holds_a_secret_is_still_found(bench):
    """Keys are redacted in the file, and looked up as redacted."""

    def redact(text):
        return text.replace("s3cret", "[redacted]")

    journal = bench.journal(redact=redact)
    journal.append(bench.file, bench.key("ask s3cret"), bench.body, bench.reply())
    journal.close()
    merge_journals(bench.root)
    assert "s3cret" not in bench.file.read_text()
    assert Recordings(bench.root, redact).reply(bench.file, bench.key("ask s3cret")).text == "30 days."


def test_a_file_of_another_system_is_read(bench, stored):
    """Marks and line ends that editors and git put there change nothing; blank lines neither."""
    data = b"\xef\xbb\xbf" + bench.file.read_bytes().replace(b"\n", b"\r\n\r\n  \r\n")
    bench.file.write_bytes(data)
    assert stored.reply(bench.file, bench.key()).text == "30 days."


BROKEN = "restore the line from version control, or delete it and record it again with --graysplit-record=new"

CONFLICT = (
    "run `graysplit recordings tidy`, which keeps both sides; "
    "`**/__graysplit__/*.jsonl merge=union` in .gitattributes avoids it"
)


@pytest.mark.parametrize(
    ("line", "problem", "hint", "slug"),
    [
        (b'{"format":1,', "is not JSON (Expecting property name enclosed in double quotes: line 1 column 13 (char 12))",
         BROKEN, "recording-broken"),
        (b'{"format":1,"case":"a"}', "is no recording (Object missing required field `request`)",
         BROKEN, "recording-broken"),
        (b'"a text"', "is no recording (Expected `object`, got `str`)", BROKEN, "recording-broken"),
        (b'{"case":"a\xff"}', "is not UTF-8 (byte 11)", BROKEN, "recording-broken"),
        (b"[" * 9999 + b"]" * 9999, "is nested too deeply", BROKEN, "recording-broken"),
        (b'{"format":2,"reply":{}}', "is format 2, this version reads 1",
         "install the pytest-graysplit that wrote it, or move it away and record anew with --graysplit-record=new",
         "recording-format"),
        (b"<<<<<<< HEAD", "a merge conflict is not resolved",
         CONFLICT, "recording-conflict"),
    ],
    ids=["torn", "field", "kind", "latin-1", "deep", "format", "conflict"],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_named(bench, line, problem, hint, slug):
    """File, line, what is wrong and the way out of it: never a reply that is silently gone."""
    bench.file.parent.mkdir(parents=True)
    bench.file.write_bytes(b"\n\n" + line + b"\n")
    with pytest.raises(RecordingError) as caught:
        Recordings(bench.root).reply(bench.file, bench.key())
    assert str(caught.value) == (
        f"tests/__graysplit__/test_support.jsonl:3: {problem}\n  hint: {hint}  [{slug}]"
    )  # fmt: skip


def test_a_reply_that_is_broken_inside_is_named_when_it_is_wanted(bench, stored):
    """Indexing reads the identity alone; what is wrong further on is told with its line, too."""
    bench.file.write_bytes(bench.file.read_bytes().replace(b'"ok"', b'"fine"'))
    with pytest.raises(RecordingError) as caught:
        stored.reply(bench.file, bench.key())
    assert caught.value.problem == (
        "tests/__graysplit__/test_support.jsonl:2: is no recording (Invalid enum value 'fine' - at `$.outcome`)"
    )


def test_a_file_that_cannot_be_read_is_named(bench):
    """A folder where a file should be is told, not traced back."""
    bench.file.mkdir(parents=True)
    with pytest.raises(RecordingError) as caught:
        Recordings(bench.root).reply(bench.file, bench.key())
    assert str(caught.value) == (
        "tests/__graysplit__/test_support.jsonl cannot be read: Is a directory\n"
        "  hint: make it a file that you may read, or restore it from version control  [recording-unreadable]"
    )


def test_a_file_on_another_drive_is_named_in_full(monkeypatch):
    """Some systems have no relative path from the project to its recordings."""

    def no_way(path, start):
        raise ValueError(path, start)

    monkeypatch.setattr(state_dir.os.path, "relpath", no_way)
    assert state_dir.relative_to(Path("/project"), Path("/elsewhere/x.jsonl")) == "/elsewhere/x.jsonl"


def test_the_documented_lines_are_real(bench):
    """What docs/recordings.md shows is what the code reads and writes, hash included."""
    page = Path(__file__).parents[3] / "docs" / "recordings.md"
    lines = [line.encode() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith('{"format"')]
    shelf = Shelf("docs", lines)
    assert shelf.render() == b"\n".join([*lines, b""])
    assert shelf.body(bench.key().request) == bench.body
    reply = shelf.reply(bench.key())
    assert encode(reply_line(bench.key(), reply, "")) == lines[1]


def test_replay_loads_only_what_it_needs(bench, stored):
    """Neither locks nor word search are imported by a run that only replays."""
    code = (
        "import sys; from pathlib import Path; from pytest_graysplit.replies.recordings import *; "
        f"root, file = Path({str(bench.root)!r}), Path({str(bench.file)!r}); merge_journals(root); "
        "store = Recordings(root); assert all(store.reply(file, key) for key in store.keys(file)); "
        "print({'filelock', 'rapidfuzz', 'httpx', 'asyncio', 'pytest'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


WHOLE = "<think>\nThirty or fourteen?\n</think>\n\n30 days."


def test_thoughts_are_recorded_in_the_text_as_it_was_sent(bench):
    """And told apart again when they are replayed."""
    told = {"text": "30 days.", "reasoning": "Thirty or fourteen?"}
    bench.record((bench.key(), bench.reply(**told, sent_text=WHOLE)))
    merge_journals(bench.root)
    line = json.loads(bench.lines()[-1])
    assert (line["text"], "reasoning" in line) == (WHOLE, False)
    assert Recordings(bench.root).reply(bench.file, bench.key()) == bench.reply(**told, replayed=True)


def test_reasoning_that_was_sent_apart_is_recorded_apart(bench):
    """In a field of its own, which replies without any do not have."""
    told = {"text": "30 days.", "reasoning": "Thirty or fourteen?"}
    bench.record((bench.key(), bench.reply(**told)))
    merge_journals(bench.root)
    assert json.loads(bench.lines()[-1])["reasoning"] == "Thirty or fourteen?"
    assert Recordings(bench.root).reply(bench.file, bench.key()) == bench.reply(**told, replayed=True)


@pytest.mark.parametrize(
    ("text", "outcome", "answer"),
    [
        (WHOLE, "ok", "30 days."),
        ("<think>\nThirty or", "empty", ""),
        (
            "<think>No.</think>I'm sorry, but I can't help with that.",
            "refusal",
            "I'm sorry, but I can't help with that.",
        ),
    ],
)
def test_a_recording_from_before_thoughts_were_told_apart_reads_as_a_new_one(bench, text, outcome, answer):
    """Its line says "ok" and holds the whole text; nothing in it need be changed."""
    bench.record((bench.key(), bench.reply(text)))
    merge_journals(bench.root)
    reply = Recordings(bench.root).reply(bench.file, bench.key())
    assert (reply.outcome, reply.text) == (outcome, answer)
