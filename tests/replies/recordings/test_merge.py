"""Merging journals into recording files: the newest wins, the order does not count, nothing is lost."""

import json
import os
import random
import subprocess
import sys
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit import files
from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.recordings import MergeReport, merge_journals, state_dir, unmerged_journals
from pytest_graysplit.replies.recordings.merge import add_lines
from pytest_graysplit.replies.recordings.recording_file import RecordingFile


def test_merge_writes_requests_first_then_replies_in_order(project):
    """The committed file: requests once, sorted by hash, then the replies by key; the journals are removed."""
    project.record(
        (project.key("b"), project.reply("B")),
        (project.key("a", sample=1), project.reply("A1")),
        (project.key("a"), project.reply("Ä0")),
    )
    assert merge_journals(project.root) == MergeReport(files=(project.file,), replies=3, journals=1)
    body = '{"messages":[{"content":"What is your refund policy?","role":"user"}],"temperature":0}'
    head = '"model":"claude-sonnet-4.5","request":"6dd8be9881cd1e9b"'
    tail = '"at":"2026-11-23T10:00:00.000Z"}'
    assert project.lines() == [
        f'{{"format":1,"request":"6dd8be9881cd1e9b","body":{body}}}',
        f'{{"format":1,"case":"a",{head},"sample":0,"outcome":"ok","text":"Ä0",{tail}',
        f'{{"format":1,"case":"a",{head},"sample":1,"outcome":"ok","text":"A1",{tail}',
        f'{{"format":1,"case":"b",{head},"sample":0,"outcome":"ok","text":"B",{tail}',
    ]
    assert list((project.root / ".graysplit" / "journal").iterdir()) == []
    assert [path.name for path in project.file.parent.iterdir()] == ["test_support.jsonl"]


def test_newest_reply_wins_and_the_others_stay(project):
    """A merge replaces only the replies that it has again, by time, in any order of the journals."""
    project.record((project.key("a"), project.reply("a1")), (project.key("b"), project.reply("b1")))
    merge_journals(project.root)
    project.record((project.key("a"), project.reply("a3", at="2026-11-23T12:00:00+00:00")), run_id="x")
    project.record((project.key("a"), project.reply("a2", at="2026-11-23T11:59:59.999Z")), run_id="y")
    merge_journals(project.root)
    assert [json.loads(line).get("text") for line in project.lines()] == [None, "a3", "b1"]


def written(path):
    """Return the state of a file that shows whether it was written: all except the time of access."""
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def test_merge_without_changes_touches_no_file(project):
    """A file with the same bytes is not written, so that git shows no modification."""
    pair = (project.key(), project.reply())
    project.record(pair)
    merge_journals(project.root)
    before = written(project.file)
    project.record(pair)
    assert merge_journals(project.root) == MergeReport(files=(), replies=1, journals=1)
    assert written(project.file) == before


def test_merge_without_journals_creates_nothing(project):
    """Replaying leaves no trace in the project."""
    assert merge_journals(project.root) == MergeReport()
    assert list(project.root.iterdir()) == []


def test_live_run_keeps_its_journal(project):
    """A second pytest in another terminal takes nothing from the first."""
    live = project.journal(run_id="live")
    live.append(project.file, project.key("mine"), project.body, project.reply())
    project.record((project.key("left"), project.reply()), mode="all", run_id="left")
    (left,) = unmerged_journals(project.root)
    assert (left.mode, left.keys) == ("all", ((project.file, project.key("left")),))
    assert merge_journals(project.root).replies == 1
    assert live.path.exists()
    live.close()
    assert merge_journals(project.root).replies == 1
    assert len(project.lines()) == 3


def test_unwritable_folder_of_journals_is_reported(project):
    """Without a lock, a journal may belong to a living process: it is left, and the user is told."""
    mine = project.record((project.key(), project.reply()))
    mine.path.with_suffix(".lock").unlink()
    mine.path.with_suffix(".lock").mkdir()
    for take in (merge_journals, unmerged_journals):
        with pytest.raises(RecordingError, match=r"\.lock cannot be written: Is a directory"):
            take(project.root)
    assert mine.path.exists()


def test_only_the_named_journals_are_merged(project):
    """The end of a run may merge only its own journals."""
    mine = project.record((project.key("mine"), project.reply()), run_id="mine")
    other = project.record((project.key("other"), project.reply()), run_id="other")
    assert merge_journals(project.root, [mine.path]).journals == 1
    assert other.path.exists()


def test_journal_removed_by_another_process_is_skipped(project):
    """Another process may have merged it between listing and claiming."""
    mine = project.record((project.key(), project.reply()))
    mine.path.unlink()
    assert merge_journals(project.root, [mine.path]) == MergeReport()


