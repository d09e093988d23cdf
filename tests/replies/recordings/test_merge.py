"""Merging journals into recording files: newest wins, order never counts, nothing is lost."""

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
from pytest_graysplit.replies.recordings import MergeReport, leftovers, merge_journals, state_dir
from pytest_graysplit.replies.recordings.merge import add_lines
from pytest_graysplit.replies.recordings.recording_file import Shelf


def test_a_merge_writes_requests_first_then_replies_in_order(bench):
    """The committed file: what was asked once, sorted by hash, then the replies by key; journals are gone."""
    bench.record(
        (bench.key("b"), bench.reply("B")),
        (bench.key("a", sample=1), bench.reply("A1")),
        (bench.key("a"), bench.reply("Ä0")),
    )
    assert merge_journals(bench.root) == MergeReport(files=(bench.file,), replies=3, journals=1)
    body = '{"messages":[{"content":"What is your refund policy?","role":"user"}],"temperature":0}'
    head = '"model":"claude-sonnet-4.5","request":"6dd8be9881cd1e9b"'
    tail = '"at":"2026-11-23T10:00:00.000Z"}'
    assert bench.lines() == [
        f'{{"format":1,"request":"6dd8be9881cd1e9b","body":{body}}}',
        f'{{"format":1,"case":"a",{head},"sample":0,"outcome":"ok","text":"Ä0",{tail}',
        f'{{"format":1,"case":"a",{head},"sample":1,"outcome":"ok","text":"A1",{tail}',
        f'{{"format":1,"case":"b",{head},"sample":0,"outcome":"ok","text":"B",{tail}',
    ]
    assert list((bench.root / ".graysplit" / "journal").iterdir()) == []
    assert [path.name for path in bench.file.parent.iterdir()] == ["test_support.jsonl"]


def test_the_newest_reply_wins_and_the_others_stay(bench):
    """A merge replaces only what it has anew, by moment, whichever journal comes first."""
    bench.record((bench.key("a"), bench.reply("a1")), (bench.key("b"), bench.reply("b1")))
    merge_journals(bench.root)
    bench.record((bench.key("a"), bench.reply("a3", at="2026-11-23T12:00:00+00:00")), run_id="x")
    bench.record((bench.key("a"), bench.reply("a2", at="2026-11-23T11:59:59.999Z")), run_id="y")
    merge_journals(bench.root)
    assert [json.loads(line).get("text") for line in bench.lines()] == [None, "a3", "b1"]


def written(path):
    """What tells whether a file was written: all of its state but for when it was read."""
    state = path.stat()
    return state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def test_a_merge_without_news_touches_no_file(bench):
    """A file whose bytes would be the same is left alone, so that nothing shows up as modified."""
    pair = (bench.key(), bench.reply())
    bench.record(pair)
    merge_journals(bench.root)
    before = written(bench.file)
    bench.record(pair)
    assert merge_journals(bench.root) == MergeReport(files=(), replies=1, journals=1)
    assert written(bench.file) == before


def test_without_journals_a_merge_creates_nothing(bench):
    """Replaying leaves no trace in the project."""
    assert merge_journals(bench.root) == MergeReport()
    assert list(bench.root.iterdir()) == []


def test_a_live_run_keeps_its_journal(bench):
    """A second pytest in another terminal takes nothing away from the first."""
    live = bench.journal(run_id="live")
    live.append(bench.file, bench.key("mine"), bench.body, bench.reply())
    bench.record((bench.key("left"), bench.reply()), mode="all", run_id="left")
    (left,) = leftovers(bench.root)
    assert (left.mode, left.keys) == ("all", ((bench.file, bench.key("left")),))
    assert merge_journals(bench.root).replies == 1
    assert live.path.exists()
    live.close()
    assert merge_journals(bench.root).replies == 1
    assert len(bench.lines()) == 3


def test_a_folder_of_journals_that_cannot_be_written_is_told(bench):
    """Without a lock nobody knows whether a journal is alive: it is left, and the user is told."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.with_suffix(".lock").unlink()
    mine.path.with_suffix(".lock").mkdir()
    for take in (merge_journals, leftovers):
        with pytest.raises(RecordingError, match=r"\.lock cannot be written: Is a directory"):
            take(bench.root)
    assert mine.path.exists()


def test_only_the_named_journals_are_merged(bench):
    """The end of a run may take in its own journals and leave the rest."""
    mine = bench.record((bench.key("mine"), bench.reply()), run_id="mine")
    other = bench.record((bench.key("other"), bench.reply()), run_id="other")
    assert merge_journals(bench.root, [mine.path]).journals == 1
    assert other.path.exists()


def test_a_journal_that_another_process_took_away_is_no_error(bench):
    """Between listing and claiming somebody else may have merged it."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.unlink()
    assert merge_journals(bench.root, [mine.path]) == MergeReport()


