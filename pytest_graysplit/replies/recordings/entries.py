"""One line of a journal: a reply, its request, and the recording file that both belong into."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from pytest_graysplit.replies.recordings.jsonl import FORMAT, LineError, decode, encode
from pytest_graysplit.replies.recordings.records import decode_body, decode_head, decode_reply, request_line
from pytest_graysplit.types import ReplyKey


class EntryLine(msgspec.Struct):
    """A journal's line as it is stored; the parts go into recording files as they are."""

    format: Literal[1]
    into: str
    request: str
    body: msgspec.Raw
    reply: msgspec.Raw


class _OddLine(msgspec.Struct):
    """A journal's line with a text that the fast decoder refuses."""

    format: Literal[1]
    into: str
    request: str
    body: dict[str, Any]
    reply: dict[str, Any]


class Entry(msgspec.Struct, frozen=True):
    """What a journal's line adds to which recording file."""

    into: str
    key: ReplyKey
    request_line: bytes
    reply_line: bytes


_ENTRY = msgspec.json.Decoder(EntryLine)
_ODD = msgspec.json.Decoder(_OddLine)


def entry_line(into: str, request: str, body: bytes, reply: bytes) -> bytes:
    """Return the journal's line, with its newline, for one reply."""
    head = b'{"format":%d,"into":%s,"request":%s' % (FORMAT, encode(into), encode(request))
    return b'%s,"body":%s,"reply":%s}\n' % (head, body, reply)


def decode_entry(line: bytes) -> Entry:
    """Read a journal's line; raise LineError when it is torn, or holds what a recording file may not hold."""
    stored: EntryLine | _OddLine
    try:
        stored = _ENTRY.decode(line)
        body, reply = bytes(stored.body), bytes(stored.reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        stored = decode(_ODD, _OddLine, line)
        body, reply = encode(stored.body), encode(stored.reply)
    head = decode_head(reply)
    if head.case is None or not stored.into.endswith(".jsonl"):
        raise LineError("names no case, or no recording file")
    decode_reply(reply)
    asked = request_line(stored.request, body)
    decode_body(asked)
    key = ReplyKey(head.case, head.model, head.request, head.sample)
    return Entry(stored.into, key, asked, reply)
