"""The ids of live requests are unique, also across processes."""

import multiprocessing
import sys

import pytest

from pytest_graysplit.traffic.monitor.request_id import RequestId, new_id, read_id


def drawn(number):
    return [new_id("6594a4b5", 1, 4000) for _ in range(number)]


def test_id_names_split_arm_and_bucket():
    """The last part is sixteen random letters."""
    text = new_id("6594a4b5", 10, 4095)
    assert text.startswith("6594a4b5-a-fff-")
    assert len(text) == len("6594a4b5-a-fff-") + 16
    assert read_id(text) == RequestId("6594a4b5", 10, 4095)


def test_ids_are_unique():
    """Also across the batches of random bytes."""
    assert len(set(drawn(3000))) == 3000


# Python 3.12 and later warn of a fork beside a thread, such as one of pytest-xdist.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_forked_workers_draw_different_ids():
    """Otherwise two users of a forking server could rate the same answer."""
    drawn(1)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        apart = pool.map(drawn, [600, 600], chunksize=1)
    ids = [*apart[0], *apart[1], *drawn(600)]
    assert len(set(ids)) == len(ids)