def test_a_torn_tail_is_a_warning(bench):
    """What a kill cut short is skipped and told; what came before it is kept; the journal goes."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.write_bytes(mine.path.read_bytes() + b'{"format":1,"into":"tests')
    where = f".graysplit/journal/{mine.path.name}"
    report = merge_journals(bench.root)
    assert report.warnings == (f"{where}:2: the last line is torn and was skipped",)
    assert (report.replies, mine.path.exists()) == (1, False)


def test_a_whole_last_line_without_its_newline_counts(bench):
    """A write that lost nothing but the newline lost no reply."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.write_bytes(mine.path.read_bytes().rstrip())
    assert merge_journals(bench.root) == MergeReport(files=(bench.file,), replies=1, journals=1)


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
def test_lines_that_cannot_be_read_are_set_aside(bench, line, reason):
    """A journal with lines of unknown meaning is merged as far as it goes, and kept under another name."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.write_bytes(line + b"\n" + mine.path.read_bytes())
    report = merge_journals(bench.root)
    assert report.warnings == (f".graysplit/journal/{mine.path.name}:1: {reason}",)
    assert report.replies == 1
    assert mine.path.with_suffix(".unreadable").read_bytes().startswith(line)
    assert merge_journals(bench.root) == MergeReport()


def test_the_journal_of_another_version_stays(bench):
    """A newer version may know more: its journal is left for it."""
    mine = bench.record((bench.key(), bench.reply()))
    mine.path.write_bytes(b'{"format":2}\n')
    report = merge_journals(bench.root)
    warning = f".graysplit/journal/{mine.path.name}:1: is format 2, this version reads 1; left there"
    assert report == MergeReport(warnings=(warning,))
    assert mine.path.exists()


def test_a_journal_that_cannot_be_read_stays(bench):
    """A folder with a journal's name is told and left."""
    folder = bench.root / ".graysplit" / "journal" / "new-run-1.jsonl"
    folder.mkdir(parents=True)
    warning = ".graysplit/journal/new-run-1.jsonl cannot be read: Is a directory; left there"
    assert merge_journals(bench.root) == MergeReport(warnings=(warning,))


def test_one_broken_file_does_not_hold_up_the_others(bench):
    """What cannot be merged keeps its journal, everything else comes to rest, and the next merge tries again."""
    other = bench.file.with_name("test_other.jsonl")
    bench.file.parent.mkdir(parents=True)
    bench.file.write_text("<<<<<<< HEAD\n")
    stuck = bench.record((bench.key(), bench.reply()), run_id="stuck")
    free = bench.record((bench.key(), bench.reply()), run_id="free", into=other)
    report = merge_journals(bench.root)
    assert (report.files, report.replies, report.journals) == ((other,), 1, 1)
    assert [problem.slug for problem in report.problems] == ["recording-conflict"]
    assert (stuck.path.exists(), free.path.exists()) == (True, False)
    bench.file.unlink()
    assert merge_journals(bench.root).replies == 1


def test_an_unwritable_folder_keeps_the_journal(bench):
    """Nothing that was paid for is lost because a folder cannot be written: the message names it."""
    (bench.root / "tests").write_text("a file where the folder should be")
    mine = bench.record((bench.key(), bench.reply()))
    (problem,) = merge_journals(bench.root).problems
    assert str(problem) == (
        f"{bench.file} cannot be read: Not a directory\n".replace(f"{bench.root}/", "")
        + "  hint: make it a file that you may read, or restore it from version control  [recording-unreadable]"
    )
    assert mine.path.exists()


