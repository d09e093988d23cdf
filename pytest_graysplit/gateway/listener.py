"""The listening socket of the gateway, which no plugin that blocks or replaces sockets can reach."""

from __future__ import annotations

import socket

from pytest_graysplit.errors import Slug, UsageError

HOST = "127.0.0.1"
_WAITING = 1024


class _Socket(socket.socket):
    """A socket whose connections are of the class that the module `socket` had when this one was imported."""

    __slots__ = ()

    def accept(self) -> tuple[socket.socket, object]:
        """Accept a connection without a look at `socket.socket`, which a test may have replaced."""
        fd, address = self._accept()  # type: ignore[attr-defined] # as the standard library does
        return _Socket(self.family, self.type, self.proto, fileno=fd), address


def listening() -> socket.socket:
    """Return a socket that listens on a free port of 127.0.0.1; raise UsageError if there is none."""
    made = _Socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets TCP_NODELAY for this protocol
    try:
        made.bind((HOST, 0))
        made.listen(_WAITING)
        made.setblocking(False)  # noqa: FBT003 # the standard library accepts it only as a positional argument
    except OSError as error:
        made.close()
        raise UsageError(
            f"the gateway for graysplit_app cannot listen on {HOST}: {(error.strerror or str(error)).lower()}",
            hint="allow the test process to open a port on the loopback",
            slug=Slug.GATEWAY_PORT,
        ) from None
    return made
