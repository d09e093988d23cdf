"""The reader of a traffic log: all files, oldest first, with messages for broken lines."""

import gzip
import json
from pathlib import Path

import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.log.files import log_files
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.reader import RecentIds, read_files, read_lines

SPLIT = {"kind": "split", "format": 1, "split": "s", "salt": "x", "at": "t", "arms": []}


def score(name):
    return {"kind": "feedback", "id": name, "at": "t", "score": 1.0}


def write(path, *records):
    content = "".join(f"{json.dumps(record)}\n" for record in records).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def read(*paths):
    """Return the records of the logs, and the gaps."""
    gaps = LogGaps()
    return list(read_files(log_files([Path(path) for path in paths], gaps), gaps)), gaps


def ids(*paths):
    return [line.record.id for line in read(*paths)[0] if hasattr(line.record, "id")]


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
    told = [(line.where, getattr(line.record, "id", "split")) for line in read(log)[0]]
    assert told == [
        ("traffic.jsonl.10:1", "oldest"),
        ("traffic.jsonl.2.gz:1", "old"),
        ("traffic.jsonl.1:1", "newer"),
        ("traffic.jsonl:1", "split"),
        ("traffic.jsonl:2", "newest"),
    ]


def test_log_files_are_read_once(log):
    """Named twice, matched by `traffic.jsonl*`, reached by a link or by their folder."""
    rotated = write(log.with_name("traffic.jsonl.1"), {**score("newer"), "at": "s"})
    Path("link.jsonl").symlink_to(log)
    for names in ([log, rotated, log], [Path(), log], [Path("link.jsonl"), log], [rotated, Path()]):
        assert ids(*names) == ["newer", "newest"]


@pytest.mark.parametrize(
    "name",
    ["traffic.jsonl-20261125", "traffic.jsonl-20261125.gz", "traffic.jsonl-2026-11-25", "traffic-20261125.jsonl",
     "traffic.jsonl-2026112510.gz", "traffic.jsonl.1.gz", "traffic.jsonl.gz"],
)  # fmt: skip
def test_log_files_of_logrotate_belong_to_the_log(log, name):
    """With `dateext`, `dateformat`, `extension` and `compress`."""
    write(Path(name), score("older"))
    write(Path("traffic-2.jsonl"), score("another log"))
    assert ids(log) == ["older", "newest"]


def test_log_files_are_sorted_by_their_first_request(log):
    """Files of several logs, and files with numbers beside files with dates, are not in the order of their names."""
    at = "2026-11-26T0{}:00:00.000Z".format
    write(log, SPLIT, {**score("5"), "at": at(5)})
    write(Path("traffic.jsonl.1"), SPLIT, {**score("3"), "at": at(3)})
    write(Path("traffic.jsonl-20261126"), SPLIT, {**score("2"), "at": at(2)})
    write(Path("other.jsonl"), SPLIT, {**score("4"), "at": at(4)})
    assert ids(log, "other.jsonl") == ids(".") == ["2", "3", "4", "5"]


def test_compressed_file_beside_another_with_its_number_is_read(log):
    """`.2` was compressed, and the next file was rotated to `.2`."""
    write(Path("traffic.jsonl.2.gz"), SPLIT, score("oldest"))
    write(Path("traffic.jsonl.2"), SPLIT, score("older"))
    assert sorted(ids(log)) == ["newest", "older", "oldest"]