def test_a_full_disk_leaves_the_old_file_whole(bench, monkeypatch):
    """A write that fails half-way removes its half-written file and keeps old recordings and journal."""
    bench.record((bench.key("a"), bench.reply()))
    merge_journals(bench.root)
    before = bench.file.read_bytes()
    mine = bench.record((bench.key("b"), bench.reply()))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    (problem,) = merge_journals(bench.root).problems
    assert problem.problem == f"{bench.file.parent} cannot be written: No space left on device"
    assert problem.slug == "recording-unwritable"
    assert bench.file.read_bytes() == before
    assert [path.name for path in bench.file.parent.iterdir()] == ["test_support.jsonl"]
    assert mine.path.exists()


def test_links_and_permissions_survive(bench):
    """A recording file that is a link stays one, and keeps who may read it."""
    real = bench.root / "shared.jsonl"
    real.write_text("")
    real.chmod(0o640)
    bench.file.parent.mkdir(parents=True)
    bench.file.symlink_to(real)
    bench.record((bench.key(), bench.reply()))
    merge_journals(bench.root)
    assert bench.file.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert len(real.read_text().splitlines()) == 2


def test_a_file_locked_by_another_process_is_told(bench, monkeypatch):
    """A merge does not wait for ever, and loses nothing by giving up."""
    monkeypatch.setattr(state_dir, "LOCK_WAIT_S", 0.01)
    mine = bench.record((bench.key(), bench.reply()))
    with state_dir.file_lock(bench.root, bench.file):
        (problem,) = merge_journals(bench.root).problems
    assert problem.problem == "tests/__graysplit__/test_support.jsonl has been locked by another process for 0.01 s"
    assert mine.path.exists()


def test_lines_of_one_merge_are_checked(bench):
    """Adding to a file that is broken changes nothing in it."""
    bench.file.parent.mkdir(parents=True)
    bench.file.write_text("{}\n")
    with pytest.raises(RecordingError, match=r"test_support\.jsonl:1: is no recording"):
        add_lines(bench.root, bench.file, [])
    assert bench.file.read_text() == "{}\n"


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


def test_processes_that_merge_at_once_lose_nothing(bench):
    """Three runs that end together, again and again, leave every reply of all of them."""
    script = bench.root / "merger.py"
    script.write_text(dedent(MERGER))
    runs = [
        subprocess.Popen([sys.executable, script, bench.root, name], stdin=subprocess.PIPE, text=True) for name in "abc"
    ]
    for run in runs:
        run.stdin.write("go\n")
        run.stdin.close()
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    merge_journals(bench.root)
    assert len(bench.lines(bench.root / "__graysplit__/a.jsonl")) == 1 + 3 * 15 * 20
    assert list((bench.root / ".graysplit" / "journal").glob("*.jsonl")) == []


moments = st.sampled_from(["2026-11-01T00:00:00Z", "2026-11-01T00:00:00.5Z", "2026-11-02T00:00:00+00:00", ""])
pool = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), moments, st.sampled_from("xyz")), max_size=12)


@given(pool, st.randoms(use_true_random=False))
def test_any_concatenation_of_shards_gives_one_file(entries, chance):
    """Cut, shuffle, double or merge in stages: the bytes are the same."""
    lines = [b'{"format":1,"request":"0","body":{"n":%d}}' % n for n in (1, 2)]
    for case, sample, at, text in entries:
        reply = {"format": 1, "case": case, "model": "m", "request": "0", "sample": sample, "text": text, "at": at}
        lines.append(json.dumps(reply).encode())
    whole = Shelf("x", lines).render()
    mixed = lines + chance.sample(lines, k=len(lines) // 2)
    chance.shuffle(mixed)
    cut = chance.randint(0, len(mixed))
    stages = Shelf("x", mixed[:cut]).render() + Shelf("x", mixed[cut:]).render()
    assert Shelf("x", stages.splitlines()).render() == whole == Shelf("x", mixed).render()


def test_order_of_arrival_does_not_count(bench):
    """Journals of two runs give the same file whichever was merged first."""
    pairs = [(bench.key(f"case-{n % 7}"), bench.reply(f"{n}", at=f"2026-11-23T10:00:{n:02}Z")) for n in range(30)]
    files = []
    for seed in range(3):
        random.Random(seed).shuffle(pairs)
        into = bench.root / f"{seed}.jsonl"
        bench.record(*pairs[:15], run_id="one", into=into)
        bench.record(*pairs[15:], run_id="two", into=into)
        merge_journals(bench.root)
        files.append(into.read_bytes())
    assert files[0] == files[1] == files[2]
    assert os.fsdecode(files[0]).count("\n") == 8
