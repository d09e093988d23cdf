"""The splits that all workers declare in a shared log, found without reading its requests."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from pytest_graysplit.traffic.log.records import SplitRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

CHUNK_BYTES = 1 << 20
# The writer puts the kind first, so other lines are skipped without parsing them.
_START = b'{"kind":"split"'
# Longer than the line of a hundred arms.
MOST_LINE = 1 << 20


class LoggedSplits:
    """The splits of one salt in a log: each call of `new` yields those since the last call.

    The first call reads the log and the latest of its rotated files. A file that cannot be read has none.
    """

    def __init__(self, path: Path, salt: str) -> None:
        self._path = path
        self._salt = salt
        self._at: tuple[int, int] | None = None
        self._offset = self._rest = 0

    def new(self) -> Iterator[SplitRecord]:
        """Yield the splits that were declared since the last call."""
        with suppress(OSError), self._path.open("rb") as file:
            here = os.fstat(file.fileno())
            if (at := (here.st_dev, here.st_ino)) != self._at:
                yield from self._rotated()
                self._at, self._offset = at, 0
            elif here.st_size < self._offset:  # emptied, for example by logrotate with copytruncate
                self._offset = 0
            file.seek(self._offset)
            yield from self._found(file)
            self._offset = file.tell() - self._rest

    def _rotated(self) -> Iterator[SplitRecord]:
        """Yield the splits of the file that was the log before, from the place of the last call on."""
        with suppress(OSError), self._path.with_name(f"{self._path.name}.1").open("rb") as file:
            here = os.fstat(file.fileno())
            if (here.st_dev, here.st_ino) == self._at:
                file.seek(self._offset)
            yield from self._found(file)

    def _found(self, file: BinaryIO) -> Iterator[SplitRecord]:
        decode = msgspec.json.Decoder(SplitRecord).decode
        rest, self._rest = b"", 0
        while chunk := file.read(CHUNK_BYTES):
            text, end, rest = (rest + chunk).rpartition(b"\n")
            for line in _lines(text + end):
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    if (record := decode(line)).salt == self._salt:
                        yield record
            rest = rest if len(rest) < MOST_LINE else b""
        self._rest = len(rest)


def _lines(text: bytes) -> Iterator[bytes]:
    """Yield the lines that declare a split."""
    at = 0 if text.startswith(_START) else text.find(b"\n" + _START) + 1
    while at or text.startswith(_START):
        end = text.index(b"\n", at)
        yield text[at:end]
        at = text.find(b"\n" + _START, end) + 1
        if not at:
            return
