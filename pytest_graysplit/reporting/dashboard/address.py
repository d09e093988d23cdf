"""The address that the page is served at: a host that is allowed, and a free port."""

from __future__ import annotations

import ipaddress
import os
import socket

from pytest_graysplit.errors import Slug, UsageError


def listening(host: str, port: int, *, token: str | None) -> socket.socket:
    """Return a listening socket; raise UsageError if the address is unusable, or is not local and has no token."""
    if not token and not _is_loopback(host):
        raise UsageError(
            f"the address {host} can be reached from other machines, which could read all prompts and answers",
            hint="set a token, or serve on 127.0.0.1 and forward the port, for example with ssh -L",
            slug=Slug.DASHBOARD_TOKEN,
        )
    try:
        return _bound(host, port)
    except OverflowError:
        raise _unusable(host, port, "ports are numbers from 0 to 65535") from None
    except OSError as error:
        raise _unusable(host, port, (error.strerror or str(error)).lower()) from None


def address_of(host: str, port: int) -> str:
    """Return the URL of the page."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def _unusable(host: str, port: int, reason: str) -> UsageError:
    return UsageError(
        f"the live page cannot be served on {host} port {port}: {reason}",
        hint="use another port, or 0 for any free port",
        slug=Slug.DASHBOARD_PORT,
    )


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, (name, _, *scope) = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":
            # Allows a port that was closed a moment ago. On Windows the option would take a port from its owner.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((name, port, *scope))
        listener.listen()
    except BaseException:
        listener.close()
        raise
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
