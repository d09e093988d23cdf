"""The reader of a traffic log: all files, oldest first, with messages for broken lines."""

import gzip
import json
from pathlib import Path

import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.reader import log_files, read_files

SPLIT = {"kind": "split", "format": 1, "split": "s", "salt": "x", "at": "t", "arms": []}


def score(name):
    return {"kind": "feedback", "id": name, "at": "t", "score": 1.0}


def write(path, *records):
    content = "".join(f"{json.dumps(record)}\n" for record in records).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def log(folder):
    return write(Path("traffic.jsonl"), SPLIT, score("newest"))


def test_log_files_are_sorted_oldest_first(log):
    """Also compressed ones, and 10 before 9; files of another log are ignored."""
    write(log.with_name("traffic.jsonl.1"), score("newer"))
    write(log.with_name("traffic.jsonl.2.gz"), score("old"))
    write(log.with_name("traffic.jsonl.10"), score("oldest"))
    write(log.with_name("traffic.jsonl.bak"), score("other"))
    write(log.with_name("my-traffic.jsonl.3"), score("other"))
    told = [(line.where, getattr(line.record, "id", "split")) for line in read_files(log_files([log]))]
    assert told == [
        ("traffic.jsonl.10:1", "oldest"),
        ("traffic.jsonl.2.gz:1", "old"),
        ("traffic.jsonl.1:1", "newer"),
        ("traffic.jsonl:1", "split"),
        ("traffic.jsonl:2", "newest"),
    ]


def test_log_files_are_read_once(log):
    """`traffic.jsonl*` also matches the rotated files, and in the wrong order."""
    rotated = write(log.with_name("traffic.jsonl.1"), score("newer"))
    assert log_files([log, rotated, log]) == (rotated, log)


@pytest.mark.parametrize("cut", ['{"kind": "feedback", "id": "a', '{"kind": "feedback", "id": "\xe9'])
def test_reader_skips_a_line_of_a_killed_process(log, cut):
    """At the end of a file, within a character, and before the next process opened the log again."""
    content = log.read_bytes()
    log.write_bytes(content + cut.encode()[: -1 if cut[-1] == "\xe9" else None])
    told = []
    assert len(list(read_files(log_files([log]), warn=told.append))) == 2
    assert told == ["traffic.jsonl:3: skipped; the line is incomplete, probably because a process was killed"]


def test_reader_skips_a_cut_line_before_a_split(log):
    """A process that starts again writes the split first."""
    log.write_text('{"kind": "feedb\n' + log.read_text())
    told = []
    assert [line.where for line in read_files(log_files([log]), warn=told.append)] == [
        "traffic.jsonl:2",
        "traffic.jsonl:3",
    ]
    assert told == ["traffic.jsonl:1: skipped; the line is incomplete, probably because a process was killed"]


def test_reader_warns_of_an_incomplete_gzip_file(log):
    """The lines before the end are read."""
    rotated = write(log.with_name("traffic.jsonl.1.gz"), *(score(str(n)) for n in range(2000)))
    rotated.write_bytes(rotated.read_bytes()[:-200])
    told = []
    assert 2 < len(list(read_files(log_files([log]), warn=told.append))) < 2002
    assert told == ["traffic.jsonl.1.gz: the compressed file is incomplete; the lines before the end were read"]


def test_reader_accepts_lone_surrogates(log):
    """Models send them, and the fast decoder refuses them."""
    log.write_text('{"kind": "feedback", "id": "\\ud800", "at": "t", "score": 1}\n')
    assert [line.record.id for line in read_files(log_files([log]))] == ["\ud800"]


WHOLE = "each line is one JSON object, as SplitClient(log=...) writes it"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b'{"kind": "feed\n{"kind": "feedback", "id": "a", "at": "t", "score": 1}\n',
            f"traffic.jsonl:1: is not JSON (Invalid control character at: line 1 column 15 (char 14))\n  hint: {WHOLE}  [traffic-line]",
        ),
        (
            b'{"prompt": "One?"}\n',
            f"traffic.jsonl:1: is not a line of a traffic log (Object missing required field `kind`)\n  hint: {WHOLE}  [traffic-line]",
        ),
        (
            b'\n{"kind": "feedback", "id": "\xff", "at": "t", "score": 1}\n',
            f"traffic.jsonl:2: is not UTF-8 (byte 29)\n  hint: {WHOLE}  [traffic-line]",
        ),
        (
            b'{"kind": "split", "format": 2}\n',
            (
                "traffic.jsonl:1: is format 2, this version reads 1\n"
                "  hint: read the log with the version of pytest-graysplit that wrote it  [traffic-format]"
            ),
        ),
        (
            b"",
            (
                "traffic.jsonl: contains no record of traffic\n"
                "  hint: SplitClient(log=...) writes a log as soon as it gets requests  [traffic-file]"
            ),
        ),
    ],
)
def test_reader_names_a_bad_line(log, content, message):
    """The message names the file, the line, the error and the remedy."""
    log.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        list(read_files(log_files([log])))
    assert str(caught.value) == message


def test_reader_names_a_missing_log(folder, log):
    """With the nearest name in the folder; a folder or a file that only pretends to be compressed is not a log."""
    log.with_name("a.jsonl.gz").write_bytes(b"plain")
    messages = []
    for name in ("trafic.jsonl", "away/traffic.jsonl", ".", "a.jsonl.gz"):
        with pytest.raises(UsageError) as caught:
            list(read_files(log_files([Path(name)])))
        messages.append(str(caught.value))
    assert messages == [
        "trafic.jsonl: no such file, did you mean traffic.jsonl?\n  hint: logs there: a.jsonl.gz, traffic.jsonl  [traffic-file]",
        "away/traffic.jsonl: no such file\n  hint: its folder does not exist  [traffic-file]",
        ".: is a folder, not a traffic log\n  hint: name the .jsonl file  [traffic-file]",
        "a.jsonl.gz: is not compressed by gzip\n  hint: a plain log is called a.jsonl, without .gz  [traffic-file]",
    ]


def test_reader_survives_rotation(tmp_path):
    """All files are opened at once, so a renamed file is still read, and once."""
    path = tmp_path / "t.jsonl"
    for number, name in enumerate(("t.jsonl.2", "t.jsonl.1", "t.jsonl")):
        line = {"kind": "feedback", "id": f"id-{number}", "at": "t", "score": 1}
        (tmp_path / name).write_text(f"{json.dumps(line)}\n")
    lines = read_files(log_files([path]))
    seen = [next(lines).record.id]
    for older, newer in (("t.jsonl.2", "t.jsonl.3"), ("t.jsonl.1", "t.jsonl.2"), ("t.jsonl", "t.jsonl.1")):
        (tmp_path / older).rename(tmp_path / newer)
    path.write_text("")
    assert [*seen, *(line.record.id for line in lines)] == ["id-0", "id-1", "id-2"]
