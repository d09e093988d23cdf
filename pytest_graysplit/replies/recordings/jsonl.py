"""JSON on one line, as bytes: fast for ordinary values, and exact for unusual ones."""

from __future__ import annotations

import json
import math
from typing import Any, Literal, TypeVar

import msgspec

from pytest_graysplit.formatting.json_text import RECORDING_LEVELS, RepeatedNameError, object_once

# 1: the first format.
FORMAT: Literal[1] = 1

UTF8_MARK = b"\xef\xbb\xbf"

T = TypeVar("T")

# A cost that is not a number counts as unknown, and the reply is still used.
MAY_BE_ODD = "reported_cost_usd"


class LineError(ValueError):
    """A line that is not a recording; the text gives the reason, and the caller adds the place."""


class TornError(LineError):
    """A line that is not JSON, such as one that a kill cut short."""


class OtherFormatError(LineError):
    """A line of another version, which may contain fields that this one does not know."""


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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # The standard library reads lone surrogates, which models do send and the fast decoder refuses.
        return _converted(_loaded(line), kind)


def require_plain(value: object, name: str) -> None:
    """Raise LineError where the value is nested too deeply, or holds NaN, an infinity or a number beyond a float."""
    waiting = [(name, value, 0)]
    while waiting:
        path, part, depth = waiting.pop()
        if depth > RECORDING_LEVELS:
            raise LineError("is nested too deeply")
        if isinstance(part, dict):
            waiting += [(f"{path}.{key}", entry, depth + 1) for key, entry in part.items() if key != MAY_BE_ODD]
        elif isinstance(part, list | tuple):
            waiting += [(f"{path}[{number}]", entry, depth + 1) for number, entry in enumerate(part)]
        elif isinstance(part, float) and not math.isfinite(part):
            raise LineError(f"holds a number that is not finite - at `{path}`")


def _loaded(line: bytes) -> Any:
    try:
        loaded = json.loads(line.decode(), object_pairs_hook=object_once)
    except UnicodeDecodeError as error:
        raise TornError(f"is not UTF-8 (byte {error.start + 1})") from None
    except RecursionError:
        raise LineError("is nested too deeply") from None
    except RepeatedNameError as error:
        raise LineError(str(error)) from None
    except json.JSONDecodeError as error:
        raise TornError(f"is not JSON ({error})") from None
    except ValueError:
        raise LineError("holds a number with too many digits") from None
    require_plain(loaded, "$")
    return loaded


def refuse_twice(line: bytes) -> None:
    """Raise LineError where one object has a name twice: a reader would silently use the last one."""
    _loaded(line)


def _converted(loaded: Any, kind: type[T]) -> T:
    found = loaded.get("format") if isinstance(loaded, dict) else None
    if isinstance(found, int) and found != FORMAT:
        raise OtherFormatError(f"is format {found}, this version reads {FORMAT}")
    try:
        return msgspec.convert(loaded, kind)
    except msgspec.ValidationError as error:
        raise LineError(f"is not a recording ({error})") from None
    except UnicodeEncodeError:  # instead of one of our words or a number
        raise LineError("is not a recording (it has half a surrogate pair)") from None
