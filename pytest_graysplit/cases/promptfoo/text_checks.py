"""Assertions about the text of an answer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.checks.text_expectations import pattern
from pytest_graysplit.cases.promptfoo.collected import CollectedAssertions, literal
from pytest_graysplit.cases.promptfoo.sources import NotCarriedError
from pytest_graysplit.cases.promptfoo.templates import as_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A cell of a list in one text: in quotes, where a backslash or a second quote stands for a quote, or up to a comma.
_CELL = re.compile(r'\s*(?:"((?:\\["\\]|""|[^"])*)"\s*(?=,|\Z)|([^,]*))(?:,|\Z)')


def texts_of(value: Any) -> list[str]:
    """Read one text, a list, or texts separated by commas, as promptfoo does for -any and -all."""
    if isinstance(value, str):
        value = [cell for cell in _cells(value) if cell]
    if not isinstance(value, list) or not value:
        raise NotCarriedError("has no value")
    return _present([as_text(one) for one in value])


def text_of(value: Any) -> str:
    """Read a text or a number."""
    if value is None or isinstance(value, list | dict | bool):
        raise NotCarriedError("has no text as its value")
    return as_text(value)


def python_regex(expression: str) -> str:
    """Convert a JavaScript regular expression to one of Python's `re`; raise NotCarriedError if Python rejects it."""
    text = re.sub(r"\(\?<(?![=!])", "(?P<", expression)
    text = re.sub(r"\\k<(\w+)>", r"(?P=\1)", text)
    try:
        pattern(text)
    except ValueError as error:
        raise NotCarriedError(f"has the regular expression {text!r}, which Python rejects: {error}") from None
    return text


def _cells(text: str) -> list[str]:
    found = []
    at = 0
    while at < len(text) and (match := _CELL.match(text, at)) and match.end() > at:
        quoted, plain = match[1], match[2]
        found.append(plain.strip() if quoted is None else re.sub(r'\\(["\\])|""', lambda one: one[1] or '"', quoted))
        at = match.end()
    return found


def _present(texts: list[str]) -> list[str]:
    if not all(text.strip() for text in texts):
        raise NotCarriedError("has a blank value")
    return texts


def _one(value: Any) -> str:
    return _present([text_of(value)])[0]


def _contains_any(collected: CollectedAssertions, value: Any) -> None:
    texts = texts_of(value)
    if len(texts) == 1:
        collected.add("contains", *texts)
    elif collected.expect.get("contains_any", texts) != texts:
        # A case has one list of alternatives; a second one is as good as an expression.
        collected.add("regex", "|".join(map(literal, texts)))
    else:
        collected.expect["contains_any"] = texts


def _not_all(collected: CollectedAssertions, texts: list[str], flags: str) -> None:
    collected.add("not_regex", flags + r"\A" + "".join(rf"(?=[\s\S]*{literal(text)})" for text in texts))


def _starts_with(collected: CollectedAssertions, value: Any) -> None:
    collected.set_once("starts_with", _one(value))


def _equals(collected: CollectedAssertions, value: Any) -> None:
    if isinstance(value, dict | list):
        collected.schema({"const": value})
    else:
        collected.set_once("equals", as_text(value) if isinstance(value, bool) else _one(value))


def _words(collected: CollectedAssertions, value: Any) -> None:
    bounds = value if isinstance(value, dict) else {"min": value, "max": value}
    least, most = _count(bounds.get("min")), _count(bounds.get("max"))
    if least is None and most is None:
        raise NotCarriedError("has no value")
    if most is not None:
        collected.expect["max_words"] = min(most, collected.expect.get("max_words", most))
    if least is not None:
        collected.expect["min_words"] = max(least, collected.expect.get("min_words", least))


def _count(bound: Any) -> int | None:
    if isinstance(bound, str) and bound.strip().isdecimal():
        bound = int(bound)
    if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 1):
        raise NotCarriedError("has no whole number of 1 or more as its value")
    return bound


def _any_case(text: str) -> str:
    return f"(?i){literal(text)}"


TEXT_KINDS: Mapping[str, Callable[[CollectedAssertions, Any, Any], None]] = {
    "equals": lambda collected, value, _: _equals(collected, value),
    "contains": lambda collected, value, _: collected.add("contains", _one(value)),
    "contains-all": lambda collected, value, _: collected.add("contains", *texts_of(value)),
    "contains-any": lambda collected, value, _: _contains_any(collected, value),
    "icontains": lambda collected, value, _: collected.add("icontains", _one(value)),
    "icontains-all": lambda collected, value, _: collected.add("icontains", *texts_of(value)),
    "icontains-any": lambda collected, value, _: collected.add(
        "regex", f"(?i){'|'.join(map(literal, texts_of(value)))}"
    ),
    "starts-with": lambda collected, value, _: _starts_with(collected, value),
    "regex": lambda collected, value, _: collected.add("regex", python_regex(_one(value))),
    "not-equals": lambda collected, value, _: collected.add("not_regex", rf"\A\s*{literal(_one(value).strip())}\s*\Z"),
    "not-contains": lambda collected, value, _: collected.add("not_contains", _one(value)),
    "not-contains-any": lambda collected, value, _: collected.add("not_contains", *texts_of(value)),
    "not-contains-all": lambda collected, value, _: _not_all(collected, texts_of(value), ""),
    "not-icontains": lambda collected, value, _: collected.add("not_regex", _any_case(_one(value))),
    "not-icontains-any": lambda collected, value, _: collected.add("not_regex", *map(_any_case, texts_of(value))),
    "not-icontains-all": lambda collected, value, _: _not_all(collected, texts_of(value), "(?i)"),
    "not-starts-with": lambda collected, value, _: collected.add("not_regex", rf"\A{literal(_one(value))}"),
    "not-regex": lambda collected, value, _: collected.add("not_regex", python_regex(_one(value))),
    "word-count": lambda collected, value, _: _words(collected, value),
}
