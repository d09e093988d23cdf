"""JSON on one line, as bytes: fast for what is ordinary, and exact for what is odd."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar

import msgspec

# 1: the first format.
FORMAT: Literal[1] = 1

T = TypeVar("T")


class LineError(ValueError):
    """A line that is no recording; the text says why, the caller knows where it stands."""


class OtherFormatError(LineError):
    """A line written by another version, which may know more than this one."""


def encode(value: object) -> bytes:
    r"""Return the value as JSON on one line, readable in every language, a lone surrogate as its escape.

    >>> print(encode({"text": "na\u00efve \ud800"}).decode())
    {"text":"naïve \ud800"}
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), separators=(",", ":"), ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace")


def decode(decoder: msgspec.json.Decoder[T], kind: type[T], line: bytes) -> T:
    """Read one line; raise LineError, or OtherFormatError where another version wrote it."""
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The standard library reads what the fast decoder refuses: lone surrogates, which models do send.
        return _converted(_loaded(line), kind)


def _loaded(line: bytes) -> Any:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise LineError(f"is not UTF-8 (byte {error.start + 1})") from None
    except RecursionError:
        raise LineError("is nested too deeply") from None
    except ValueError as error:
        raise LineError(f"is not JSON ({error})") from None


def _converted(loaded: Any, kind: type[T]) -> T:
    found = loaded.get("format") if isinstance(loaded, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise OtherFormatError(f"is format {found}, this version reads {FORMAT}")
    try:
        return msgspec.convert(loaded, kind)
    except msgspec.ValidationError as error:
        raise LineError(f"is no recording ({error})") from None
