"""The text of a watched file or address, read only if it has changed."""

from __future__ import annotations

import os
import ssl
import stat
import time
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import certifi

from pytest_graysplit.config.address import shown_address
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPResponse

CHUNK_BYTES = 65_536
MOST_BYTES = 1_000_000
# A file that changed this recently is read again: two changes may have the same time.
FRESH_S = 10.0
TIMEOUT_S = 5.0
_HINT = "the last good weights stay in force, and it is read again every few seconds"


class Source(Protocol):
    """A text that may change; `name` is for messages and has no secrets."""

    name: str

    def changed(self) -> str | None:
        """Return the text if it may have changed since the last call; raise UsageError if it cannot be read."""


def source_of(watch: str) -> Source:
    """Return the source of a path or of an http(s) address."""
    return WatchedUrl(watch) if watch.lower().startswith(("http://", "https://")) else WatchedFile(Path(watch))


class WatchedFile:
    """A file that is replaced or edited at any time, also by a change of a symbolic link on its path."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.name = str(path)
        self._path = path
        self._clock = clock
        self._read: tuple[int, ...] = ()

    def changed(self) -> str | None:
        """Return the text if it may have changed."""
        try:
            # Following links: a ConfigMap replaces a link to a folder.
            found = self._path.stat()
            seen = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            if seen == self._read and found.st_mtime + FRESH_S < self._clock():
                return None
            if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for its writer
                raise problem(self.name, "is not a file")
            with self._path.open("rb") as file:
                text = _decoded(self.name, file.read(MOST_BYTES + 1))
        except OSError as error:
            self._read = ()
            raise problem(self.name, error.strerror or str(error)) from None
        self._read = seen
        return text


class WatchedUrl:
    """An http(s) address that is asked with its last ETag, in at most a few seconds."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        self.name = shown_address(url)
        self._url = url
        self._timeout_s = timeout_s
        self._etag = ""
        self._context: ssl.SSLContext | None = None

    def changed(self) -> str | None:
        """Return the text if it may have changed."""
        request = Request(self._url, headers={"If-None-Match": self._etag} if self._etag else {})  # noqa: S310 # http(s), see source_of
        try:
            with urlopen(request, timeout=self._timeout_s, context=self._tls()) as response:  # noqa: S310 # redirects stay at http(s) too
                etag, body = response.headers.get("ETag", ""), self._body(response)
        except HTTPError as error:
            with error:
                if error.code == HTTPStatus.NOT_MODIFIED:
                    return None
                raise problem(self.name, f"answers with HTTP {error.code}") from None
        except (OSError, HTTPException, ValueError) as error:
            # The text of an error may contain the address with its secrets.
            reason = getattr(error, "reason", error)
            raise problem(self.name, f"cannot be read ({type(reason).__name__})") from None
        text = _decoded(self.name, body)
        self._etag = etag
        return text

    def _tls(self) -> ssl.SSLContext | None:
        """Return the context for https, which trusts the certificates that the relay's connections trust."""
        if self._context is None and self._url.lower().startswith("https:"):
            own = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
            self._context = ssl.create_default_context(cafile=None if own else certifi.where())
        return self._context

    def _body(self, response: HTTPResponse) -> bytes:
        body, give_up_s = bytearray(), time.monotonic() + self._timeout_s
        while len(body) <= MOST_BYTES and (chunk := response.read1(CHUNK_BYTES)):
            body += chunk
            if time.monotonic() > give_up_s:
                raise TimeoutError
        if response.length and len(body) <= MOST_BYTES:
            raise IncompleteRead(bytes(body))
        return bytes(body)


def problem(name: str, text: str) -> UsageError:
    """Return the error for a watched split that cannot be used."""
    return UsageError(f"{name}: {text}", hint=_HINT, slug=Slug.SPLIT_WATCH)


def _decoded(name: str, read: bytes) -> str:
    if len(read) > MOST_BYTES:
        raise problem(name, f"is larger than {MOST_BYTES:,} bytes")
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise problem(name, "is not UTF-8") from None
