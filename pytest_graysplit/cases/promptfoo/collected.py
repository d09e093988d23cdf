"""What the assertions of one test ask of an answer, gathered until they are fields of a case."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError

_SEVERAL = ("contains", "not_contains", "regex")


@dataclass(slots=True, kw_only=True)
class Asked:
    """What the assertions of one test ask of an answer so far; `notes` say where the two tools differ."""

    expect: dict[str, Any] = field(default_factory=dict)
    budgets: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def more(self, name: str, *texts: str) -> None:
        """Add texts to a check that takes several."""
        if not all(text.strip() for text in texts):
            raise NotCarriedError("has a blank value")
        known = self.expect.setdefault(name, [])
        known.extend(text for text in texts if text not in known)

    def once(self, name: str, value: Any) -> None:
        """Set a check that a case has once."""
        if self.expect.setdefault(name, value) != value:
            raise NotCarriedError(f"is a second {name}, and a case has one")

    def fields(self) -> dict[str, Any]:
        """Return the fields of the case; a list of one text is that text."""
        expect = {
            name: value[0] if name in _SEVERAL and len(value) == 1 else value for name, value in self.expect.items()
        }
        return {**({"expect": expect} if expect else {}), **self.budgets}

    def schema(self, schema: Any) -> None:
        """Ask for JSON that fits one more schema."""
        if not isinstance(schema, dict):
            raise NotCarriedError("has a value that is no JSON schema")
        held = self.expect.get("json_schema")
        if held is None:
            self.expect["json_schema"] = schema
        elif "allOf" in held and len(held) == 1:
            held["allOf"].append(schema)
        else:
            self.expect["json_schema"] = {"allOf": [held, schema]}

    def at_most(self, name: str, value: float) -> None:
        """Hold a budget; of two the smaller counts."""
        smaller = min(value, self.budgets.get(name, math.inf))
        self.budgets[name] = int(smaller) if smaller.is_integer() else smaller
