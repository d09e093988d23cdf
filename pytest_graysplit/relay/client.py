"""The one door to the network: asks the models of a relay, within limits, deadlines and retries."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from pytest_graysplit.relay import preflight, stops
from pytest_graysplit.relay.carrier import Carrier, Trip, conclude
from pytest_graysplit.relay.embeddings import read_embedding
from pytest_graysplit.relay.faults import Answer, Fault, redactor, shorten
from pytest_graysplit.relay.looplag import LoopLag
from pytest_graysplit.relay.signing import NO_HEADERS, check_headers, headers_for
from pytest_graysplit.relay.stream import has_token
from pytest_graysplit.relay.wire import read_answer
from pytest_graysplit.types import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from typing import Self

    from pytest_graysplit.config import Settings
    from pytest_graysplit.errors import RelayError
    from pytest_graysplit.relay.tolls import Purse
    from pytest_graysplit.types import Json, Redactor, Route

# Measured: one client with 64 connections spends its time on the bookkeeping of its pool; eight with 8 do not.
CONNECTIONS_PER_CLIENT = 8
MOST_WARM_UPS = 16
PREFLIGHT_TIMEOUT_S = 10.0
PREFLIGHT_RETRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStats:
    """What the requests of a run met: counts, the fewest in flight after 429s, and how late the loop ran (seconds)."""

    requests: int
    retries: int
    rate_limited: int
    lowest_concurrency: int
    loop_lag_p95_s: float

    def distorts(self, median_latency_s: float) -> bool:
        """Tell whether this machine was too busy to trust such latencies: the loop's delay is over a tenth of them.

        A few milliseconds are every loop's; they say nothing of the machine.
        """
        return self.loop_lag_p95_s > max(median_latency_s / 10, 0.005)


class Relay:
    """A relay and the connections to it; use it as `async with Relay(settings, is_refusal=...) as relay`.

    `purse` pays for requests under a cap. `clock` counts seconds, `sleep` waits for them, `random` spreads retries.
    """

    def __init__(  # noqa: PLR0913  # the last three are there for tests to take the place of time and chance
        self,
        settings: Settings,
        *,
        is_refusal: Callable[[str], bool],
        concurrency: int | None = None,
        requests_per_min: float | None = None,
        purse: Purse | None = None,
        clock: Callable[[], float] = perf_counter,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Random | None = None,
    ) -> None:
        self._settings = settings
        self._is_refusal = is_refusal
        self._purse = purse
        self._address = stops.shown_address(settings.base_url)
        self._redact = redactor(settings.secrets)
        self._urls: dict[Route, httpx.URL] = {
            "chat": httpx.URL(f"{settings.base_url}/chat/completions"),
            "embeddings": httpx.URL(f"{settings.base_url}/embeddings"),
        }
        self._models_url = httpx.URL(f"{settings.base_url}/models")
        self._headers: dict[tuple[str, ...], httpx.Headers] = {}
        self._clock = clock
        self._lag = LoopLag(clock)
        places = concurrency or settings.concurrency
        self._clients = _build_clients(settings, places, self._redact)
        self._lanes = [self._clients[place // CONNECTIONS_PER_CLIENT] for place in range(places)]
        self._carrier = Carrier(
            self._lanes,
            requests_per_min=requests_per_min or settings.requests_per_min,
            clock=clock,
            sleep=sleep,
            random=random or Random(),
        )

    async def __aenter__(self) -> Self:
        self._lag.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._lag.stop()
        for client in self._clients:
            # What goes wrong while hanging up is nobody's problem any more.
            with contextlib.suppress(Exception):
                await client.aclose()

    async def preflight(self, models: Sequence[str], unlisted: Sequence[str] = ()) -> tuple[str, ...]:
        """Check address, key and model names before anything is paid for, open connections, and return warnings.

        Models among the `unlisted` may be missing in the relay's list, which is a warning only.
        Raises RelayError when no request of the run could succeed.
        """
        request = httpx.Request("GET", self._models_url, headers=self._signed(""))
        deadline_s = min(PREFLIGHT_TIMEOUT_S, self._settings.timeout_s)
        trip = Trip[httpx.AsyncClient, "preflight.Listed"](
            send=lambda client: self._exchange(client, request, deadline_s),
            read=lambda answer: preflight.read_models(answer, self._redact),
            retries=min(PREFLIGHT_RETRIES, self._settings.retries),
        )
        known = await self._carrier.carry(trip)
        if isinstance(known, Fault):
            if known.status != 429 or trip.too_long_s is not None:
                raise self._stop(trip, known) or stops.no_preflight(known, self._address)
            return (f"the model names were not checked: {known.problem}",)
        preflight.refuse_unknown(models, known, self._settings.table.aliases)
        await self._warm_up()
        key_warnings = preflight.key_warnings(self._settings.key, self._settings.base_url)
        shutdown_warnings = preflight.shutdown_warnings((*models, *unlisted), known)
        return (*key_warnings, *preflight.unlisted_warnings(unlisted, known), *shutdown_warnings)

    async def ask(
        self, model: str, body: Mapping[str, Json], route: Route = "chat", headers: Mapping[str, str] = NO_HEADERS
    ) -> Reply:
        """Send one request, `body` as it is, and return the reply; a failed call is a reply too.

        `headers` go with this request beside those of the settings. Raises RelayError for what every further call
        would meet as well: a refused key, an empty account, a long wait; UnaskedError where the cap on the cost lets
        no further attempt go.
        """
        reply, stop = await self.attempt(model, body, route, headers)
        if stop is not None:
            raise stop
        return reply

    async def attempt(
        self, model: str, body: Mapping[str, Json], route: Route = "chat", headers: Mapping[str, str] = NO_HEADERS
    ) -> tuple[Reply, RelayError | None]:
        """Send one request and return the reply, with the error that every further call would meet, if there is one."""
        try:
            content = _ENCODER.encode(body)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"the request cannot be written as JSON: {shorten(self._redact(str(error)))}"
            return Reply(model=model, outcome="error", error=problem, error_slug="request-unusable", attempts=0), None
        request = httpx.Request("POST", self._urls[route], headers=self._signed(model, headers), content=content)
        trip = Trip[httpx.AsyncClient, Reply](
            send=lambda client: self._exchange(
                client, request, self._settings.timeout_s, streams=body.get("stream") is True
            ),
            read=lambda answer: self._read(answer, model, body, route),
            retries=self._settings.retries,
            toll=self._purse.toll(model, body, route) if self._purse else None,
        )
        result = await self._carrier.carry(trip)
        stop = self._stop(trip, result) if isinstance(result, Fault) else None
        return conclude(model, trip, result), stop

    def stats(self) -> RelayStats:
        """Return what the requests so far have met."""
        return RelayStats(
            requests=self._carrier.sent,
            retries=self._carrier.retries,
            rate_limited=self._carrier.rate_limited,
            lowest_concurrency=self._carrier.limiter.lowest,
            loop_lag_p95_s=self._lag.p95_s,
        )

    def _read(self, answer: Answer, model: str, body: Mapping[str, Json], route: Route) -> Reply | Fault:
        if route == "embeddings":
            return read_embedding(answer, model=model, sent=body.keys(), redact=self._redact)
        return read_answer(answer, model=model, sent=body.keys(), is_refusal=self._is_refusal, redact=self._redact)

    async def _exchange(
        self, client: httpx.AsyncClient, request: httpx.Request, deadline_s: float, *, streams: bool = False
    ) -> Answer | Fault:
        # The deadline is around it all: a read timeout would start anew with every blank line of a keep-alive.
        try:
            async with asyncio.timeout(deadline_s):
                return await (self._receive_stream if streams else _receive)(client, request)
        except (TimeoutError, httpx.TimeoutException) as error:
            unsent = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            return Fault(problem=f"no whole answer within {deadline_s:g} s", slug="relay-timeout", unsent=unsent)
        except (httpx.ConnectError, httpx.ProxyError) as error:
            problem, unsent = f"cannot connect: {error}", True
        except httpx.HTTPError as error:
            problem, unsent = f"the connection broke: {str(error) or type(error).__name__}", False
        return Fault(problem=shorten(self._redact(problem)), slug="relay-unreachable", unsent=unsent)

    async def _receive_stream(self, client: httpx.AsyncClient, request: httpx.Request) -> Answer:
        started, pieces = self._clock(), list[bytes]()
        ttft_s: float | None = None
        response = await client.send(request, stream=True)
        try:
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                if ttft_s is None and has_token(b"".join(pieces)):
                    ttft_s = self._clock() - started
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, b"".join(pieces), ttft_s)

    def _signed(self, model: str, extra: Mapping[str, str] = NO_HEADERS) -> httpx.Headers:
        key = (model, *itertools.chain.from_iterable(extra.items()))
        if key not in self._headers:
            check_headers(self._settings, model, extra)
            self._headers[key] = httpx.Headers(headers_for(self._settings, model, extra))
        return self._headers[key]

    def _stop(self, trip: Trip[Any, Any], fault: Fault) -> RelayError | None:
        if trip.too_long_s is not None:
            return stops.wait_too_long(fault, trip.too_long_s)
        return stops.stop_for(fault, self._address, has_key=self._settings.key is not None)

    async def _warm_up(self) -> None:
        # HEAD opens a connection as well as GET, and does not send the list of models sixteen times.
        request = httpx.Request("HEAD", self._models_url, headers=self._signed(""))
        lanes = self._lanes[-MOST_WARM_UPS:]
        await asyncio.gather(*(self._exchange(client, request, PREFLIGHT_TIMEOUT_S) for client in lanes))


def _build_clients(settings: Settings, places: int, redact: Redactor) -> list[httpx.AsyncClient]:
    cause = ""
    try:
        # One context for all clients: loading the certificates takes longer than everything else here.
        secure = settings.base_url.startswith("https:")
        context = httpx.create_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        limits = httpx.Limits(max_connections=CONNECTIONS_PER_CLIENT, max_keepalive_connections=CONNECTIONS_PER_CLIENT)
        count = -(-places // CONNECTIONS_PER_CLIENT)
        # The total deadline of each attempt is ours; the library's own would end an answer after 5 s of silence.
        return [httpx.AsyncClient(verify=context, limits=limits, timeout=None) for _ in range(count)]  # noqa: S113
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
        cause = shorten(redact(str(error)))
    raise stops.environment_unusable(cause)


async def _receive(client: httpx.AsyncClient, request: httpx.Request) -> Answer:
    response = await client.send(request)
    return Answer(response.status_code, response.headers, response.content)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
