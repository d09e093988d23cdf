"""One row of a CSV of tests, whose columns are variables apart from those that begin with two underscores."""

from __future__ import annotations

import re
from typing import Any

from pytest_graysplit.cases.promptfoo.assertions import known

_EXPECTED = re.compile(r"__expected\d*")
_WRITTEN = re.compile(r"(?P<type>[a-z-]+)(?:\((?P<threshold>[\d.]+)\))?\s*(?::\s*(?P<value>.*))?", re.DOTALL)
_SHORT = {"grade": "llm-rubric", "fn": "javascript", "eval": "javascript"}


def test_of_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return the test that a row is: `__expected: contains: x` is an assertion, `__description` names it."""
    texts = {name.strip(): value for name, value in row.items() if isinstance(value, str)}
    test: dict[str, Any] = {"vars": {name: value for name, value in texts.items() if not name.startswith("__")}}
    expected = [value.strip() for name, value in texts.items() if _EXPECTED.fullmatch(name) and value.strip()]
    test["assert"] = [_assertion(text) for text in expected]
    test["options"] = {name: texts[f"__{name}"] for name in ("prefix", "suffix") if texts.get(f"__{name}")}
    if texts.get("__description"):
        test["description"] = texts["__description"]
    if texts.get("__threshold"):
        test["threshold"] = texts["__threshold"]
    return test


def _assertion(text: str) -> dict[str, Any]:
    match = _WRITTEN.fullmatch(text)
    kind = _SHORT.get(match["type"], match["type"]) if match else ""
    if match is None or not known(kind):
        return {"type": "equals", "value": text}
    assertion: dict[str, Any] = {"type": kind}
    if match["value"]:
        assertion["value"] = match["value"].strip()
    if match["threshold"]:
        assertion["threshold"] = float(match["threshold"])
    return assertion
