"""Files are written whole or not at all, and temporaries of killed processes are removed."""

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
def test_next_write_removes_temporary_of_killed_process(tmp_path, how):
    """A process killed before the rename leaves the old file, and a temporary until the next write."""
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


def test_remove_stale_keeps_other_temporaries(tmp_path):
    """Temporaries of living processes, other files and other programs stay; an old one with a reused number goes."""
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
    """The folder of a report is made when the report is written."""
    remove_stale(tmp_path / "none" / "x.json")
    assert list(tmp_path.iterdir()) == []
