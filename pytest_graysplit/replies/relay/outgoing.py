"""Requests as they are sent: the body as JSON, the path of the route, and all headers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from pytest_graysplit.errors import Slug
from pytest_graysplit.replies.relay.connection import Request
from pytest_graysplit.replies.relay.failures import shorten
from pytest_graysplit.replies.relay.headers import check_headers, headers_for, unsendable_header
from pytest_graysplit.replies.relay.routes.reader import targets_at

if TYPE_CHECKING:
    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.types import Json, Redactor, Route

MOST_HEADER_SETS = 1_000


class UnusableRequestError(Exception):
    """A request that cannot be sent as it is, while others of its arm can."""

    def __init__(self, problem: str, slug: Slug) -> None:
        super().__init__(problem)
        self.slug = slug


class RequestWriter:
    """The writer of all requests to one relay; headers that were checked once are not checked again."""

    def __init__(self, access: Access, redact: Redactor) -> None:
        self._access = access
        self._redact = redact
        self._targets = targets_at(access.base_url)
        self._headers: dict[tuple[str, ...], Mapping[str, str]] = {}

    def request(
        self,
        arm: Arm,
        body: Mapping[str, Json],
        route: Route,
        headers: Mapping[str, str],
        *,
        of_application: bool,
    ) -> Request:
        """Return the request as it is sent; raise UnusableRequestError where it alone cannot be.

        `headers` are added to those of the arm, and win. The headers `of_application` do not: it does not know the arm.
        """
        if route == "responses" and body.get("background"):
            problem = "the request asks for an answer in the background, which later requests would have to fetch"
            raise UnusableRequestError(problem, Slug.REQUEST_UNUSABLE)
        try:
            content = _ENCODER.encode(body)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problem = f"the request cannot be written as JSON: {shorten(self._redact(str(error)))}"
            raise UnusableRequestError(problem, Slug.REQUEST_UNUSABLE) from None
        extra = {**arm.headers, **headers}
        if of_application:
            if (bad := unsendable_header(headers)) is not None:
                problem = f"the header {bad!r} of the request holds a letter that no HTTP header can carry"
                raise UnusableRequestError(problem, Slug.HEADER_UNUSABLE)
            extra = {**headers, **arm.headers}
        signed = self.signed(extra, arm.name if arm.has_own_headers else "", route)
        return Request("POST", self._targets[route], signed, content)

    def signed(self, extra: Mapping[str, str], arm: str = "", route: Route = "chat") -> Mapping[str, str]:
        """Return all headers of a request; raise RelayError for a key or header that cannot be sent."""
        key = (str(route == "messages"), *itertools.chain.from_iterable(extra.items()))
        if key not in self._headers:
            if len(self._headers) >= MOST_HEADER_SETS:  # an application may send other headers with each request
                self._headers.clear()
            check_headers(self._access, extra, arm)
            self._headers[key] = headers_for(self._access, extra, route)
        return self._headers[key]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
