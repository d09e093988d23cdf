"""Atomic writing of files, and removal of the temporary files of a killed process."""

import os
import subprocess
import sys

import pytest

from pytest_graysplit.files import remove_stale, write_durably, write_whole

KILLED = """
import os, sys
from pathlib import Path
os.replace = Path.replace = lambda *args: os.kill(os.getpid(), 9)
from pytest_graysplit.files import write_durably, write_whole
if sys.argv[1] == "recording":
    write_durably(Path(sys.argv[2]), b"new")
else:
    write_whole(Path(sys.argv[2]), ["new"])
"""


@pytest.mark.skipif(os.name == "nt", reason="a kill that cannot be caught is a signal")
@pytest.mark.parametrize("how", ["recording", "report"])
def test_write_removes_the_temporary_file_of_a_killed_process(tmp_path, how):
    """A process that was killed before the rename leaves the old file, and its new one until the next write."""
    path = tmp_path / "x.jsonl"
    path.write_text("old")
    subprocess.run([sys.executable, "-c", KILLED, how, str(path)], check=False)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    if how == "recording":
        write_durably(path, b"newer")
    else:
        write_whole(path, ["newer"])
    assert path.read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


def test_remove_stale_keeps_other_files(tmp_path):
    """Files of living processes, of other targets and of other programs stay; an old one of a reused number is removed."""
    path = tmp_path / "x.jsonl"
    living = os.getppid() or os.getpid()
    stay = [f".x.jsonl.{living}.tmp", ".x.jsonl.notes.tmp", ".y.jsonl.999999999.tmp", ".x.jsonl.swp", "x.jsonl.5.tmp"]
    go = [".x.jsonl.999999999.tmp", ".x.jsonl.999999999.ab_cd012.tmp", f".x.jsonl.{living}.ab_cd012.tmp"]
    for name in stay + go:
        (tmp_path / name).touch()
    os.utime(tmp_path / go[-1], (0, 0))
    remove_stale(path)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(stay)


def test_remove_stale_accepts_a_missing_folder(tmp_path):
    """The folder of a report is created when the report is written."""
    remove_stale(tmp_path / "none" / "x.json")
    assert list(tmp_path.iterdir()) == []
