"""The identity of a request, and the redaction of secrets."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from functools import reduce
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from pytest_graysplit.types import Reply, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from pytest_graysplit.types import Case, Expect, Json, Redactor, Route

REDACTED = "[redacted]"
# Shorter texts would blank ordinary words.
SHORTEST_SECRET = 8
# The strings and numbers of a JSON text.
_JSON_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*')
# A model writes these for a tool: their numbers may be a secret, too.
_FOR_TOOLS = frozenset({"input", "arguments"})
# Any other text field may echo a secret, including fields that are added later.
_OUR_OWN_WORDS = frozenset({"model", "outcome", "error_slug", "error_kind", "retried", "at"})
_FIELDS_OF_A_REPLY = frozenset(one.name for one in fields(Reply)) - _OUR_OWN_WORDS


def canonical(body: Mapping[str, Json]) -> bytes:
    """Return the request body in the one spelling that all equal requests share, without the model.

    >>> canonical({"seed": 42.0, "model": "gpt-4.1", "messages": []})
    b'{"messages":[],"seed":42}'
    """
    settled = _settled({name: value for name, value in body.items() if name != "model"})
    text = json.dumps(settled, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    # A lone surrogate has no UTF-8, and its backslash spelling is the JSON escape of it.
    return text.encode("utf-8", "backslashreplace")


def request_hash(body: Mapping[str, Json], route: Route = "chat") -> str:
    """Return 16 hexadecimal digits that identify a request; the model and the order of names do not count.

    `route` is the one that an application's request was made to: equal bodies of two routes are different requests.
    """
    text = canonical(body)
    return hashlib.sha256(text if route == "chat" else b"%s %s" % (route.encode(), text)).hexdigest()[:16]


def redactor(secrets: Iterable[str], extra: Sequence[Callable[[str], str]] = ()) -> Redactor:
    """Return a function that blanks every secret in any of its encodings, then applies the extra functions."""
    return blanker({form for secret in secrets if secret for form in _forms(secret)}, REDACTED, extra)


def blanker(needles: Collection[str], blank: str, extra: Sequence[Callable[[str], str]] = ()) -> Redactor:
    """Return a function that replaces every needle by `blank`, the longest first, then applies the extra functions."""
    if not needles and not extra:
        return unchanged
    longest_first = sorted(needles, key=len, reverse=True)

    def redact(text: str, /) -> str:
        for needle in longest_first:  # str.replace searches a text much faster than one alternation of all needles
            text = text.replace(needle, blank)
        for step in extra:
            text = step(text)
        return text

    return redact


def chained(*redactors: Redactor) -> Redactor:
    """Return a function that applies every redactor in turn."""
    steps = [each for each in redactors if each is not unchanged]
    if len(steps) < 2:
        return steps[0] if steps else unchanged
    return lambda text, /: reduce(lambda clean, step: step(clean), steps, text)


def unchanged(text: str, /) -> str:
    """Return the text as it is: the redactor of a run without secrets."""
    return text


def redact_json(value: Json, redact: Redactor, *, names: bool = True, numbers: bool = False) -> Json:
    """Return the value with every text redacted; `names` includes the names of fields, `numbers` the numbers."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            redact(name) if names else name: redact_json(part, redact, names=names, numbers=numbers)
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_json(part, redact, names=names, numbers=numbers) for part in value]
    if numbers and isinstance(value, int | float) and (clean := redact(text := json.dumps(value))) != text:
        return clean
    return value


def redact_text(text: str, redact: Redactor) -> str:
    """Return the text redacted; one that is JSON stays JSON, with each of its strings and numbers redacted."""
    clean = redact(text)
    if clean == text or text[:1] not in "{[" or not _is_json(text):
        return clean
    return redact(_JSON_VALUE.sub(lambda found: _clean_value(found[0], redact), text))


def redact_api_json(value: Json, redact: Redactor, *, numbers: bool = False) -> Json:
    """Return a request or an answer of an application, redacted, so that the answer has one form when it is sent back.

    `numbers` includes numbers, as everywhere below the input of a tool. Vectors stay as they are: they hold no secret,
    and a redacted one would have another direction.
    """
    if redact is unchanged:
        return value
    if isinstance(value, str):
        return redact_text(value, redact)
    if isinstance(value, Mapping):
        return {
            redact(name): part
            if name == "embedding"
            else redact_api_json(part, redact, numbers=numbers or (name in _FOR_TOOLS and isinstance(part, Mapping)))
            for name, part in value.items()
        }
    if isinstance(value, list | tuple):
        if not numbers and holds_numbers(value):
            return list(value)
        return [redact_api_json(part, redact, numbers=numbers) for part in value]
    return redact_json(value, redact, numbers=numbers)


