"""The ids of live requests: each its own, whatever draws them."""

import multiprocessing
import sys

import pytest

from pytest_graysplit.traffic.monitor.request_id import RequestId, new_id, read_id


def drawn(number):
    return [new_id("6594a4b5", 1, 4000) for _ in range(number)]


def test_an_id_says_what_it_belongs_to():
    """The last part is chance alone, sixteen letters of it."""
    text = new_id("6594a4b5", 10, 4095)
    assert text.startswith("6594a4b5-a-fff-")
    assert len(text) == len("6594a4b5-a-fff-") + 16
    assert read_id(text) == RequestId("6594a4b5", 10, 4095)


def test_no_id_comes_twice():
    """Also over the edges of what is drawn at once."""
    assert len(set(drawn(3000))) == 3000


# From Python 3.12 on forking beside a thread, such as one of pytest-xdist, is warned of.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_forked_workers_give_out_ids_of_their_own():
    """A server that forks its workers after the first request must not have two users rate one answer."""
    drawn(1)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        apart = pool.map(drawn, [600, 600], chunksize=1)
    ids = [*apart[0], *apart[1], *drawn(600)]
    assert len(set(ids)) == len(ids)
