"""The parts of a request that are sent on: its headers, and the endpoint of a model that is not swapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.config.address import read_address
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.gateway.app_run import Upstream
from pytest_graysplit.gateway.environment import (
    ANTHROPIC_ADDRESSES,
    ANTHROPIC_KEYS,
    OPENAI_ADDRESSES,
    OPENAI_KEYS,
    variable_of,
)
from pytest_graysplit.types import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.gateway.app_run import IncomingCall
    from pytest_graysplit.types import Route

OWN = "the application's own key"
_OPENAI = "https://api.openai.com/v1"
_ANTHROPIC = "https://api.anthropic.com"
# Versions and experiments of an API, which change its answers.
_OF_API = ("anthropic-version", "anthropic-beta", "openai-beta")
# The account of a key: sent with that key alone.
_OF_ACCOUNT = ("openai-organization", "openai-project", "http-referer", "x-title")


def upstream_access(call: IncomingCall, route: Route, environ: Mapping[str, str], token: str) -> Access:
    """Return where a request would have gone, with the key that it would have had.

    `environ` is the environment of the user. A client that was made during the test has a token as its key: the key of
    that variable takes its place. Raises UsageError for an address that no request can be sent to.
    """
    upstream = call.upstream or Upstream(_address(route, environ), key_of(call.headers))
    key, variable = upstream.key, OWN
    if key is not None and (named := variable_of(key.reveal(), token)) is not None:
        variable = named or (ANTHROPIC_KEYS if route == "messages" else OPENAI_KEYS)[0]
        text = environ.get(variable, "").strip()
        key = Secret(text) if text else None
    return Access(base_url=_checked(upstream.base_url), given=True, key=key, variable=variable, names_variable=True)


def key_of(headers: Mapping[str, str]) -> Secret | None:
    """Return the key of a request, in the header of any of the APIs."""
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    text = bearer if scheme.lower() == "bearer" else ""
    text = (text or headers.get("x-api-key", "") or headers.get("api-key", "")).strip()
    return Secret(text) if text else None


def passed_headers(headers: Mapping[str, str], *, of_account: bool) -> dict[str, str]:
    """Return the headers that belong to the request itself; never a key, a cookie or a header of the connection."""
    names = (*_OF_API, *_OF_ACCOUNT) if of_account else _OF_API
    sent = {name: headers[name] for name in names if name in headers}
    return {name: value for name, value in sent.items() if value.isascii() and value.isprintable()}


def _address(route: Route, environ: Mapping[str, str]) -> str:
    if route == "messages":
        address = next(filter(None, map(environ.get, ANTHROPIC_ADDRESSES)), _ANTHROPIC).rstrip("/")
        return address if address.endswith("/v1") else f"{address}/v1"
    return next(filter(None, map(environ.get, OPENAI_ADDRESSES)), _OPENAI)


def _checked(base_url: str) -> str:
    try:
        return read_address(base_url)
    except ValueError as error:
        raise UsageError(
            f"a request of the application cannot be passed on: its address {error}",
            hint="correct the address of its client, or OPENAI_BASE_URL and ANTHROPIC_BASE_URL in the environment",
            slug=Slug.GATEWAY_ADDRESS,
        ) from None
