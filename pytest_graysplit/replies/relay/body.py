"""The body of an answer as it comes in: decompressed piece by piece, within limits that no answer passes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MB = 1_000_000
# An answer of a chat model has kilobytes, a list of a few thousand vectors some megabytes.
MOST_BYTES_PER_ANSWER = 32 * MB
MOST_BYTES_IN_FLIGHT = 64 * MB
# An error says what it has to say at its beginning.
MOST_BYTES_PER_ERROR = 64_000
_MOST_LAYERS = 3


class TooLargeError(Exception):
    """An answer that is larger than what is worth keeping in memory; its text says which limit it passed."""


class EncodingError(Exception):
    """An answer whose compression is broken, cut, or unknown."""


class Meter:
    """Counts the bytes of all answers that are being received at once."""

    def __init__(self, limit: int = MOST_BYTES_IN_FLIGHT) -> None:
        self._limit = limit
        self.held = 0

    def take(self, count: int) -> None:
        """Count more bytes; raise TooLargeError where all answers together would pass the limit."""
        if self.held + count > self._limit:
            raise TooLargeError(f"the answers that are being received hold more than {self._limit // MB} MB together")
        self.held += count

    def give_back(self, count: int) -> None:
        """Count bytes no more, because their answer has ended."""
        self.held -= count


class Body:
    """Collects one answer's body; `add` what comes, `close` when all has come."""

    def __init__(self, headers: Mapping[str, str], meter: Meter, *, most: int = MOST_BYTES_PER_ANSWER) -> None:
        """Read the names of the encodings; raise EncodingError for more of them than anybody needs."""
        self._layers = [_Inflater(most) for _ in _encodings(headers)]
        self._meter = meter
        self._most = most
        self._received = 0
        self.data = bytearray()

    def add(self, piece: bytes) -> bytes:
        """Take in a piece as it was sent and return what it adds to the text.

        Raises TooLargeError beyond a limit, which counts before and after decompression, and EncodingError.
        """
        room = self._most - self._received
        self._received += len(piece)
        for layer in self._layers:
            piece = layer.feed(piece)
        # The beginning stays: of an error it is all that is wanted.
        kept = piece[:room] if self._received > self._most else piece
        self._meter.take(len(kept))
        self.data += kept
        if self._received > self._most:
            raise _too_large(self._most)
        return piece

    def close(self) -> None:
        """Check that nothing is missing; raise EncodingError where a compressed body ends early."""
        if not all(layer.is_complete for layer in self._layers):
            raise EncodingError("the compressed answer ends before its end")

    def forget(self) -> None:
        """Count the bytes no more."""
        self._meter.give_back(len(self.data))


class _Inflater:
    """Undoes one layer of gzip or deflate, and stops at the limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        # 32 above the largest window: gzip and zlib are told apart by their first bytes.
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._fed = False

    @property
    def is_complete(self) -> bool:
        return self._stream.eof or not self._fed

    def feed(self, data: bytes) -> bytes:
        out = b""
        while data:
            if self._stream.eof:  # several members, one behind the other, are one body
                self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
            more = self._inflate(data)
            out = out + more if out else more
            data = self._stream.unused_data
        return out

    def _inflate(self, data: bytes) -> bytes:
        try:
            more = self._stream.decompress(data, self._left + 1)
        except zlib.error:
            if self._fed:
                raise EncodingError("the compressed answer cannot be decompressed") from None
            more = self._inflate_raw(data)
        self._fed = True
        if len(more) > self._left:
            raise _too_large(self._most)
        self._left -= len(more)
        return more

    def _inflate_raw(self, data: bytes) -> bytes:
        """Read a deflate stream without its header, which some servers send."""
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return self._stream.decompress(data, self._left + 1)
        except zlib.error:
            raise EncodingError("the compressed answer cannot be decompressed") from None


def _too_large(most: int) -> TooLargeError:
    return TooLargeError(f"the answer is larger than {most // MB} MB")


def _encodings(headers: Mapping[str, str]) -> list[str]:
    names = [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]
    known = [name for name in names if name not in ("", "identity")]
    if odd := [name for name in known if name not in ("gzip", "x-gzip", "deflate")]:
        raise EncodingError(f"the answer is encoded as {odd[0][:40]!r}, which was not asked for")
    if len(known) > _MOST_LAYERS:
        raise EncodingError(f"the answer is compressed {len(known)} times over")
    return known
