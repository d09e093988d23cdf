"""One answer, read by threads and by event loops while another thread completes it."""

import asyncio
import threading

import pytest

from pytest_graysplit.gateway.call_answer import CallAnswer, CutAnswerError

PIECES = [b"one ", b"two ", b"three"]


def streamed(cut=None):
    """Return an answer that another thread gives piece by piece."""
    answer = CallAnswer()

    def give():
        answer.start_stream()
        for piece in PIECES:
            answer.add(piece)
        answer.end(cut)

    threading.Thread(target=give).start()
    return answer


def completed():
    answer = CallAnswer()
    threading.Thread(target=lambda: answer.complete(404, b"{}", {"x-a": "b"})).start()
    return answer


async def read(answer):
    await answer
    return answer.status, answer.is_stream, b"".join([piece async for piece in answer])


def read_in_a_thread(answer):
    answer.wait()
    return answer.status, answer.is_stream, b"".join(answer)


READERS = {
    "thread": read_in_a_thread,
    "asyncio": lambda answer: asyncio.run(read(answer)),
    "trio": lambda answer: pytest.importorskip("trio").run(read, answer),
}


@pytest.mark.parametrize("reader", READERS)
def test_whole_answer_is_read(reader):
    answer = completed()
    assert READERS[reader](answer) == (404, False, b"{}")
    assert (answer.body, answer.headers) == (b"{}", {"content-type": "application/json", "x-a": "b"})


@pytest.mark.parametrize("reader", READERS)
def test_stream_is_read_while_it_comes(reader):
    assert READERS[reader](streamed()) == (200, True, b"one two three")


@pytest.mark.parametrize("reader", READERS)
def test_cut_stream_raises_after_its_pieces(reader):
    answer = streamed(cut="the connection broke")
    with pytest.raises(CutAnswerError, match="the connection broke"):
        READERS[reader](answer)
    assert answer.body == b"one two three"


def test_first_head_counts():
    """An error after a stream has begun cannot become the answer."""
    answer = CallAnswer()
    answer.start_stream()
    answer.complete(500, b"{}")
    answer.start_stream()
    assert (answer.status, answer.is_stream) == (200, True)


def test_many_readers_get_the_same_answer():
    answer, found = CallAnswer(), []
    threads = [threading.Thread(target=lambda: found.append(answer.wait().body)) for _ in range(5)]
    for thread in threads:
        thread.start()
    answer.complete(200, b"{}")
    for thread in threads:
        thread.join(20)
    assert found == [b"{}"] * 5


def test_loop_that_has_ended_is_not_woken():
    """An application may give up waiting, and its loop may end before the answer comes."""
    answer = CallAnswer()

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.ensure_future(wait()), 0.01)

    async def wait():
        await answer

    asyncio.run(give_up())
    answer.complete(200, b"{}")
    assert answer.wait().body == b"{}"


def test_client_that_gives_up_is_noticed():
    """Its own time is over, or its task is cancelled; an answer that was all there was not too late."""
    waited, cancelled, whole = CallAnswer(), CallAnswer(), CallAnswer.of(200, b"{}")

    async def cancel():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(cancelled), 0.01)

    with pytest.raises(TimeoutError):
        waited.wait(0.01)
    asyncio.run(cancel())
    whole.wait(0.01)
    whole.abandon()
    assert [answer.is_abandoned for answer in (waited, cancelled, whole)] == [True, True, False]
