"""A thread with its own event loop that keeps a number of requests in flight."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.errors import BudgetExceededError, GraysplitError, RelayError, Slug
from pytest_graysplit.formatting.clock import REAL
from pytest_graysplit.replies.relay.served import PassedStream
from pytest_graysplit.replies.request_lanes import Lane, QueuedRequest, failed_reply, lane_key, not_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.replies.relay.client import Relay
    from pytest_graysplit.types import Reply


# At the end of a run, requests in flight get this long to finish: they are paid for anyway.
GRACE_S = 5.0


class AskedModels(NamedTuple):
    """The models that an endpoint is asked for; relays often do not list the `unlisted` ones, such as embeddings."""

    listed: Sequence[str] = ()
    unlisted: Sequence[str] = ()


class RequestWorker:
    """A thread that sends requests through the relay of each endpoint, so that no event loop of the user is touched.

    The thread opens a relay for each endpoint and asks for its models before it sends the first request there. A
    problem that every other request would meet too ends all requests with one RelayError.
    """

    def __init__(
        self,
        open_relay: Callable[[Access], Relay],
        models: Callable[[Access], AskedModels],
        concurrency: int,
    ) -> None:
        """Send at most `concurrency` requests at a time to each endpoint; `models` are those that it is asked for."""
        self._open_relay = open_relay
        self._models = models
        self._concurrency = concurrency
        self._lanes: dict[tuple[str, ...], Lane] = {}
        self._unfinished: set[QueuedRequest] = set()
        self._guard = threading.Lock()  # between the submission of a request and the thread's end
        self._closing = False
        self._ended = False
        # Made here, in the thread that tests run in: it opens sockets, which a test may block later.
        self._own_loop = own_loop()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._main, name="graysplit-relay", daemon=True)
        self._has_begun = False
        self.failure: GraysplitError | None = None
        self._warnings: list[tuple[Access, str]] = []

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of all relays; where there are several, each names its relay."""
        many = sum(not lane.passes for lane in list(self._lanes.values())) > 1
        named = (f"{access.shown}: {warning}" if many else warning for access, warning in list(self._warnings))
        return tuple(dict.fromkeys(named))

    @property
    def relays(self) -> list[Relay]:
        """The relays that were opened."""
        return [lane.relay for lane in list(self._lanes.values()) if lane.relay is not None]

    @property
    def unfinished(self) -> int:
        """The number of submitted requests without a reply."""
        return len(self._unfinished)

    def expect(self, endpoints: Iterable[Access]) -> None:
        """Check these endpoints too before the first request goes to any: requests to them will follow."""
        with self._guard:
            for access in endpoints:
                self._lanes.setdefault(access.endpoint, Lane(access))

    def submit(self, requests: Iterable[QueuedRequest]) -> None:
        """Queue requests in their order; the first one starts the thread, and after its end no request is accepted."""
        batch = list(requests)
        with self._guard:
            if self._ended or self._closing:
                self._end(batch)
                return
            self._unfinished.update(batch)
            for request in batch:
                lane = Lane(request.arm.access, passes=request.passes)
                self._lanes.setdefault(lane_key(request), lane).waiting.append(request)
            if self._thread.ident is None:
                self._thread.start()
        self._call(self._nudge)

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Send nothing more, wait for requests in flight as long as the grace allows, and end the thread."""
        self._closing = True
        if self._thread.ident is None:
            self._own_loop.close()
        if not self._thread.is_alive():
            return
        self._call(self._close)
        self._thread.join(grace_s)
        if self._thread.is_alive():
            self._call(self._abort)
            self._thread.join(2.0)

    def _call(self, action: Callable[[], None]) -> None:
        """Run the action in the thread's loop; before the loop exists and after its end there is nothing to do."""
        with suppress(RuntimeError):
            if self._loop is not None:
                self._loop.call_soon_threadsafe(action)

    def _close(self) -> None:
        lanes = self._all_lanes()
        dropped = [request for lane in lanes for request in lane.waiting]
        for lane in lanes:
            lane.waiting.clear()
        self._unfinished.difference_update(dropped)
        self._end(dropped)
        self._nudge()

    def _abort(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    def _nudge(self) -> None:
        if self._wake is not None:
            self._wake.set()

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._own_loop) as runner:
                runner.run(self._run())
        except asyncio.CancelledError:
            pass
        except GraysplitError as error:
            self.failure = self.failure or error
        except Exception as error:  # noqa: BLE001 # any error must end the waiting tests, not hang them
            self.failure = self.failure or _unexpected(error)
        finally:
            with self._guard:
                self._ended = True
                unanswered = list(self._unfinished)
                self._unfinished.clear()
                for lane in self._lanes.values():
                    lane.waiting.clear()
            self._end(unanswered)

    def _end(self, requests: Iterable[QueuedRequest]) -> None:
        """Complete the futures of these requests: with the error that ended the worker, or as cancelled."""
        for request in requests:
            if self.failure is None:
                request.future.cancel()
            elif not request.future.done():
                request.future.set_exception(self.failure)

    async def _run(self) -> None:
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as relays:
            await self._serve(relays, self._wake)

    async def _serve(self, relays: AsyncExitStack, wake: asyncio.Event) -> None:
        try:
            while self.failure is None:
                lanes = self._opened_lanes(relays)
                # All endpoints are checked before the first request goes to any of them. A later one delays no other.
                checked = [lane for lane in lanes if not lane.passes]
                self._has_begun = self._has_begun or (bool(checked) and all(lane.relay for lane in checked))
                for lane in lanes:
                    if self._has_begun or lane.passes:
                        await self._fill(lane)
                if self._closing and not any(lane.tasks for lane in lanes):
                    return
                await wake.wait()
                wake.clear()
            if tasks := {task for lane in self._all_lanes() for task in lane.tasks}:
                await asyncio.wait(tasks, timeout=GRACE_S)  # they may still be answered, and are paid for then
            raise self.failure
        finally:
            await self._cancel_opening()

    def _all_lanes(self) -> list[Lane]:
        with self._guard:
            return list(self._lanes.values())

    def _opened_lanes(self, relays: AsyncExitStack) -> list[Lane]:
        """Return all lanes, after a task has been started for each one that is not yet opened."""
        lanes = self._all_lanes()
        for lane in lanes:
            if lane.opening is None and not self._closing:
                lane.opening = asyncio.create_task(self._open(lane, relays))
        return lanes

    async def _open(self, lane: Lane, relays: AsyncExitStack) -> None:
        try:
            relay = await relays.enter_async_context(self._open_relay(lane.access))
            if lane.passes:
                await relay.stop_measuring()
            else:
                models = self._models(lane.access)
                found = await relay.preflight(models.listed, models.unlisted)
                self._warnings += [(lane.access, warning) for warning in found]
            lane.relay = relay
        except GraysplitError as error:
            self._not_opened(lane, error)
        except Exception as error:  # noqa: BLE001 # see _main
            self._not_opened(lane, _unexpected(error))
        finally:
            self._nudge()

    def _not_opened(self, lane: Lane, error: GraysplitError) -> None:
        if lane.passes:
            lane.failure = error
        else:
            self._fail(error)

    async def _cancel_opening(self) -> None:
        opening = [lane.opening for lane in self._all_lanes() if lane.opening is not None]
        for task in opening:
            task.cancel()
        if opening:
            await asyncio.wait(opening)

    def _fail(self, error: GraysplitError) -> None:
        """End all requests with the first error; those that wait in a relay are not sent any more."""
        self.failure = self.failure or error
        for relay in self.relays:
            relay.halt(self.failure)

    async def _fill(self, lane: Lane) -> None:
        """Start a task for each free place of a lane while requests wait for one."""
        lane.tasks = {task for task in lane.tasks if not task.done()}
        while lane.failure and lane.waiting:
            request = lane.waiting.popleft()
            failed = not_sent(request, lane.failure)
            with suppress(Exception):  # see _ask
                failed = request.keep(failed)
            self._unfinished.discard(request)
            request.future.set_result(failed)
        while lane.relay and lane.waiting and not self._closing and len(lane.tasks) < self._concurrency:
            lane.tasks.add(asyncio.create_task(self._work(lane, lane.relay)))
            await asyncio.sleep(0)  # the task takes its first request before the next one is counted

    async def _work(self, lane: Lane, relay: Relay) -> None:
        """Send requests one after the other until none is left; there is one task per place, not per request."""
        try:
            while lane.waiting and self.failure is None and not self._closing:
                await self._send(relay, lane.waiting.popleft())
        except GraysplitError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 # see _main
            self._fail(_unexpected(error))
        finally:
            self._nudge()

    async def _send(self, relay: Relay, request: QueuedRequest) -> None:
        try:
            kept = await self._ask(relay, request)
        except BudgetExceededError as error:  # the requests after it fail in the same way, without being sent
            self._unfinished.discard(request)
            request.future.set_exception(error)
            return
        except BaseException as error:
            if isinstance(error, GraysplitError):
                self._fail(error)  # before another thread sees that no request is left
            self._unfinished.discard(request)
            if isinstance(error, GraysplitError):
                request.future.set_exception(error)
            else:
                request.future.cancel()
            raise
        self._unfinished.discard(request)
        request.future.set_result(kept)

    async def _reply(self, relay: Relay, request: QueuedRequest) -> Reply:
        listener = None if request.listener is None else PassedStream(request.listener)
        try:
            reply, stop = await relay.attempt(
                request.arm,
                request.body(),
                request.route,
                request.headers,
                keeps_answer=request.keeps_answer,
                listener=listener,
            )
        except RelayError as error:
            if request.passes and self.failure is None:
                return not_sent(request, error)
            raise
        if stop is not None and not request.passes:
            raise stop
        return reply

    async def _ask(self, relay: Relay, request: QueuedRequest) -> Reply:
        """Send a request and keep its reply; an unexpected error becomes the failed reply of this request alone."""
        try:
            return request.keep(await self._reply(relay, request))
        except GraysplitError:
            raise
        except Exception as error:  # noqa: BLE001 # see above
            failed = failed_reply(request, error)
        with suppress(Exception):  # keeping the failure may fail for the same reason
            return request.keep(failed)
        return failed


def own_loop() -> asyncio.AbstractEventLoop:
    """Return a plain event loop with a clock that a test cannot freeze, whichever loop the user's code prefers."""
    kind = getattr(asyncio, "ProactorEventLoop" if sys.platform == "win32" else "SelectorEventLoop")
    loop: asyncio.AbstractEventLoop = kind()
    loop.time = REAL.monotonic  # type: ignore[method-assign] # the only way to give a loop another clock
    return loop


def _unexpected(error: Exception) -> RelayError:
    return RelayError(
        f"calling the relay failed unexpectedly: {type(error).__name__}: {error}",
        hint="what was answered so far is kept; please report this with the version of pytest",
        slug=Slug.RELAY_UNEXPECTED,
    )
