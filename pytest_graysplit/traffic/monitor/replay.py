"""Replay a traffic log into a monitor."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import UNSET
from msgspec.structs import replace

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.traffic.log.records import FeedbackRecord, RequestRecord, SplitRecord
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.traffic.monitor.ramp_history import SplitOrder
from pytest_graysplit.traffic.splitter import BASIS_POINTS, Split, TrafficSplitter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from pytest_graysplit.traffic.log.reader import Line


KEY_BYTES = 32
# More seconds, dollars or attempts than any request takes; infinity is more.
MOST = 1_000_000_000


class Replay:
    """A monitor that is filled from the lines of a log; `monitor` is None before the first split.

    The latest split is compared (see `SplitOrder`); requests of any other split count only in the totals.
    """

    def __init__(
        self, *, prices: Mapping[str, Mapping[str, Decimal]] | None = None, policy: Policy | None = None
    ) -> None:
        self.monitor: Monitor | None = None
        self._prices = prices or {}
        self._table = PriceTable(self._prices)
        self._policy = policy or Policy()
        self._order = SplitOrder()
        self._arms: dict[str, dict[str, str]] = {}  # the tables of the arms of each split

    def feed(self, lines: Iterable[Line]) -> None:
        """Replay the lines; raise UsageError for a line that does not belong to a split."""
        for where, record in lines:
            if isinstance(record, RequestRecord):
                self._count(record, where)
            elif isinstance(record, FeedbackRecord):
                self._score(record, where)
            else:
                self._declare(record, where)

    def _declare(self, record: SplitRecord, where: str) -> None:
        try:
            splitter = splitter_of(record)
        except UsageError as error:
            raise UsageError(f"{where}: {error.problem}", hint=error.hint, slug=Slug.TRAFFIC_LINE) from None
        self._arms[record.split] = {arm.arm: arm.table for arm in record.arms}
        latest = self._order.takes(record)
        if self.monitor is None:
            started_s = _seconds(record.at, where)
            self.monitor = Monitor(splitter, prices=self._prices, policy=self._policy)
            self.monitor.started_s = started_s
        elif latest:  # of two processes, the one with the older weights may write last
            self.monitor.use(splitter)
        if record.salt == self.monitor.splitter.salt:
            self.monitor.add_rollbacks(splitter.rollbacks)

    def _count(self, record: RequestRecord, where: str) -> None:
        if self.monitor is None or record.arm not in self._arms.get(record.split, ()):
            raise UsageError(
                f"{where}: the request belongs to a split {record.split!r} with an arm {record.arm!r}, which no "
                "line before it declares",
                hint="a log begins with its split; read it from the beginning, with its rotated files beside it",
                slug=Slug.TRAFFIC_LINE,
            )
        _check_figures(record, where)
        key, at_s = _key(record.unit, where), _seconds(record.at, where)
        self.monitor.count(self._priced(record), key, at_s)
        self.monitor.record_failure(record)

    def _priced(self, record: RequestRecord) -> RequestRecord:
        if record.cost_usd is not None or record.usage is None:
            return record
        priced_as = self._table.name_for(self._arms[record.split][record.arm], record.model)
        cost_usd = self._table.cost_of_answer(priced_as, record.usage, record.at, outcome=record.outcome)
        return replace(record, cost_usd=cost_usd)

    def _score(self, record: FeedbackRecord, where: str) -> None:
        if self.monitor is None:
            return
        try:
            self.monitor.feedback(record.id, record.score, before=record.before)
        except UsageError as error:
            raise UsageError(f"{where}: {error.problem}", hint=error.hint, slug=Slug.TRAFFIC_LINE) from None


def splitter_of(record: SplitRecord) -> TrafficSplitter:
    """Return the splitter that a log declares."""
    splits = [
        Split(arm.model, arm.basis_points / BASIS_POINTS, name=arm.arm, table=arm.table, fingerprint=arm.fingerprint)
        for arm in record.arms
    ]
    version = 0 if record.version is UNSET else record.version
    splitter = TrafficSplitter(splits, salt=record.salt, anonymous=record.anonymous, version=version)
    splitter.rollbacks = () if record.rollbacks is UNSET else record.rollbacks
    return splitter


def _check_figures(record: RequestRecord, where: str) -> None:
    figures = [record.latency_s, record.cost_usd, record.attempts]
    if (call := record.fallback) is not None:
        figures += [call.latency_s, call.cost_usd, call.attempts]
    # Compared as floats, because a Decimal NaN cannot be compared.
    if odd := [one for one in figures if one is not None and not 0 <= float(one) < MOST]:
        raise UsageError(
            f"{where}: {odd[0]} is not a valid latency, cost or number of attempts",
            hint="these are numbers of 0 or more; remove the line, or fix the program that wrote it",
            slug=Slug.TRAFFIC_LINE,
        )


def _key(unit: str | None, where: str) -> bytes | None:
    try:
        key = None if unit is None else bytes.fromhex(unit)
    except ValueError:
        key = b""
    if key is not None and len(key) != KEY_BYTES:
        raise UsageError(
            f"{where}: {unit!r} is not the key of a unit",
            hint="a key is 64 hexadecimal letters, as TrafficSplitter.key(unit).hex() returns them",
            slug=Slug.TRAFFIC_LINE,
        )
    return key


def _seconds(at: str, where: str) -> float:
    try:
        return datetime.fromisoformat(at).timestamp()
    except ValueError:
        raise UsageError(
            f"{where}: {at!r} is not a time", hint="write it like 2026-11-26T01:23:45.678Z", slug=Slug.TRAFFIC_LINE
        ) from None
