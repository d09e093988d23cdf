"""JSON of models, relays and recordings: lenient or strict parsing, with a limit on the depth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# The allowed depth of nested lists and objects. Each limit is larger than the one before: people write requests, an
# answer may repeat a request, and a recording holds both. The smallest limit also ends loops of YAML anchors.
CASE_LEVELS = 64
# Arguments of a tool call that are nested deeper stay a text.
ANSWER_LEVELS = 100
# Shallow enough for every recursive function.
RECORDING_LEVELS = 200
# Python refuses to parse much longer whole numbers.
MAX_DIGITS = 400


class TooDeepError(ValueError):
    """JSON that is nested too deep to read."""


class RepeatedNameError(ValueError):
    """An object with a repeated name; the message names it."""


def read_json(text: str | bytes | bytearray) -> Json:
    """Parse JSON leniently; raise ValueError, and TooDeepError if it is nested too deep."""
    import msgspec  # a run that reads no answer does not need it

    try:
        value: Json = msgspec.json.decode(text)
    except RecursionError:
        raise TooDeepError("nested too deep") from None
    except ValueError:
        # A lenient second attempt, because the answer is paid for: some relays cut an emoji in half, or send NaN.
        value = _read_leniently(text)
    return value


def read_strictly(text: str) -> Json:
    """Parse JSON; raise ValueError for extensions of it, and RecursionError if it is nested too deep."""
    value: Json = json.loads(text, **STRICT)
    return value


def is_nested_deeper(value: Json, levels: int) -> bool:
    """Tell whether lists and objects are nested more than so many levels deep; works without recursion."""
    waiting = [(value, 1)]
    while waiting:
        one, level = waiting.pop()
        if isinstance(one, dict | list):
            if level > levels:
                return True
            inner = one.values() if isinstance(one, dict) else one
            waiting += [(each, level + 1) for each in inner if isinstance(each, dict | list)]
    return False


def plain_json(value: object) -> Json:
    """Return a value as JSON can hold it: NaN and infinity become null, and unknown objects their text.

    >>> plain_json({"temperature": float("nan"), "stop": ("a", "b")})
    {'temperature': None, 'stop': ['a', 'b']}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain_json(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(part) for part in value]
    return str(value)


def object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object without repeated names: some parsers take the first value, and others the last."""
    loaded = dict(pairs)
    if len(loaded) < len(pairs):
        names = [name for name, _ in pairs]
        raise RepeatedNameError(f"names {next(name for name in names if names.count(name) > 1)!r} twice")
    return loaded


def _read_leniently(text: str | bytes | bytearray) -> Json:
    import msgspec

    text = text if isinstance(text, str) else text.decode("utf-8", "replace")
    try:
        loose = json.dumps(json.loads(text, **_LENIENT), ensure_ascii=False)
    except RecursionError:
        raise TooDeepError("nested too deep") from None
    value: Json = msgspec.json.decode(loose.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    return value


def _float_or_none(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _reject_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a number of JSON")


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _reject_number(text)


# Numbers that JSON does not allow become null: NaN, 1e400, and whole numbers that are too long.
_LENIENT: dict[str, Any] = {
    "parse_constant": lambda _: None,
    "parse_float": _float_or_none,
    "parse_int": lambda text: int(text) if len(text) < MAX_DIGITS else None,
}
# Parameters of json.loads that refuse extensions of JSON.
STRICT: dict[str, Any] = {
    "parse_constant": _reject_number,
    "parse_float": _float,
    "parse_int": lambda text: int(text) if len(text) < MAX_DIGITS else _reject_number(text),
    "object_pairs_hook": object_once,
}
