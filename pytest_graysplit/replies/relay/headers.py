"""The headers of a request: common ones, the key, and those of its arm."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_graysplit.config.address import origin_of
from pytest_graysplit.replies.relay import fatal_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.types import Route, Secret

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
ANTHROPIC_KEY, ANTHROPIC_VERSION = "x-api-key", "anthropic-version"
_KEY = "authorization"
# The only version of Anthropic's API so far; an application may name another one.
_VERSION = "2023-06-01"
_COMMON = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "pytest-graysplit",
}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_headers(access: Access, extra: Mapping[str, str] = NO_HEADERS, arm: str = "") -> None:
    """Raise RelayError for a key or header that cannot be sent, before an error of a library quotes it."""
    if not _is_sendable_key(access.key):
        raise fatal_errors.key_unusable(access.variable)
    if (bad := unsendable_header(extra)) is not None:
        raise fatal_errors.header_unusable(bad, arm)


def headers_for(access: Access, extra: Mapping[str, str] = NO_HEADERS, route: Route = "chat") -> dict[str, str]:
    """Return all headers of a request to an endpoint, in lower case; the extra ones win."""
    named = {name.lower(): value for name, value in extra.items()}
    if route != "messages":
        return {**_COMMON, **_bearer(access), **named}
    # Anthropic takes a key in a header of its own, and relays of its API take either. A request that brings one of the
    # two headers is signed already.
    own = {} if access.key is None else {ANTHROPIC_KEY: access.key.reveal()}
    signed = own if _is_anthropic(access.base_url) else {**_bearer(access), **own}
    return {**_COMMON, ANTHROPIC_VERSION: _VERSION, **({} if {ANTHROPIC_KEY, _KEY} & named.keys() else signed), **named}


def unsendable_header(headers: Mapping[str, str]) -> str | None:
    """Return the name of a header that no request can carry, None where there is none."""
    unsendable = (name for name, value in headers.items() if not (_NAME.fullmatch(name) and _is_visible(value)))
    return next(unsendable, None)


def _bearer(access: Access) -> dict[str, str]:
    return {_KEY: f"Bearer {access.key.reveal()}"} if access.key else {}


def _is_anthropic(base_url: str) -> bool:
    host = origin_of(base_url).host
    return host == "anthropic.com" or host.endswith(".anthropic.com")


def _is_sendable_key(key: Secret | None) -> bool:
    return key is None or (_is_visible(key.reveal()) and " " not in key.reveal())


def _is_visible(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()
