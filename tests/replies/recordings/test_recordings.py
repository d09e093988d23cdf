"""A journalled and merged reply is found again, by its key or under a new name of its case."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings import Recordings, merge_journals, state_dir
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.replies.recordings.recording_file import RecordingFile
from pytest_graysplit.replies.recordings.records import reply_line


@pytest.fixture
def stored(project):
    """Return a file with one reply of the case refund-policy."""
    project.record((project.key(), project.reply()))
    merge_journals(project.root)
    return Recordings(project.root)


def test_recorded_reply_is_replayed(project, stored):
    """The reply is unchanged, except that it is marked as replayed."""
    assert stored.reply(project.file, project.key()) == project.reply(replayed=True)
    assert stored.keys(project.file) == {project.key()}


def test_renamed_case_keeps_its_recording(project, stored):
    """The same request to the same model needs no new call because a test was renamed."""
    for name in ("renamed", "renamed again"):
        assert stored.reply(project.file, project.key(name)).text == "30 days."


@pytest.mark.parametrize("other", [{"model": "other"}, {"sample": 1}, {"body": {"messages": []}}])
def test_other_model_sample_or_request_has_no_recording(project, stored, other):
    """It is never answered from another recording."""
    assert stored.reply(project.file, project.key(**other)) is None


def test_renamed_case_gets_the_newest_reply(project):
    """Where several cases make one request, in any order of their lines."""
    project.record(
        (project.key("a"), project.reply("old", at="2026-11-01T00:00:00Z")),
        (project.key("b"), project.reply("new", at="2026-11-02T00:00:00Z")),
        (project.key("c"), project.reply("older", at="2026-10-02T00:00:00Z")),
    )
    merge_journals(project.root)
    assert Recordings(project.root).reply(project.file, project.key("d")).text == "new"


def test_missing_file_is_an_empty_one(project):
    """Reading it creates nothing."""
    recordings = Recordings(project.root)
    assert recordings.reply(project.file, project.key()) is None
    assert recordings.keys(project.file) == frozenset()
    assert list(project.root.iterdir()) == []


def test_case_with_a_secret_is_found(project):
    """Keys are redacted in the file, and looked up as redacted."""

    def redact(text):
        return text.replace("s3cret", "[redacted]")

    journal = project.journal(redact=redact)
    journal.append(project.file, project.key("ask s3cret"), project.body, project.reply())
    journal.close()
    merge_journals(project.root)
    assert "s3cret" not in project.file.read_text()
    assert Recordings(project.root, redact).reply(project.file, project.key("ask s3cret")).text == "30 days."


def test_file_with_marks_and_line_ends_of_another_system_is_read(project, stored):
    """Blank lines change nothing either."""
    data = b"\xef\xbb\xbf" + project.file.read_bytes().replace(b"\n", b"\r\n\r\n  \r\n")
    project.file.write_bytes(data)
    assert stored.reply(project.file, project.key()).text == "30 days."


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
        (b'{"format":1,"case":"a"}', "is not a recording (Object missing required field `request`)",
         BROKEN, "recording-broken"),
        (b'"a text"', "is not a recording (Expected `object`, got `str`)", BROKEN, "recording-broken"),
        (b'{"case":"a\xff"}', "is not UTF-8 (byte 11)", BROKEN, "recording-broken"),
        (b"[" * 9999 + b"]" * 9999, "is nested too deeply", BROKEN, "recording-broken"),
        (b'{"format":2,"reply":{}}', "is format 2, this version reads 1",
         "install the pytest-graysplit that wrote it, or move it away and record again with --graysplit-record=new",
         "recording-format"),
        (b"<<<<<<< HEAD", "a merge conflict is not resolved",
         CONFLICT, "recording-conflict"),
    ],
    ids=["torn", "field", "kind", "latin-1", "deep", "format", "conflict"],
)  # fmt: skip
def test_line_that_cannot_be_read_is_named(project, line, problem, hint, slug):
    """With file, line, problem and remedy; no reply is silently missing."""
    project.file.parent.mkdir(parents=True)
    project.file.write_bytes(b"\n\n" + line + b"\n")
    with pytest.raises(RecordingError) as caught:
        Recordings(project.root).reply(project.file, project.key())
    assert str(caught.value) == (
        f"tests/__graysplit__/test_support.jsonl:3: {problem}\n  hint: {hint}  [{slug}]"
    )  # fmt: skip


def test_broken_reply_is_named_when_it_is_needed(project, stored):
    """Indexing reads the identity alone; a problem further on is reported with its line, too."""
    project.file.write_bytes(project.file.read_bytes().replace(b'"ok"', b'"fine"'))
    with pytest.raises(RecordingError) as caught:
        stored.reply(project.file, project.key())
    assert caught.value.problem == (
        "tests/__graysplit__/test_support.jsonl:2: is not a recording (Invalid enum value 'fine' - at `$.outcome`)"
    )


def test_file_that_cannot_be_read_is_named(project):
    """A folder in the place of a file is a message, not a traceback."""
    project.file.mkdir(parents=True)
    with pytest.raises(RecordingError) as caught:
        Recordings(project.root).reply(project.file, project.key())
    assert str(caught.value) == (
        "tests/__graysplit__/test_support.jsonl cannot be read: Is a directory\n"
        "  hint: make it a file that you may read, or restore it from version control  [recording-unreadable]"
    )


def test_file_on_another_drive_is_named_in_full(monkeypatch):
    """Some systems have no relative path from the project to its recordings."""

    def no_way(path, start):
        raise ValueError(path, start)

    monkeypatch.setattr(state_dir.os.path, "relpath", no_way)
    assert state_dir.relative_to(Path("/project"), Path("/elsewhere/x.jsonl")) == "/elsewhere/x.jsonl"


def test_documented_lines_are_real(project):
    """The code reads and writes the lines of docs/recordings.md, with their hashes."""
    page = Path(__file__).parents[3] / "docs" / "recordings.md"
    lines = [line.encode() for line in page.read_text(encoding="utf-8").splitlines() if line.startswith('{"format"')]
    recording = RecordingFile("docs", lines)
    assert recording.render() == b"\n".join([*lines, b""])
    assert recording.body(project.key().request) == project.body
    reply = recording.reply(project.key())
    assert encode(reply_line(project.key(), reply, "")) == lines[1]


def test_replay_loads_only_necessary_modules(project, stored):
    """Neither locks nor word search are imported by a run that only replays."""
    code = (
        "import sys; from pathlib import Path; from pytest_graysplit.replies.recordings import *; "
        f"root, file = Path({str(project.root)!r}), Path({str(project.file)!r}); merge_journals(root); "
        "store = Recordings(root); assert all(store.reply(file, key) for key in store.keys(file)); "
        "print({'filelock', 'rapidfuzz', 'httpx', 'asyncio', 'pytest'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"


WHOLE = "<think>\nThirty or fourteen?\n</think>\n\n30 days."


def test_thoughts_are_recorded_in_the_text_as_it_was_sent(project):
    """And separated again when they are replayed."""
    texts = {"text": "30 days.", "reasoning": "Thirty or fourteen?"}
    project.record((project.key(), project.reply(**texts, sent_text=WHOLE)))
    merge_journals(project.root)
    line = json.loads(project.lines()[-1])
    assert (line["text"], "reasoning" in line) == (WHOLE, False)
    assert Recordings(project.root).reply(project.file, project.key()) == project.reply(**texts, replayed=True)


def test_separate_reasoning_is_recorded_separately(project):
    """In its own field, which replies without reasoning do not have."""
    texts = {"text": "30 days.", "reasoning": "Thirty or fourteen?"}
    project.record((project.key(), project.reply(**texts)))
    merge_journals(project.root)
    assert json.loads(project.lines()[-1])["reasoning"] == "Thirty or fourteen?"
    assert Recordings(project.root).reply(project.file, project.key()) == project.reply(**texts, replayed=True)


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
def test_old_recording_with_thoughts_in_the_text_is_read_like_a_new_one(project, text, outcome, answer):
    """Its line says "ok" and holds the whole text; it needs no change."""
    project.record((project.key(), project.reply(text)))
    merge_journals(project.root)
    reply = Recordings(project.root).reply(project.file, project.key())
    assert (reply.outcome, reply.text) == (outcome, answer)