def test_compressed_file_beside_its_plain_form_is_left_out(log):
    """While a file is being compressed, both are there, and the compressed one may be incomplete."""
    plain = write(Path("traffic.jsonl.1"), *(score(str(n)) for n in range(3000)))
    packed = gzip.compress(plain.read_bytes())
    for part in (packed, packed[: len(packed) // 2], b""):
        Path("traffic.jsonl.1.gz").write_bytes(part)
        lines, gaps = read(log)
        assert (len(lines), gaps.counts) == (3002, {})


@pytest.mark.parametrize("kept", [20, 400])
def test_incomplete_compressed_file_beside_another_plain_one_is_named(log, kept):
    """It is not the compressed form of the file beside it, so lines are missing; without a byte, too."""
    older = [{**score(str(number)), "at": f"at {number}"} for number in range(2000)]
    write(Path("traffic.jsonl.2"), SPLIT, score("another"))
    write(Path("traffic.jsonl.2.gz"), *older)
    packed = Path("traffic.jsonl.2.gz").read_bytes()
    Path("traffic.jsonl.2.gz").write_bytes(packed[:-kept])
    Path("traffic.jsonl.3.gz").write_bytes(b"")
    lines, gaps = read(log)
    assert len(lines) > 4
    assert (gaps.counts, gaps.unknown) == ({"cut": 2}, True)


def test_folder_stands_for_the_logs_in_it(log):
    """Case files and files of other programs are left out, and the latter are named."""
    write(Path("cases.graysplit.jsonl"), {"prompt": "?"})
    write(Path("app.jsonl"), {"level": "info"})
    write(Path("second.jsonl.1"), SPLIT, score("second"))
    lines, gaps = read(".")
    assert sorted(line.record.id for line in lines if hasattr(line.record, "id")) == ["newest", "second"]
    assert list(gaps.texts()) == ["1 file is not a traffic log and was left out: app.jsonl"]


@pytest.mark.parametrize("cut", ['{"kind": "feedback", "id": "a', '{"kind": "feedback", "id": "\xe9'])
def test_reader_skips_a_line_of_a_killed_process(log, cut):
    """At the end of a file, and within a character."""
    content = log.read_bytes()
    log.write_bytes(content + cut.encode()[: -1 if cut[-1] == "\xe9" else None])
    lines, gaps = read(log)
    assert (len(lines), gaps.missing) == (2, 1)
    assert list(gaps.texts()) == ["1 line is incomplete, as a kill leaves it: traffic.jsonl:3"]


def test_reader_skips_a_cut_line_before_a_split(log):
    """A process that starts again writes the split first."""
    log.write_text('{"kind": "feedb\n' + log.read_text())
    lines, gaps = read(log)
    assert [line.where for line in lines] == ["traffic.jsonl:2", "traffic.jsonl:3"]
    assert gaps.counts == {"incomplete": 1}


def test_reader_names_an_incomplete_gzip_file(log):
    """The lines before the end are read; the number of lines after it is unknown."""
    rotated = write(log.with_name("traffic.jsonl.1.gz"), *(score(str(n)) for n in range(2000)))
    rotated.write_bytes(rotated.read_bytes()[:-200])
    lines, gaps = read(log)
    assert 2 < len(lines) < 2002
    assert (gaps.unknown, list(gaps.texts())) == (True, ["1 compressed file is incomplete: traffic.jsonl.1.gz"])


def test_reader_names_a_file_that_it_cannot_decompress(log):
    """The log is read without it."""
    log.with_name("traffic.jsonl.2.zst").write_bytes(b"(\xb5/\xfd")
    lines, gaps = read(log)
    assert (len(lines), gaps.unknown) == (2, True)
    assert list(gaps.texts()) == ["1 file is compressed in a way that cannot be read: traffic.jsonl.2.zst"]


def test_reader_skips_and_counts_lines_that_it_cannot_read(log):
    """Foreign, newer, of an unknown kind, not UTF-8; every other line is read, and the first place is named."""
    bad = [
        b"Nov 26 10:00:00 host app: started",
        b'{"kind": "feed',
        b'{"kind": "split", "format": 2, "arms": []}',
        b'{"kind": "brake", "at": "t"}',
        b'{"kind": "feedback", "id": "\xff", "at": "t", "score": 1}',
        b'{"prompt": "One?"}',
        b"\x00" * 40,
    ]
    good = [json.dumps(score(str(number))).encode() for number in range(len(bad))]
    log.write_bytes(b"".join(line + b"\n" for pair in zip(bad, good, strict=True) for line in pair))
    lines, gaps = read(log)
    assert [line.record.id for line in lines] == [str(number) for number in range(len(bad))]
    assert gaps.counts == {"foreign": 6, "newer": 1}
    assert list(gaps.texts()) == [
        (
            "6 lines are not lines of a traffic log; the first is traffic.jsonl:1 (is not JSON (Expecting value: line 1 "
            "column 1 (char 0)))"
        ),
        "1 line is of a newer version: traffic.jsonl:5 (is format 2, this version reads 1)",
    ]


def test_reader_ignores_fields_of_a_newer_version(log):
    """A newer version may add fields to any line, and this one reads the rest."""
    newer = {"kind": "request", "id": "r", "at": "t", "split": "s", "arm": "control", "model": "m", "outcome": "ok"}
    write(log, {**SPLIT, "version": 7}, {**newer, "waited_s": 1.5, "brake": {"open": True}}, {**score("f"), "lag_s": 3})
    lines, gaps = read(log)
    assert ([line.record.id for line in lines[1:]], gaps.counts) == (["r", "f"], {})


def test_reader_counts_a_doubled_line_once(log):
    """Also if it is in another file; the same id at another time is another line."""
    write(log, SPLIT, score("a"), score("b"), score("a"), {**score("a"), "at": "u"})
    write(log.with_name("copy.jsonl"), SPLIT, score("b"), score("c"))
    lines, gaps = read(log, "copy.jsonl")
    assert sorted(line.record.id for line in lines if hasattr(line.record, "id")) == ["a", "a", "b", "c"]
    assert (gaps.counts, gaps.missing) == ({"doubled": 2}, 0)


def test_recent_ids_are_bounded():
    """Two generations: an id is known for as many further ids as fit into one, and later forgotten."""
    gaps, recent = LogGaps(), RecentIds(most=10)

    def lines_of(numbers):
        texts = (json.dumps(score(str(number))).encode() for number in numbers)
        return [line.record.id for line in read_lines(texts, "t", gaps, recent)]

    assert len(lines_of(range(25))) == 25
    assert lines_of([24, 16]) == []
    assert lines_of([3]) == ["3"]
    assert len(recent._new) + len(recent._old) <= 20


def test_reader_accepts_lone_surrogates(log):
    """Models send them, and the fast decoder refuses them."""
    log.write_text('{"kind": "feedback", "id": "\\ud800", "at": "t", "score": 1}\n')
    assert [line.record.id for line in read(log)[0]] == ["\ud800"]


WHOLE = "each line is one JSON object, as SplitClient(log=...) writes it"


@pytest.mark.parametrize(
    ("content", "message"),
    [
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
def test_file_without_a_record_is_named(log, content, message):
    """The message names the file, the first line, the error and the remedy."""
    log.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(log)
    assert str(caught.value) == message


def test_reader_names_a_missing_log(folder, log):
    """With the nearest name in the folder; a folder or a file that only pretends to be compressed is not a log."""
    log.with_name("a.jsonl.gz").write_bytes(b"plain")
    Path("empty").mkdir()
    messages = []
    for name in ("trafic.jsonl", "away/traffic.jsonl", "empty", "a.jsonl.gz"):
        with pytest.raises(UsageError) as caught:
            read(name)
        messages.append(str(caught.value))
    assert messages == [
        "trafic.jsonl: no such file, did you mean traffic.jsonl?\n  hint: logs there: a.jsonl.gz, traffic.jsonl  [traffic-file]",
        "away/traffic.jsonl: no such file\n  hint: its folder does not exist  [traffic-file]",
        "empty: is a folder without a traffic log\n  hint: name the .jsonl file, or the folder that contains it  [traffic-file]",
        "a.jsonl.gz: is not compressed by gzip\n  hint: a plain log is called a.jsonl, without .gz  [traffic-file]",
    ]


def test_reader_survives_rotation(tmp_path):
    """All files are opened at once, so a renamed file is still read, and once."""
    path = tmp_path / "t.jsonl"
    for number, name in enumerate(("t.jsonl.2", "t.jsonl.1", "t.jsonl")):
        line = {"kind": "feedback", "id": f"id-{number}", "at": "t", "score": 1}
        (tmp_path / name).write_text(f"{json.dumps(line)}\n")
    gaps = LogGaps()
    lines = read_files(log_files([path], gaps), gaps)
    seen = [next(lines).record.id]
    for older, newer in (("t.jsonl.2", "t.jsonl.3"), ("t.jsonl.1", "t.jsonl.2"), ("t.jsonl", "t.jsonl.1")):
        (tmp_path / older).rename(tmp_path / newer)
    path.write_text("")
    assert [*seen, *(line.record.id for line in lines)] == ["id-0", "id-1", "id-2"]
