"""Addresses of relays: parsing, display, and the URL of a route. Pure functions."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

EXAMPLE = "https://api.openai.com/v1"
LONGEST = 8192
_CHAT = "/chat/completions"
_PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SCHEME = re.compile(r"\s*[a-z][a-z0-9+.-]*:[/\\]*|", re.IGNORECASE)
# Names of query fields whose values are secrets: `?key=`, `?api_key=`, `?code=`, `?subscription-key=`.
_SECRET_FIELD = re.compile(r"key|token|secret|pass|sig|auth|code", re.IGNORECASE)


class Origin(NamedTuple):
    """The part of an address that decides who receives a request."""

    scheme: str
    host: str
    port: int


def read_address(text: str) -> str:
    """Return a base URL in normal form: without a slash at its end, and with its query.

    Raises ValueError if no request can be sent to it; its message continues a sentence that begins with the text.
    """
    text = text.strip()
    if not text:
        raise ValueError("is empty")
    parts = _split(text)
    if parts is None:
        raise ValueError(f"is not an address such as {EXAMPLE}{_suggestion(text)}")
    if "@" in parts.netloc:
        raise ValueError("holds a user name or a password, which would be sent in place of the key: leave it out")
    if "#" in text:
        raise ValueError("holds a fragment, which no request can carry: leave out everything from the # on")
    host, port = _host(parts), "" if parts.port is None else f":{parts.port}"
    if not host:
        raise ValueError(f"is not an address such as {EXAMPLE}{_suggestion(text)}")
    path = parts.path.rstrip("/").removesuffix(_CHAT).rstrip("/")
    return f"{parts.scheme}://{host}{port}{path}{'?' if parts.query else ''}{parts.query}"


def route_url(base_url: str, route: str) -> str:
    """Return the URL of a route: appended to the path of the base URL, before its query.

    >>> route_url("https://relay.example/deployments/d1?api-version=2024-10-21", "/chat/completions")
    'https://relay.example/deployments/d1/chat/completions?api-version=2024-10-21'
    """
    path, mark, query = base_url.partition("?")
    return f"{path}{route}{mark}{query}"


def origin_of(address: str) -> Origin:
    """Return scheme, host and port of a normalised address."""
    parts = urlsplit(address)
    return Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme])


def is_loopback(address: str) -> bool:
    """Tell whether a normalised address is on this machine, so that requests do not leave it."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        number = ip_address(host)
    except ValueError:
        return False
    number = getattr(number, "ipv4_mapped", None) or number
    return number.is_loopback or number.is_unspecified  # vLLM says that it listens on http://0.0.0.0:8000


def shown_address(address: str) -> str:
    """Return an address without its password and its query, because either may hold a key."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def query_secrets(address: str) -> tuple[str, ...]:
    """Return the values in the query of an address whose names mark them as secrets."""
    fields = parse_qsl(urlsplit(address).query)
    return tuple(value for name, value in fields if _SECRET_FIELD.search(name))


def masked(text: str) -> str:
    """Return a mistyped address for a message, without any part that may be a password.

    >>> masked("https://user:pass@relay.example/v1?key=abc")
    'https://***@relay.example/v1?***'
    """
    scheme = _SCHEME.match(text)
    start = scheme.end() if scheme and "/" in scheme[0] else 0
    head, rest = text[:start], text[start:]
    # A password may hold any letter, and the @ after it may be percent-encoded.
    *before, rest = re.split("@|%40", rest)
    rest = re.sub(r"^([^/?#:\[\]]+):(?!\d+(?:[/?#]|$))[^/?#]+", r"\1:***", rest)
    rest = re.sub(r"([?#]).+", r"\1***", rest, count=1, flags=re.DOTALL)
    return f"{head}{'***@' if before else ''}{rest}"


def _split(text: str) -> SplitResult | None:
    """Split an address; return None if it is not an HTTP address, or contains characters that no address has."""
    if len(text) > LONGEST or "\\" in text or " " in text or not text.isprintable():
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def _host(parts: SplitResult) -> str:
    """Return the host as a request names it, in ASCII; empty if it is not a valid name."""
    host = parts.hostname or ""
    if "[" in parts.netloc:
        try:
            return f"[{ip_address(host)}]"
        except ValueError:
            return ""
    if not host.isascii():
        host = _ascii(host)
    host = host.removesuffix(".")
    return host if len(host) <= 253 and all(map(_LABEL.fullmatch, host.split("."))) else ""


def _ascii(host: str) -> str:
    import idna

    try:
        return idna.encode(host).decode("ascii")
    except idna.IDNAError:
        return ""


def _suggestion(text: str) -> str:
    """Return ", did you mean X?" for a text that only lacks a scheme, or brackets."""
    if "@" in text or "://" in text or "\\" in text:
        return ""
    for scheme in ("http", "https"):
        with_scheme = f"{scheme}://{text}"
        parts = _split(with_scheme)
        if parts is not None and _host(parts) and ("." in text or ":" in text or parts.hostname == "localhost"):
            local = is_loopback(with_scheme) or parts.port is not None
            return f", did you mean {'http' if local else 'https'}://{masked(text)}?"
    return ""
