"""One recording file in memory: indexed line by line, decoded on demand."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import RecordingError, Slug
from pytest_graysplit.replies.recordings.jsonl import UTF8_MARK, LineError, OtherFormatError
from pytest_graysplit.replies.recordings.records import (
    decode_body,
    decode_head,
    decode_reply,
    decode_usage,
    examine,
    is_answer_of_application,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_graysplit.types import Reply, ReplyKey, Usage

CONFLICT_MARKERS = (b"<<<<<<<", b"=======", b">>>>>>>", b"|||||||")


class RecordingFile:
    """The lines of a recording file by key; of two lines with one key, the newer is kept."""

    def __init__(self, where: str, lines: Iterable[bytes] = ()) -> None:
        """Index the lines; raise RecordingError naming the first that cannot be read."""
        self.where = where
        self.lines: list[bytes] = []
        self.replies: dict[ReplyKey, int] = {}
        self.requests: dict[str, int] = {}
        self._by_request: dict[tuple[object, ...], int] | None = None
        for line in lines:
            try:
                self.take(line)
            except LineError as error:
                raise refusal(f"{where}:{len(self.lines)}", line, error) from None

    def take(self, line: bytes) -> None:
        """Add a line, unless the file has a newer one with its key; raise LineError."""
        at = len(self.lines)
        self.lines.append(line)
        if not line.strip():
            return
        head = decode_head(line)
        if head.case is None:
            if b'"body"' not in line:  # such a line must not replace one that has the request
                decode_body(line)
            self._take_request(head.request, at)
            return
        key = head.key
        known = self.replies.setdefault(key, at)
        if known != at and self._rank(at) > self._rank(known):
            self.replies[key] = at

    def replace(self, lines: Iterable[bytes]) -> None:
        """Add lines that replace those with their keys, regardless of time; of two among them the newer is kept."""
        fresh = RecordingFile(self.where, lines)
        for request, at in fresh.requests.items():
            self.lines.append(fresh.lines[at])
            self._take_request(request, len(self.lines) - 1)
        for key, at in fresh.replies.items():
            self.replies[key] = len(self.lines)
            self.lines.append(fresh.lines[at])

    def examine(self) -> None:
        """Read every line completely; raise RecordingError naming the first that cannot be read."""
        for at, line in enumerate(self.lines):
            try:
                if line.strip():
                    examine(line)
            except LineError as error:
                raise refusal(f"{self.where}:{at + 1}", line, error) from None

    def reply(self, key: ReplyKey) -> Reply | None:
        """Return the reply with the key, or one to the same request where only the case was renamed."""
        at = self.replies.get(key)
        if at is None and (at := self._renamed_from(key)) is None:
            return None
        try:
            return decode_reply(self.lines[at])
        except LineError as error:
            raise refusal(f"{self.where}:{at + 1}", self.lines[at], error) from None

    def usages(self) -> Iterator[tuple[ReplyKey, Usage]]:
        """Yield the token counts of each reply that has them; a broken line is reported when its reply is needed."""
        for key, at in self.replies.items():
            with suppress(LineError):
                if usage := decode_usage(self.lines[at]):
                    yield key, usage

    def renamed(self) -> dict[tuple[object, ...], int]:
        """Return the position of the newest reply to each request, independent of the name of its case."""
        if self._by_request is None:
            newest: dict[tuple[object, ...], int] = {}
            for key, at in self.replies.items():
                known = newest.setdefault(key[1:], at)
                if known != at and self._rank(at) > self._rank(known):
                    newest[key[1:]] = at
            self._by_request = newest  # at once, because an application asks from several threads
        return self._by_request

    def _renamed_from(self, key: ReplyKey) -> int | None:
        """Return the position of a reply to the same request under another name of its case.

        Tests of an application may begin with the same request and go on with others, which hold its answer. So the
        name most like the one that is looked for counts, and not the newest answer.
        """
        at = self.renamed().get(key[1:])
        if at is None or not is_answer_of_application(self.lines[at]):
            return at
        from rapidfuzz.distance import Indel

        def likeness(known: ReplyKey) -> tuple[float, tuple[str, bytes]]:
            return Indel.normalized_similarity(known.case, key.case), self._rank(self.replies[known])

        return self.replies[max((known for known in self.replies if known[1:] == key[1:]), key=likeness)]

    def run_of(self, key: ReplyKey) -> list[ReplyKey]:
        """Return the keys of the run of an application to which a key belongs, in the order of their times."""
        run = (
            known for known in self.replies if known._replace(request="", call=0) == key._replace(request="", call=0)
        )
        return sorted(run, key=lambda known: self._rank(self.replies[known]))

    def body(self, request: str) -> dict[str, Any] | None:
        """Return the body of the request with this hash, or None where the file does not have it."""
        at = self.requests.get(request)
        try:
            return None if at is None else decode_body(self.lines[at])
        except LineError:
            return None  # the body only explains a miss, and the user must see the miss itself

    def drop_unused_requests(self) -> None:
        """Remove the requests that no reply refers to."""
        used = {key.request for key in self.replies}
        self.requests = {request: at for request, at in self.requests.items() if request in used}

    def render(self) -> bytes:
        """Return the content of the file: requests by hash, replies by key, one per line."""
        order = [at for _, at in sorted(self.requests.items())] + [at for _, at in sorted(self.replies.items())]
        return b"".join(self.lines[at] + b"\n" for at in order)

    def _take_request(self, request: str, at: int) -> None:
        known = self.requests.setdefault(request, at)
        # Two bodies with one hash differ only in their redaction; the choice must be the same on every machine.
        if self.lines[at] > self.lines[known]:
            self.requests[request] = at

    def _rank(self, at: int) -> tuple[str, bytes]:
        """Order lines of one key: by time, then by their bytes, so that any concatenation gives one result."""
        return decode_head(self.lines[at]).sortable_at, self.lines[at]


def read_recording(path: Path, where: str) -> RecordingFile:
    """Read a recording file, a missing one as empty; raise RecordingError naming the line that is broken."""
    return RecordingFile(where, split_lines(read_data(path, where)))


def read_data(path: Path, where: str) -> bytes:
    """Return the bytes of a recording file, none where it is missing; raise RecordingError if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise RecordingError(
            f"{where} cannot be read: {error.strerror}",
            hint="make it a file that you may read, or restore it from version control",
            slug=Slug.RECORDING_UNREADABLE,
        ) from None


def split_lines(data: bytes) -> list[bytes]:
    """Split a file into lines, also with the byte order mark and line ends of another system."""
    return data.removeprefix(UTF8_MARK).splitlines()


def refusal(place: str, line: bytes, error: LineError) -> RecordingError:
    """Return the error for a line, with its remedy."""
    if line.startswith(CONFLICT_MARKERS):
        return RecordingError(
            f"{place}: a merge conflict is not resolved",
            hint="run `graysplit recordings tidy`, which keeps both sides; "
            "`**/__graysplit__/*.jsonl merge=union` in .gitattributes avoids it",
            slug=Slug.RECORDING_CONFLICT,
        )
    if isinstance(error, OtherFormatError):
        return RecordingError(
            f"{place}: {error}",
            hint="install the pytest-graysplit that wrote it, or move it away and record again with "
            "--graysplit-record=new",
            slug=Slug.RECORDING_FORMAT,
        )
    return RecordingError(
        f"{place}: {error}",
        hint="restore the line from version control, or delete it and record it again with --graysplit-record=new",
        slug=Slug.RECORDING_BROKEN,
    )
