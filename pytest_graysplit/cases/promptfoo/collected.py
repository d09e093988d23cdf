"""The fields of a case that the assertions of one test set."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError

if TYPE_CHECKING:
    from collections.abc import Iterable

# Checks of `expect` that take several texts; a list of one becomes that text.
_SEVERAL = ("contains", "icontains", "not_contains", "regex", "not_regex")


@dataclass(slots=True, kw_only=True)
class CollectedAssertions:
    """The fields of a case that the assertions of one test have set so far.

    `notes` are differences of the two programs, and `tools` the names of the tools that the request declares.
    """

    expect: dict[str, Any] = field(default_factory=dict)
    rubric: list[str] = field(default_factory=list)
    budgets: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    tools: tuple[str, ...] = ()

    def add(self, name: str, *texts: str) -> None:
        """Add texts to a check that takes several."""
        present = self.expect.setdefault(name, [])
        present.extend(text for text in texts if text not in present)

    def set_once(self, name: str, value: Any) -> None:
        """Set a check that a case has once."""
        if self.expect.setdefault(name, value) != value:
            raise NotCarriedError(f"is a second {name}, and a case has one")

    def criterion(self, text: str) -> None:
        """Add a criterion that a judge answers."""
        if text not in self.rubric:
            self.rubric.append(text)

    def schema(self, schema: Any) -> None:
        """Add a JSON Schema that the answer must fit."""
        if not isinstance(schema, dict):
            raise NotCarriedError("has a value that is not a JSON Schema")
        present = self.expect.get("json_schema")
        if present is None:
            self.expect["json_schema"] = schema
        elif "allOf" in present and len(present) == 1:
            present["allOf"].append(schema)
        else:
            self.expect["json_schema"] = {"allOf": [present, schema]}

    def calls(self, calls: Iterable[dict[str, Any]], **switches: bool) -> None:
        """Add tool calls that must occur; a call with arguments stands for one of its name without any."""
        present: list[dict[str, Any]] = list(self.expect.get("tool_calls", ()))
        ordered = "tool_order" in switches or "tool_order" in self.expect
        if ordered and present:
            raise NotCarriedError("is a second list of tool calls, beside one in an order")
        for call in calls:
            same = [one for one in present if one["name"] == call["name"]]
            if ordered or not same:
                present.append(call)
            elif call.get("arguments", same[0].get("arguments")) == same[0].get("arguments"):
                continue
            elif "arguments" in same[0]:
                raise NotCarriedError(f"expects other arguments of {call['name']}; whether of a second call is unclear")
            else:
                present[present.index(same[0])] = call
        self.expect |= {"tool_calls": present, **switches}

    def at_most(self, name: str, value: float) -> None:
        """Set a budget; the smaller of two counts."""
        smaller = min(value, self.budgets.get(name, math.inf))
        self.budgets[name] = int(smaller) if smaller.is_integer() else smaller

    def fields(self) -> dict[str, Any]:
        """Return the fields of the case."""
        expect = {name: list(value) if name in _SEVERAL else value for name, value in self.expect.items()}
        # As case files of earlier versions say it, where both checks are about one text.
        twice = [text for text in expect.get("icontains", ()) if text in expect.get("contains", ())]
        if twice:
            expect["regex"] = [*expect.get("regex", ()), *(f"(?i){literal(text)}" for text in twice)]
            expect["icontains"] = [text for text in expect["icontains"] if text not in twice]
        written = {
            name: value[0] if name in _SEVERAL and len(value) == 1 else value
            for name, value in expect.items()
            if value != []
        }
        rubric = {"rubric": self.rubric} if self.rubric else {}
        return {**({"expect": written} if written else {}), **rubric, **self.budgets}


def literal(text: str) -> str:
    """Escape special characters outside of sets; re.escape would also put a backslash before every space."""
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", text)