def test_torn_last_line_is_a_warning(project):
    """It is skipped and reported; the lines before it are kept; the journal is removed."""
    mine = project.record((project.key(), project.reply()))
    mine.path.write_bytes(mine.path.read_bytes() + b'{"format":1,"into":"tests')
    where = f".graysplit/journal/{mine.path.name}"
    report = merge_journals(project.root)
    assert report.warnings == (f"{where}:2: the last line is torn and was skipped",)
    assert (report.replies, mine.path.exists()) == (1, False)


def test_last_line_without_newline_counts(project):
    """A write that lost only the newline lost no reply."""
    mine = project.record((project.key(), project.reply()))
    mine.path.write_bytes(mine.path.read_bytes().rstrip())
    assert merge_journals(project.root) == MergeReport(files=(project.file,), replies=1, journals=1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"torn', "is not JSON (Unterminated string starting at: line 1 column 2 (char 1)); skipped"),
        (b'{"format":1,"into":"x.jsonl","request":"","body":{},"reply":{"format":1,"request":""}}',
         "names no case, or no recording file; skipped"),
        (b'{"format":1,"into":"../.profile","request":"","body":{},"reply":{"format":1,"request":"","case":""}}',
         "names no case, or no recording file; skipped"),
    ],
)  # fmt: skip
def test_journal_with_unreadable_lines_is_set_aside(project, line, reason):
    """Its other lines are merged, and it is kept under another name."""
    mine = project.record((project.key(), project.reply()))
    mine.path.write_bytes(line + b"\n" + mine.path.read_bytes())
    report = merge_journals(project.root)
    assert report.warnings == (f".graysplit/journal/{mine.path.name}:1: {reason}",)
    assert report.replies == 1
    assert mine.path.with_suffix(".unreadable").read_bytes().startswith(line)
    assert merge_journals(project.root) == MergeReport()


def test_journal_of_another_version_stays(project):
    """A newer version may know more: its journal is left for it."""
    mine = project.record((project.key(), project.reply()))
    mine.path.write_bytes(b'{"format":2}\n')
    report = merge_journals(project.root)
    warning = f".graysplit/journal/{mine.path.name}:1: is format 2, this version reads 1; left there"
    assert report == MergeReport(warnings=(warning,))
    assert mine.path.exists()


def test_journal_that_cannot_be_read_stays(project):
    """A folder with a journal's name is reported and left."""
    folder = project.root / ".graysplit" / "journal" / "new-run-1.jsonl"
    folder.mkdir(parents=True)
    warning = ".graysplit/journal/new-run-1.jsonl cannot be read: Is a directory; left there"
    assert merge_journals(project.root) == MergeReport(warnings=(warning,))


def test_broken_file_does_not_stop_the_merge_of_others(project):
    """Its journal is kept, all others are merged, and the next merge tries again."""
    other = project.file.with_name("test_other.jsonl")
    project.file.parent.mkdir(parents=True)
    project.file.write_text("<<<<<<< HEAD\n")
    stuck = project.record((project.key(), project.reply()), run_id="stuck")
    free = project.record((project.key(), project.reply()), run_id="free", into=other)
    report = merge_journals(project.root)
    assert (report.files, report.replies, report.journals) == ((other,), 1, 1)
    assert [problem.slug for problem in report.problems] == ["recording-conflict"]
    assert (stuck.path.exists(), free.path.exists()) == (True, False)
    project.file.unlink()
    assert merge_journals(project.root).replies == 1


def test_unwritable_folder_keeps_the_journal(project):
    """No paid reply is lost because a folder cannot be written: the message names it."""
    (project.root / "tests").write_text("a file where the folder should be")
    mine = project.record((project.key(), project.reply()))
    (problem,) = merge_journals(project.root).problems
    assert str(problem) == (
        f"{project.file} cannot be read: Not a directory\n".replace(f"{project.root}/", "")
        + "  hint: make it a file that you may read, or restore it from version control  [recording-unreadable]"
    )
    assert mine.path.exists()


def test_full_disk_leaves_the_old_file_whole(project, monkeypatch):
    """A failed write removes its half-written file and keeps old recordings and journal."""
    project.record((project.key("a"), project.reply()))
    merge_journals(project.root)
    before = project.file.read_bytes()
    mine = project.record((project.key("b"), project.reply()))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    (problem,) = merge_journals(project.root).problems
    assert problem.problem == f"{project.file.parent} cannot be written: No space left on device"
    assert problem.slug == "recording-unwritable"
    assert project.file.read_bytes() == before
    assert [path.name for path in project.file.parent.iterdir()] == ["test_support.jsonl"]
    assert mine.path.exists()


