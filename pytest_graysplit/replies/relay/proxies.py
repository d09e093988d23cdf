"""The choice of a proxy for an address, from environment variables. Pure functions of that environment."""

from __future__ import annotations

import ipaddress
import re
import sys
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from pytest_graysplit.config.address import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[\w.*-]+", re.ASCII)


def configured_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies by scheme, and NO_PROXY under "no": those of the environment, else those of the system.

    Each variable is looked up by its name: listing all of them while a test changes the environment may miss one.
    """
    configured = {}
    for name in ("http", "https", "all", "no"):
        # In a CGI process, HTTP_PROXY is set by a header of the request.
        upper = "" if name == "http" and "REQUEST_METHOD" in environ else environ.get(f"{name.upper()}_PROXY", "")
        if value := environ.get(f"{name}_proxy") or upper:
            configured[name] = value
    return configured or _of_the_system()


def _of_the_system() -> dict[str, str]:
    platform: str = sys.platform
    if platform not in ("darwin", "win32"):
        return {}
    import urllib.request

    names = ("getproxies_macosx_sysconf", "getproxies_registry")
    read = next((found for name in names if (found := getattr(urllib.request, name, None))), dict)
    return dict(read())


class ProxyError(ValueError):
    """A proxy that cannot be used; the text gives the reason, and never shows a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy: its address, whether it uses TLS itself, and the header that authenticates to it."""

    host: str
    port: int
    tls: bool = False
    authorization: str = ""


class ProxyChoice(NamedTuple):
    """The chosen proxy, None for a direct connection, and the parts of NO_PROXY that could not be read."""

    proxy: Proxy | None = None
    unreadable: tuple[str, ...] = ()


def choose_proxy(url: str, proxies: Mapping[str, str]) -> ProxyChoice:
    """Return the proxy for an address, given the proxies by scheme as `configured_proxies` returns them.

    A loopback address is never reached through a proxy: from there it would be another machine. Raises ProxyError for a
    proxy that cannot be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    configured = proxies.get(parts.scheme) or proxies.get("all")
    if not configured or is_loopback(url):
        return ProxyChoice()
    entries = [entry for entry in re.split(r"[,\s]+", proxies.get("no", "")) if entry]
    unreadable = tuple(entry for entry in entries if not _is_readable(entry))
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    if any(_matches(entry, parts.scheme, host, port) for entry in entries if entry not in unreadable):
        return ProxyChoice(unreadable=unreadable)
    return ProxyChoice(_proxy(configured), unreadable)


def _proxy(configured: str) -> Proxy:
    try:
        parts = urlsplit(configured if "://" in configured else f"http://{configured}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ProxyError("the address of the proxy cannot be read") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise ProxyError(f"a proxy of the kind {parts.scheme}:// is not supported, http:// and https:// are")
    if not host:
        raise ProxyError("the address of the proxy names no host")
    port = port or _DEFAULT_PORTS[parts.scheme]
    return Proxy(host=host, port=port, tls=parts.scheme == "https", authorization=_authorization(parts))


def _authorization(parts: SplitResult) -> str:
    if parts.username is None:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _is_readable(entry: str) -> bool:
    try:
        [scheme, host, _] = _split_entry(entry)
    except ValueError:
        return False
    if "/" in host:
        return _network(host) is not None
    return scheme in ("", "all", *_DEFAULT_PORTS) and (_address(host) is not None or bool(_HOST.fullmatch(host)))


def _matches(entry: str, scheme: str, host: str, port: int) -> bool:
    only_scheme, pattern, only_port = _split_entry(entry)
    if only_scheme not in ("", "all", scheme) or only_port not in (None, port):
        return False
    if pattern == "*":
        return True
    if (network := _network(pattern)) is not None:
        address = _address(host)
        return address is not None and address.version == network.version and address in network
    name = pattern.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_entry(entry: str) -> tuple[str, str, int | None]:
    """Return scheme, host or network, and port of an entry; raise ValueError where it has no such shape."""
    scheme, has_scheme, rest = entry.lower().rpartition("://")
    if not has_scheme:
        rest = entry.lower()
    if _address(rest) is not None or "/" in rest:
        return scheme, rest, None
    if rest.startswith("["):
        host, bracket, after = rest[1:].partition("]")
        if not bracket or _address(host) is None or (after and not after.startswith(":")):
            raise ValueError(entry)
        return scheme, host, int(after[1:]) if after else None
    host, colon, port = rest.partition(":")
    return scheme, host, int(port) if colon else None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def unreadable_warnings(proxy_choice: ProxyChoice) -> Iterator[str]:
    """Yield a warning for each part of NO_PROXY that could not be read and is ignored."""
    for entry in proxy_choice.unreadable:
        yield f"NO_PROXY: {entry[:60]!r} is not a host, an address or a network, and is ignored"
