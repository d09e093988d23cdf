"""An answer in pieces: the service of requests puts them in, and an iterator of the application takes them out."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.relay.streaming import StreamListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
    from typing import Any, Self

    from pytest_graysplit.traffic.client.reply import SplitReply


class Pieces:
    """The pieces of one answer that have arrived and were not taken; an event loop owns them.

    They are received as fast as the relay sends them, also while the application does not read. So a slow reader holds
    no connection and is not counted as a slow model, and the memory is bounded by the largest answer that is accepted.
    """

    def __init__(self) -> None:
        self.reply: SplitReply | None = None
        self.heard: StreamListener | None = None
        self.on_first: Callable[[], None] | None = None
        self._waiting: deque[str] = deque()
        self._changed = asyncio.Event()

    @property
    def has_begun(self) -> bool:
        """Whether a piece has arrived."""
        return self.heard is not None and self.heard.has_begun

    def listener(self, silence_s: float) -> StreamListener:
        """Return a listener for the next arm that is asked."""
        self.heard = StreamListener(self._put, silence_s=silence_s)
        return self.heard

    def _put(self, piece: str) -> None:
        if self.on_first is not None:
            self.on_first()
            self.on_first = None
        self._waiting.append(piece)
        self._changed.set()

    def end(self, _: object = None) -> None:
        """Wake the reader: no more pieces will arrive."""
        self._changed.set()

    async def take(self, work: asyncio.Task[SplitReply]) -> str | None:
        """Wait for the next piece; None after the last one. Raises the error that ended the answer."""
        while not self._waiting:
            if work.done():
                work.result()
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()


class ReplyStream:
    """An answer that arrives in pieces: `async for piece in client.stream(...)`; then `reply` is the whole reply.

    The request is sent when the loop begins. If the loop is left early, by `break`, by an error or because its task was
    cancelled, the answer is stopped and recorded as far as it came. `async with` and `aclose` do the same.
    """

    def __init__(
        self,
        serve: Callable[[Pieces], Coroutine[Any, Any, SplitReply]],
        in_own_loop: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]],
    ) -> None:
        self._serve = serve
        self._in_own_loop = in_own_loop
        self._pieces: Pieces | None = None
        self._work: asyncio.Task[SplitReply] | None = None

    @property
    def reply(self) -> SplitReply | None:
        """The whole reply once the answer has ended; for a broken or stopped answer, a failed reply with its text."""
        return None if self._pieces is None else self._pieces.reply

    async def __aiter__(self) -> AsyncIterator[str]:
        await self._in_own_loop(self._start())
        try:
            while (piece := await self._in_own_loop(self._take())) is not None:
                yield piece
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop the answer unless it has ended, and wait until it is recorded."""
        if self._work is not None and not self._work.done():
            await self._in_own_loop(self._stop(self._work))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _start(self) -> None:
        if self._work is not None:
            raise UsageError(
                "the answer was read already",
                hint="call client.stream(...) again for another answer; stream.reply has the text of this one",
                slug=Slug.SPLIT_STREAM_READ,
            )
        self._pieces = pieces = Pieces()
        self._work = asyncio.get_running_loop().create_task(self._serve(pieces))
        self._work.add_done_callback(_seen)
        self._work.add_done_callback(pieces.end)

    async def _take(self) -> str | None:
        if self._pieces is None or self._work is None:
            return None
        return await self._pieces.take(self._work)

    async def _stop(self, work: asyncio.Task[SplitReply]) -> None:
        work.cancel()
        await asyncio.wait([work])


def _seen(work: asyncio.Task[SplitReply]) -> None:
    """Take note of the error of an answer, which raises where it is read, if it is read to the end."""
    if not work.cancelled():
        work.exception()