def test_links_and_permissions_are_kept(project):
    """A recording file that is a link stays one, with the same readers."""
    real = project.root / "shared.jsonl"
    real.write_text("")
    real.chmod(0o640)
    project.file.parent.mkdir(parents=True)
    project.file.symlink_to(real)
    project.record((project.key(), project.reply()))
    merge_journals(project.root)
    assert project.file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(real.read_text().splitlines()) == 2


def test_file_locked_by_another_process_is_reported(project, monkeypatch):
    """A merge does not wait forever, and loses nothing when it gives up."""
    monkeypatch.setattr(state_dir, "LOCK_WAIT_S", 0.01)
    mine = project.record((project.key(), project.reply()))
    with state_dir.file_lock(project.root, project.file):
        (problem,) = merge_journals(project.root).problems
    assert problem.problem == "tests/__graysplit__/test_support.jsonl has been locked by another process for 0.01 s"
    assert mine.path.exists()


def test_merge_into_a_broken_file_changes_nothing(project):
    """The error names the broken line."""
    project.file.parent.mkdir(parents=True)
    project.file.write_text("{}\n")
    with pytest.raises(RecordingError, match=r"test_support\.jsonl:1: is not a recording"):
        add_lines(project.root, project.file, [])
    assert project.file.read_text() == "{}\n"


MERGER = """
    import sys
    from pathlib import Path
    from pytest_graysplit.replies.recordings import Journal, merge_journals
    from pytest_graysplit.types import Reply, ReplyKey

    root, name = Path(sys.argv[1]), sys.argv[2]
    sys.stdin.readline()
    for turn in range(15):
        journal = Journal(root, mode="new", run_id=f"{name}-{turn}")
        for n in range(20):
            reply = Reply(model="m", outcome="ok", text="x" * 500, at="2026-11-23T10:00:00Z")
            key = ReplyKey(f"{name}-{turn}-{n}", "m", "0" * 16, 0)
            journal.append(root / "__graysplit__/a.jsonl", key, {"n": 1}, reply)
        journal.close()
        assert not merge_journals(root).problems
"""


def test_processes_that_merge_at_once_lose_nothing(project):
    """Three runs that end together, repeatedly, keep every reply of all of them."""
    script = project.root / "merger.py"
    script.write_text(dedent(MERGER))
    runs = [
        subprocess.Popen([sys.executable, script, project.root, name], stdin=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.close()
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    merge_journals(project.root)
    assert len(project.lines(project.root / "__graysplit__/a.jsonl")) == 1 + 3 * 15 * 20
    assert list((project.root / ".graysplit" / "journal").glob("*.jsonl")) == []


moments = st.sampled_from(["2026-11-01T00:00:00Z", "2026-11-01T00:00:00.5Z", "2026-11-02T00:00:00+00:00", ""])
pool = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), moments, st.sampled_from("xyz")), max_size=12)


@given(pool, st.randoms(use_true_random=False))
def test_any_concatenation_of_shards_gives_one_file(entries, chance):
    """Cut, shuffle, duplicate or merge in stages: the bytes are the same."""
    lines = [b'{"format":1,"request":"0","body":{"n":%d}}' % n for n in (1, 2)]
    for case, sample, at, text in entries:
        reply = {"format": 1, "case": case, "model": "m", "request": "0", "sample": sample, "text": text, "at": at}
        lines.append(json.dumps(reply).encode())
    whole = RecordingFile("x", lines).render()
    mixed = lines + chance.sample(lines, k=len(lines) // 2)
    chance.shuffle(mixed)
    cut = chance.randint(0, len(mixed))
    stages = RecordingFile("x", mixed[:cut]).render() + RecordingFile("x", mixed[cut:]).render()
    assert RecordingFile("x", stages.splitlines()).render() == whole == RecordingFile("x", mixed).render()


def test_order_of_merges_does_not_count(project):
    """Journals of two runs give the same file in either order."""
    pairs = [(project.key(f"case-{n % 7}"), project.reply(f"{n}", at=f"2026-11-23T10:00:{n:02}Z")) for n in range(30)]
    files = []
    for seed in range(3):
        random.Random(seed).shuffle(pairs)
        into = project.root / f"{seed}.jsonl"
        project.record(*pairs[:15], run_id="one", into=into)
        project.record(*pairs[15:], run_id="two", into=into)
        merge_journals(project.root)
        files.append(into.read_bytes())
    assert files[0] == files[1] == files[2]
    assert os.fsdecode(files[0]).count("\n") == 8
