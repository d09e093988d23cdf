"""The ledger that workers share: exact between processes, whole after a kill, and safe when it is lost."""

import subprocess
import sys
from decimal import Decimal

import pytest

from pytest_graysplit.errors import RecordingError
from pytest_graysplit.replies.budget import BudgetTracker, FileLedger, release_dead_worker

MODEL = "deepseek-v3.2"
SPENDER = """
import sys
from decimal import Decimal
from pathlib import Path
from pytest_graysplit.replies.budget import BudgetTracker, FileLedger

tracker = BudgetTracker(Decimal("1"), FileLedger(Path(sys.argv[1])), owner=sys.argv[2])
reserved = 0
while True:
    held = tracker.reservation("m", Decimal("0.01"))
    result = tracker.reserve(held)
    if result == "used-up":
        break
    if result == "reserved":
        reserved += 1
        tracker.settle(held, Decimal("0.005"))
print(reserved)
"""


@pytest.fixture
def ledger(tmp_path):
    return FileLedger.create(tmp_path, "run1")


def test_processes_share_one_cap(ledger):
    """Four spend to the end at once, and together they have spent exactly the reserved amount."""
    command = [sys.executable, "-c", SPENDER, str(ledger.path)]
    running = [subprocess.Popen([*command, f"gw{n}"], stdout=subprocess.PIPE, text=True) for n in range(4)]
    reserved = [int(process.communicate(timeout=60)[0]) for process in running]
    with ledger.open() as totals:
        assert totals.spent == sum(reserved) * 5 * 10**9
        assert totals.reserved == {}
    assert sum(reserved) == 199  # half a cent per request, and the worst case of the last one must still fit


def test_totals_survive_the_file(ledger):
    """One process reads the totals that another wrote."""
    tracker = BudgetTracker(Decimal(10), ledger, owner="gw0")
    held = tracker.reservation(MODEL, Decimal("0.1"))
    for actual in (Decimal("0.3"), None):
        tracker.reserve(held)
        tracker.settle(held, actual)
    tracker.reserve(held)
    tracker.refuse(held)
    with FileLedger(ledger.path).open() as totals:
        assert totals.price_overruns == {MODEL: Decimal(3)}
        assert totals.reserved == {"gw0": {MODEL: 10**11}}
        assert totals.refused == totals.unconfirmed == 3 * 10**11
        release_dead_worker(totals, "gw0")
    assert tracker.usage().usd == Decimal("0.9")


@pytest.mark.parametrize("text", [None, "", '{"spent": 1'])
def test_without_the_ledger_nothing_is_reserved(ledger, text):
    """The amount spent is unknown: an error ends the sending."""
    ledger.path.unlink() if text is None else ledger.path.write_text(text)
    tracker = BudgetTracker(Decimal(10), ledger)
    with pytest.raises(RecordingError, match=r"the ledger of this run, .*run1.json, cannot be read"):
        tracker.reserve(tracker.reservation(MODEL, Decimal(1)))


def test_ledger_that_cannot_be_written_is_reported(tmp_path):
    """Before the run begins: the message names the place."""
    (tmp_path / ".graysplit" / "budget" / "run1.new").mkdir(parents=True)
    with pytest.raises(RecordingError, match=r"run1\.json cannot be written"):
        FileLedger.create(tmp_path, "run1")


def test_ledger_held_by_a_hanging_process_is_reported(ledger, monkeypatch):
    """No process waits forever."""
    monkeypatch.setattr("pytest_graysplit.replies.budget.ledger.LOCK_WAIT_S", 0.05)
    other = FileLedger(ledger.path)
    with ledger.open(), pytest.raises(RecordingError, match=r"has been locked for 0\.05 s"), other.open():
        pass


def test_remove_leaves_no_file(ledger, tmp_path):
    """Removing it twice does no harm, and git never sees it."""
    with ledger.open():
        pass
    ledger.remove()
    ledger.remove()
    assert list(ledger.path.parent.iterdir()) == []
    assert (tmp_path / ".graysplit" / ".gitignore").read_text() == "*\n"
