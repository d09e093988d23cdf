"""The body of a response as it arrives: decompressed piece by piece, within limits on its size."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MB = 1_000_000
# The answer of a chat model has kilobytes, a list of a few thousand vectors some megabytes.
MOST_BYTES_PER_ANSWER = 32 * MB
MOST_BYTES_IN_FLIGHT = 64 * MB
# An error message is at the beginning of its body.
MOST_BYTES_PER_ERROR = 64_000
_MOST_LAYERS = 3


class TooLargeError(Exception):
    """A response that is too large to keep in memory; the text names the limit that it exceeded."""


class EncodingError(Exception):
    """A response whose compression is broken, incomplete, or unknown."""


class Meter:
    """A counter for the bytes of all responses that are being received at once."""

    def __init__(self, limit: int = MOST_BYTES_IN_FLIGHT) -> None:
        self._limit = limit
        self.total = 0

    def add(self, count: int) -> None:
        """Count more bytes; raise TooLargeError where all responses together would exceed the limit."""
        if self.total + count > self._limit:
            raise TooLargeError(f"the answers that are being received hold more than {self._limit // MB} MB together")
        self.total += count

    def subtract(self, count: int) -> None:
        """Subtract the bytes of a response that has ended."""
        self.total -= count


class Body:
    """The body of one response: `add` each piece, then `close`."""

    def __init__(self, headers: Mapping[str, str], meter: Meter, *, most: int = MOST_BYTES_PER_ANSWER) -> None:
        """Read the names of the encodings; raise EncodingError for too many of them."""
        self._layers = [_Inflater(most) for _ in _encodings(headers)]
        self._meter = meter
        self._most = most
        self._received = 0
        self.data = bytearray()

    def add(self, piece: bytes) -> bytes:
        """Add a piece as it was sent, and return the text that it adds.

        Raises TooLargeError beyond a limit, which counts before and after decompression, and EncodingError.
        """
        room = self._most - self._received
        self._received += len(piece)
        for layer in self._layers:
            piece = layer.feed(piece)
        # Keep the beginning: of an error response, nothing else is needed.
        kept = piece[:room] if self._received > self._most else piece
        self._meter.add(len(kept))
        self.data += kept
        if self._received > self._most:
            raise _too_large(self._most)
        return piece

    def close(self) -> None:
        """Check that the body is complete; raise EncodingError where a compressed body ends early."""
        if not all(layer.is_complete for layer in self._layers):
            raise EncodingError("the compressed answer is incomplete")

    def forget(self) -> None:
        """Stop counting the bytes."""
        self._meter.subtract(len(self.data))


class _Inflater:
    """One layer of gzip or deflate, decompressed up to the limit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        # 32 above the largest window: zlib then recognises gzip and zlib by their first bytes.
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._fed = False

    @property
    def is_complete(self) -> bool:
        return self._stream.eof or not self._fed

    def feed(self, data: bytes) -> bytes:
        out = b""
        while data:
            if self._stream.eof:  # several members, one after the other, form one body
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
        """Decompress a deflate stream without a header, as some servers send it."""
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
