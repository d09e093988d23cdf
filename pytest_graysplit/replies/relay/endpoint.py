"""The destination that an address means on this machine: with its proxy, its TLS settings, and its paths."""

from __future__ import annotations

import os
import ssl
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import certifi

from pytest_graysplit.replies.relay import fatal_errors
from pytest_graysplit.replies.relay.failures import shorten
from pytest_graysplit.replies.relay.pipe import Endpoint
from pytest_graysplit.replies.relay.proxies import ProxyChoice, ProxyError, choose_proxy, configured_proxies

if TYPE_CHECKING:
    from pytest_graysplit.types import Redactor


def proxy_choice_of(base_url: str, redact: Redactor) -> ProxyChoice:
    """Choose the proxy of the environment for an address; raise RelayError where the environment is unusable."""
    try:
        return choose_proxy(base_url, configured_proxies(os.environ))
    except ProxyError as error:
        cause = shorten(redact(str(error)))
    raise fatal_errors.environment_unusable(cause)


def endpoint_of(base_url: str, proxy_choice: ProxyChoice, redact: Redactor) -> Endpoint:
    """Return the destination of requests to an address; raise RelayError where the environment is unusable.

    Each destination has name lookups of its own, so that relays of one address do not wait for each other.
    """
    try:
        return Endpoint.of(base_url, _tls, proxy_choice.proxy)
    except (OSError, ValueError) as error:
        cause = shorten(redact(str(error)))
    raise fatal_errors.environment_unusable(cause)


def target_of(url: str) -> str:
    """Return the path and the query of an address as they are sent in a request."""
    parts = urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    return f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=?~')}" if parts.query else path


def _tls() -> ssl.SSLContext:
    """Trust the authorities in SSL_CERT_FILE or SSL_CERT_DIR, else those of certifi."""
    return _tls_of(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _tls_of(file: str | None, folder: str | None) -> ssl.SSLContext:
    # Reading the authorities takes 20 ms, and the settings hold nothing of a connection: all relays share them.
    context = ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
