"""The routes of the live page, as an ASGI app that can be served alone or mounted in another app."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from pytest_graysplit.reporting.dashboard.html import new_page, page_files
from pytest_graysplit.reporting.dashboard.middleware import SecurityHeadersMiddleware, TokenAuthMiddleware
from pytest_graysplit.reporting.dashboard.page_text import case_texts
from pytest_graysplit.reporting.dashboard.snapshot_cache import SnapshotCache, as_text
from pytest_graysplit.reporting.dashboard.snapshot_json import grade_of
from pytest_graysplit.reporting.dashboard.sse import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from pytest_graysplit.reporting.dashboard.snapshot_cache import Source
    from pytest_graysplit.types import Json


# Addresses for probes; they say nothing that needs the token.
HEALTH, READY = "/healthz", "/readyz"
# The content type of Prometheus' text format.
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def page_app(
    source: Source,
    *,
    token: str | None = None,
    closing: threading.Event | None = None,
    metrics: Callable[[], bytes] | None = None,
    failing: Callable[[], Sequence[str]] = tuple,
) -> Starlette:
    """Return the app of the page; set `closing` to make open streams send the last snapshot and end.

    `metrics` returns the content of `/metrics`, in Prometheus' text format, and `failing` the parts that are not ready,
    for `/readyz`.
    """
    routes = _Routes(source, closing or threading.Event(), metrics, failing)
    return Starlette(
        routes=[
            Route("/", routes.page),
            Route("/page/{name}", routes.page_file),
            Route("/events", routes.events),
            Route("/metrics", routes.metrics),
            Route("/metrics/dashboard", routes.snapshot),
            Route("/metrics/validate-grade", routes.grade),
            Route("/cases/{id:path}", routes.case),
            Route(HEALTH, routes.health),
            Route(READY, routes.ready),
        ],
        middleware=[
            Middleware(SecurityHeadersMiddleware),
            *([Middleware(TokenAuthMiddleware, token=token, free=(HEALTH, READY))] if token else []),
        ],
    )


class _Routes:
    """The handlers, one per route; those that call the source are not `async`, so Starlette runs them in a thread."""

    def __init__(
        self,
        source: Source,
        closing: threading.Event,
        metrics: Callable[[], bytes] | None,
        failing: Callable[[], Sequence[str]],
    ) -> None:
        self._source = source
        self._cache = SnapshotCache(source)
        self._closing = closing
        self._metrics = metrics
        self._failing = failing

    async def page(self, _: Request) -> Response:
        page = new_page()
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    async def page_file(self, request: Request) -> Response:
        name = str(request.path_params["name"])
        file = page_files().get(name)
        if file is None:
            return _json({"error": f"the page has no file {name!r}"}, 404)
        return Response(file.content, headers={"Content-Type": file.media_type})

    async def events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        events = stream(self._cache, request, self._closing)
        # Asks proxies not to buffer the events.
        return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def metrics(self, _: Request) -> Response:
        if self._metrics is None:
            return _json({"error": "this page has no Prometheus metrics; only the page of a monitor has them"}, 404)
        return Response(self._metrics(), headers={"Content-Type": METRICS_TYPE})

    def snapshot(self, _: Request) -> Response:
        return _json(self._source.snapshot())

    def grade(self, _: Request) -> Response:
        return _json(grade_of(self._source.snapshot()))

    def case(self, request: Request) -> Response:
        case_id = str(request.path_params["id"])
        found = self._source.case(case_id)
        if found is None:
            return _json({"error": f"there is no case {case_id!r} here"}, 404)
        return _json({**found, "page": case_texts(found)})

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def ready(self, request: Request) -> Response:
        left_out = request.query_params.getlist("exclude")
        failing: list[Json] = [part for part in self._failing() if part not in left_out]
        return _json({"status": "not ready" if failing else "ready", "failing": failing}, 503 if failing else 200)


def _json(value: dict[str, Json], status: int = 200) -> Response:
    return Response(as_text(value), status_code=status, media_type="application/json")