def holds_numbers(values: Sequence[Json]) -> bool:
    """Tell quickly whether a list has only numbers, as a text has that was split into thousands of tokens."""
    return set(map(type, values)) <= {int, float}


def redact_body(body: Mapping[str, Json], redact: Redactor) -> dict[str, Json]:
    """Return a request, a message or parameters with every text redacted, also below the first level."""
    return {redact(name): redact_json(part, redact) for name, part in body.items()}


def redact_call(call: ToolCall, redact: Redactor) -> ToolCall:
    """Return the call with its name, its id and its arguments redacted; a model also writes numbers into those."""
    arguments: Any = redact_json(dict(call.arguments), redact, numbers=True)
    return ToolCall(
        name=redact(call.name),
        arguments=arguments,
        id=None if call.id is None else redact(call.id),
        arguments_text=None if call.arguments_text is None else redact(call.arguments_text),
    )


def redact_reply(reply: Reply, redact: Redactor, kept: frozenset[str] = frozenset()) -> Reply:
    """Return the reply with every text of its relay or model redacted; the fields `kept` stay.

    `served` stays as well: an application gets its answers as they came, and no result has them.
    """
    changed: dict[str, Any] = {}
    for name in _FIELDS_OF_A_REPLY - kept:
        value: Any = getattr(reply, name)
        if isinstance(value, str) and (text := redact(value)) != value:
            changed[name] = text
        elif isinstance(value, tuple) and (parts := tuple(_redacted(part, redact) for part in value)) != value:
            changed[name] = parts
    return replace(reply, **changed) if changed else reply


def redact_case(case: Case, redact: Redactor) -> Case:
    """Return the case with its messages, its turns, its parameters, its expectations and its rubric redacted."""
    messages = tuple(redact_body(message, redact) for message in case.messages)
    turns = tuple(
        replace(turn, message=redact_body(turn.message, redact), expect=_clean_expect(turn.expect, redact))
        for turn in case.turns
    )
    expect, params = _clean_expect(case.expect, redact), redact_body(case.params, redact)
    rubric = tuple(map(redact, case.rubric))
    return replace(case, messages=messages, turns=turns, params=params, expect=expect, rubric=rubric)


def _clean_expect(expect: Expect | None, redact: Redactor) -> Expect | None:
    if expect is None:
        return None
    return replace(expect, **{one.name: _clean(getattr(expect, one.name), redact) for one in fields(expect)})


def _clean(value: Any, redact: Redactor) -> Any:
    if isinstance(value, tuple):
        return tuple(_redacted(part, redact) for part in value)
    return redact_json(value, redact)


def _redacted(part: Any, redact: Redactor) -> object:
    return redact_call(part, redact) if isinstance(part, ToolCall) else redact_json(part, redact)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _clean_value(token: str, redact: Redactor) -> str:
    """Return a string or a number of a JSON text redacted, in the same spelling where nothing changes."""
    text = json.loads(token) if token.startswith('"') else token
    clean = redact(text)
    return token if clean == text else json.dumps(clean, ensure_ascii=token.isascii())


def _settled(value: Json) -> Json:
    """Return equal numbers in one spelling: 1.0 and 1 make the same request, in YAML as in Python."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _settled(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return value if set(map(type, value)) == {int} else [_settled(part) for part in value]
    return value


def _forms(secret: str) -> Iterator[str]:
    """Yield the spellings of a secret: plain, escaped for JSON and addresses, base64."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    for escaped in (quote(raw, safe=""), quote_plus(raw)):
        yield escaped
        yield re.sub("%..", lambda code: code[0].lower(), escaped)
    if len(raw) >= 8:  # shorter ones would leave a needle of a few letters, which ordinary words contain too
        for shift in range(3):
            yield from _base64_core(raw, shift)


def _base64_core(raw: bytes, shift: int) -> Iterator[str]:
    """Yield the letters that stand for `raw` at any position in a longer base64 text, such as `user:key`."""
    first = (shift * 8 + 5) // 6
    last = (shift + len(raw)) * 8 // 6
    yield base64.b64encode(bytes(shift) + raw).decode()[first:last]
    yield base64.urlsafe_b64encode(bytes(shift) + raw).decode()[first:last]
