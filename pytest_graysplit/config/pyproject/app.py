"""The section `app` of `[tool.graysplit]`: how requests of an application under test are matched and limited."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_graysplit.config.policy import MAX_CALLS
from pytest_graysplit.config.pyproject.reading import read_names, reject_unknown, setting_error

if TYPE_CHECKING:
    from collections.abc import Mapping

APP_FIELDS = ("ignore", "hosts", "max_calls")
_HOST = re.compile(r"https?://[^\s/]+\S*|\*\.[\w.-]+|[\w.-]+(:\d+)?|\[[0-9a-f:.]+\](:\d+)?|[0-9a-f:.]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppTable:
    """The settings of tests with `graysplit_app`.

    Matches of `ignore` do not count when a request is looked up in the recordings. `hosts` are further hosts whose
    models an application calls from this process. An arm that makes more than `max_calls` requests in one test fails.
    """

    ignore: tuple[re.Pattern[str], ...] = ()
    hosts: tuple[str, ...] = ()
    max_calls: int = MAX_CALLS

    @classmethod
    def read(cls, table: Mapping[str, object]) -> AppTable:
        """Check the section; raise UsageError that names the setting."""
        reject_unknown("app", table, APP_FIELDS)
        calls = table.get("max_calls", MAX_CALLS)
        if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
            raise setting_error(
                "app.max_calls", f"{calls!r} is not a number of requests", "write a whole number of 1 or more"
            )
        return cls(
            ignore=tuple(map(_pattern, read_names("app.ignore", table.get("ignore", [])))),
            hosts=tuple(map(_host, read_names("app.hosts", table.get("hosts", [])))),
            max_calls=calls,
        )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        problem = f"{text!r} is not a regular expression: {error}"
        raise setting_error(
            "app.ignore", problem, r"write for example ignore = ['\d{4}-\d\d-\d\d'], in single quotes"
        ) from None


def _host(text: str) -> str:
    if _HOST.fullmatch(text):
        return text
    raise setting_error(
        "app.hosts", f"{text!r} is not a host", 'write "llm.corp.example", "localhost:8000" or "*.corp.example"'
    )
