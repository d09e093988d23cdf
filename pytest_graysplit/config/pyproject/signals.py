"""Read `[tool.graysplit.verdict.signals.NAME]`: the rules of the named signals of the users of live traffic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.config.policy import SignalRule
from pytest_graysplit.config.pyproject.reading import read_table, reject_unknown, setting_error

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("better", "margin", "critical", "per")
# Names are labels of metrics and columns of reports, so they are short and plain.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
NAME_HINT = "a name is a letter and up to 39 letters, digits, dots, hyphens or underscores, such as ticket"


def is_signal_name(name: object) -> bool:
    """Tell whether a value can be the name of a signal."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def read_signals(value: object) -> dict[str, SignalRule]:
    """Return the rule of each declared signal; raise UsageError that names the setting."""
    rules = {}
    for name, own in read_table("verdict.signals", value).items():
        setting = f"verdict.signals.{name}"
        if not is_signal_name(name):
            raise setting_error(setting, "is not the name of a signal", NAME_HINT)
        table = read_table(setting, own)
        reject_unknown(setting, table, FIELDS)
        rules[name] = SignalRule(
            better=_better(setting, table),
            margin=_margin(setting, table),
            critical=_critical(setting, table),
            per=_per(setting, table),
        )
    return rules


def _better(setting: str, table: Mapping[str, object]) -> Literal["higher", "lower"]:
    value = table.get("better", "higher")
    if value == "higher":
        return "higher"
    if value == "lower":
        return "lower"
    raise setting_error(f"{setting}.better", f"{value!r} is not higher or lower", 'tickets are better = "lower"')


def _per(setting: str, table: Mapping[str, object]) -> Literal["unit", "signal"]:
    value = table.get("per", "unit")
    if value == "unit":
        return "unit"
    if value == "signal":
        return "signal"
    raise setting_error(
        f"{setting}.per", f"{value!r} is not unit or signal", 'write per = "signal" for the mean of the given values'
    )


def _margin(setting: str, table: Mapping[str, object]) -> float | None:
    value = table.get("margin")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise setting_error(
            f"{setting}.margin", f"{value!r} is not a number above 0 and below 1", "write 0.02 for two points"
        )
    return float(value)


def _critical(setting: str, table: Mapping[str, object]) -> bool:
    value = table.get("critical", False)
    if not isinstance(value, bool):
        raise setting_error(f"{setting}.critical", f"{value!r} is not true or false", "write critical = true")
    return value
