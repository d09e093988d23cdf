"""Rows of a CSV file as tests: `__expected: contains: x` is an assertion, `__description` a description."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.assertions import KINDS

if TYPE_CHECKING:
    from pytest_graysplit.cases.promptfoo.suite import Suite

_EXPECTED = re.compile(r"__expected(\d*)")
_CONFIG = re.compile(r"__config:__expected(\d*):threshold")
# A column of any other name is a variable.
_KNOWN = re.compile(
    r"__(?:expected\d*|prefix|suffix|description|providerOutput|metric|threshold|(?:metadata|config):.*)"
)
_PROGRAM = re.compile(r"file://.*\.(?P<ending>py|[cm]?[jt]s)(?::.*)?", re.DOTALL)
_WRITTEN = re.compile(
    r"(?P<type>(?:not-)?[a-z0-9:-]+?)(?:\((?P<threshold>\d+(?:\.\d+)?)\))?(?::(?P<value>.*))?", re.DOTALL
)
_SHORT = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}
# The threshold of promptfoo for a row that says none.
_THRESHOLDS = {"similar": 0.8}


def test_of_row(suite: Suite, row: dict[Any, Any], location: str) -> dict[str, Any]:
    """Return the test in a row, and report the columns without a counterpart."""
    if row.get(None):
        suite.miss(location, "has more cells than the first row names")
    texts = {str(name).strip(): value for name, value in row.items() if isinstance(value, str)}
    test: dict[str, Any] = {"vars": {}, "options": {}}
    checks = {match[1]: _assertion_in(value) for match, value in _matching(_EXPECTED, texts) if value.strip()}
    for match, value in _matching(_CONFIG, texts):
        if value.strip() and match[1] in checks:
            checks[match[1]]["threshold"] = _number(value)
    for name, value in texts.items():
        _add_column(suite, test, name, value, location)
    return test | {"assert": list(checks.values())}


def _matching(names: re.Pattern[str], texts: dict[str, str]) -> list[tuple[re.Match[str], str]]:
    return [(match, value) for name, value in texts.items() if (match := names.fullmatch(name))]


def _add_column(suite: Suite, test: dict[str, Any], name: str, value: str, location: str) -> None:
    if not _KNOWN.fullmatch(name):
        test["vars"][name] = value
    elif not value.strip() or _EXPECTED.fullmatch(name) or _CONFIG.fullmatch(name):
        return
    elif name in ("__prefix", "__suffix"):
        test["options"][name[2:]] = value
    elif name == "__metric":
        suite.note(f"{location}.{name}", name, "about the report of promptfoo")
    elif name.startswith("__metadata"):
        suite.note(f"{location}.{name}", name, "about the test")
    elif name.startswith("__config"):
        suite.miss(f"{location}.{name}", "has no counterpart")
    else:
        test[name[2:]] = value


def _assertion_in(text: str) -> dict[str, Any]:
    """Return the assertion that a cell writes; a cell that writes none expects exactly its text."""
    bare = text.strip()
    if match := _PROGRAM.fullmatch(bare):
        return {"type": "python" if match["ending"] == "py" else "javascript", "value": bare}
    match = _WRITTEN.fullmatch(bare)
    kind = _SHORT.get(match["type"], match["type"]) if match else ""
    if match is None or kind.removeprefix("not-") not in KINDS:
        return {"type": "equals", "value": bare}
    assertion: dict[str, Any] = {"type": kind}
    if match["value"]:
        assertion["value"] = match["value"].strip()
    threshold = match["threshold"] or _THRESHOLDS.get(kind)
    return assertion | ({"threshold": float(threshold)} if threshold else {})


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
