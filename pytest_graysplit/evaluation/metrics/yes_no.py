"""Reading of a judge's answer to a question of yes or no, with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.evaluation.metrics.judge import json_objects, read_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.types import Json

# The name of a verdict as JSON writes it; inside a text of JSON, a backslash stands before each quote.
_NAME = re.compile(r"""["']\s*verdict\s*["']\s*:""", re.IGNORECASE)
_VERDICTS: Mapping[str, bool] = {"yes": True, "true": True, "no": False, "false": False}


class YesOrNo(NamedTuple):
    """A judge's verdict on one question, and its reason on one line."""

    yes: bool
    reason: str = ""


def read_yes_or_no(text: str) -> YesOrNo | None:
    """Read the verdict of a judge's answer, whose JSON may stand between other text; None if it is not clear.

    Verdicts that differ, a verdict that is neither yes nor no, and one in broken JSON are not clear.

    >>> read_yes_or_no('Here it is: {"reason": "It names 30 days.", "verdict": "Yes"}')
    YesOrNo(yes=True, reason='It names 30 days.')
    """
    named = list(_named(text))
    found = {_VERDICTS.get(verdict.strip(" .\"'").lower()) for verdict in named}
    # A reason with unescaped quotes breaks its object, and may itself contain one.
    if len(found) != 1 or len(named) != len(_NAME.findall(text)):
        return None
    yes = found.pop()
    return None if yes is None else YesOrNo(yes, read_reason(text))


def _named(text: str) -> Iterator[str]:
    """Yield every verdict in a judge's answer as a text."""
    for entry in json_objects(text):
        yield from (_written(value) for key, value in entry if key.strip().lower() == "verdict")


def _written(value: Json) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, bool) else ""
