"""JSON as models, relays and recordings hold it: read leniently or strictly, and never deeper than can be followed."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeAlias

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# How deep lists and objects may stand in each other. Each is larger than the one before, because it holds that one:
# a request is written by people, an answer of a model may repeat a request, and a recording holds both.
# The smallest also ends the loops that YAML anchors can tie.
CASE_LEVELS = 64
# Arguments of a tool call that are nested deeper are kept as the text that they are.
ANSWER_LEVELS = 100
# Shallow enough for every function that recurses.
RECORDING_LEVELS = 200
# Whole numbers that are longer are longer than Python reads.
MAX_DIGITS = 400


class TooDeepError(ValueError):
    """JSON that is nested deeper than anything can read it."""


class RepeatedNameError(ValueError):
    """An object in which a name stands twice; the text says which."""


def read_json(text: str | bytes | bytearray) -> Json:
    """Parse JSON leniently; raise ValueError, and TooDeepError for what is nested too deep."""
    import msgspec  # which a run that reads no answer does not need

    try:
        value: Json = msgspec.json.decode(text)
    except RecursionError:
        raise TooDeepError("nested too deep") from None
    except ValueError:
        # A lenient second reading, because this answer is paid for: some relays cut an emoji in half, or send NaN.
        value = _read_leniently(text)
    return value


def read_strictly(text: str) -> Json:
    """Parse JSON; raise ValueError for what only some readers take, RecursionError for what is nested too deep."""
    value: Json = json.loads(text, **_STRICT)
    return value


def is_nested_deeper(value: Json, levels: int) -> bool:
    """Tell whether lists and objects stand in each other more than so many levels deep; walks without recursion."""
    waiting = [(value, 1)]
    while waiting:
        one, level = waiting.pop()
        if isinstance(one, dict | list):
            if level > levels:
                return True
            inner = one.values() if isinstance(one, dict) else one
            waiting += [(each, level + 1) for each in inner if isinstance(each, dict | list)]
    return False


def object_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object in which no name stands twice: some readers would take the first, and others the last."""
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


def _refused(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a number of JSON")


def _float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text)


# What no number of JSON can be is not known: NaN, 1e400, and whole numbers that are too long.
_LENIENT: dict[str, Any] = {
    "parse_constant": lambda _: None,
    "parse_float": _float_or_none,
    "parse_int": lambda text: int(text) if len(text) < MAX_DIGITS else None,
}
_STRICT: dict[str, Any] = {
    "parse_constant": _refused,
    "parse_float": _float,
    "parse_int": lambda text: int(text) if len(text) < MAX_DIGITS else _refused(text),
    "object_pairs_hook": object_once,
}
