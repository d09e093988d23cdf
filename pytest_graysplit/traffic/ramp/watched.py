"""The weights and the version of a split that is watched in a file or at an address."""

from __future__ import annotations

import logging
import tomllib
from typing import TYPE_CHECKING

from pytest_graysplit.config.pyproject.splits import read_split
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.ramp.source import problem, source_of
from pytest_graysplit.traffic.splitter.configured import build_splitter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.traffic.splitter import TrafficSplitter

_logger = logging.getLogger("pytest_graysplit")
# Settings of an arm that a watched file may repeat and that stay as the client was started.
_KEPT = ("params", "headers")


class WatchedSplit:
    """A split in a file or at an address: `look` gives its weights and its version to `offer` when they change.

    `offer` raises UsageError for weights that are not taken. Without a usable split the last good one stays, and
    `on_problem` gets the problem, or an empty text when it is over.
    """

    def __init__(
        self,
        watch: str,
        *,
        current: Callable[[], TrafficSplitter],
        offer: Callable[[TrafficSplitter], None],
        on_problem: Callable[[str], None],
        settings: Settings,
    ) -> None:
        self._source = source_of(watch)
        self.name = self._source.name
        self.problem = ""
        self._current = current
        self._offer = offer
        self._on_problem = on_problem
        self._settings = settings
        self._text: str | None = None
        self._refused = ""

    def look(self) -> bool:
        """Read the split if it has changed; tell whether the weights in force are those of the source."""
        try:
            text = self._source.changed()
            if text is not None and text != self._text:
                # A text is kept before it is read: an invalid one is named once and not read again.
                self._text, self._refused = text, ""
                self._take(text)
        except UsageError as error:
            self._tell(error.problem)
        except Exception as error:  # noqa: BLE001 # a file of others must never end the watch
            self._tell(f"{self.name}: {error!r}")
        else:
            self._tell(self._refused)
        return not self.problem

    def _take(self, text: str) -> None:
        try:
            self._offer(weights_of(text, self.name, self._current(), self._settings))
        except UsageError as error:
            self._refused = error.problem
            raise

    def _tell(self, found: str) -> None:
        if found == self.problem:
            return
        self.problem = found
        self._on_problem(found)
        if found:
            _logger.warning("graysplit: the last good weights stay in force: %s", found)
        else:
            _logger.warning("graysplit: the watched split %s can be used again", self.name)


def weights_of(text: str, name: str, splitter: TrafficSplitter, settings: Settings) -> TrafficSplitter:
    """Return the splitter with the weights and the version of a text; raise UsageError if they cannot be used.

    Parameters, headers and texts of the arms stay as they are. The text has the split with the same salt, in
    `[tool.graysplit.splits.NAME]` or `[splits.NAME]`.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise problem(name, f"is not TOML ({error})") from None
    found = dict(_splits(document))
    of_salt = [key for key, table in found.items() if table.get("salt", key) == splitter.salt]
    if not of_salt:
        salts = ", ".join(str(table.get("salt", key)) for key, table in found.items()) or "no split"
        raise problem(name, f"has no split with the salt {splitter.salt!r}, only {salts}")
    try:
        table = read_split(of_salt[0], {**found[of_salt[0]], "arms": _bare(found[of_salt[0]].get("arms"))}, {})
        other = build_splitter(table, settings)
    except UsageError as error:
        raise problem(name, error.problem.removeprefix("pyproject.toml [tool.graysplit] ")) from None
    if _arms(other) != _arms(splitter):
        raise problem(name, f"has the arms {_told(other)}, and the split in force has {_told(splitter)}")
    return splitter.reweighted(other.basis_points, version=other.version)


def _splits(document: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    tool = _table(_table(document, "tool"), "graysplit")
    for key, table in {**_table(document, "splits"), **_table(tool, "splits")}.items():
        if isinstance(table, dict):
            yield key, table


def _table(table: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


def _bare(arms: object) -> object:
    # A variable that a header names may be missing here, which must not stop a kill switch.
    if not isinstance(arms, list):
        return arms
    return [
        {key: value for key, value in arm.items() if key not in _KEPT} if isinstance(arm, dict) else arm for arm in arms
    ]


def _arms(splitter: TrafficSplitter) -> list[tuple[str, str, str]]:
    return [(one.arm, one.model, one.split.table) for one in splitter.assignments]


def _told(splitter: TrafficSplitter) -> str:
    return ", ".join(f"{one.arm} ({one.model})" if one.arm != one.model else one.arm for one in splitter.assignments)
