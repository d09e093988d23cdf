"""Replay a traffic log into monitors, one per experiment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from pytest_graysplit.config.options import nearest
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.traffic.log.gaps import LogGaps
from pytest_graysplit.traffic.log.records import FeedbackRecord, RequestRecord, SignalRecord, SplitRecord
from pytest_graysplit.traffic.monitor.figures import checked_signal
from pytest_graysplit.traffic.monitor.monitor import Monitor
from pytest_graysplit.traffic.monitor.ramp_history import SplitOrder
from pytest_graysplit.traffic.monitor.request_id import read_id
from pytest_graysplit.traffic.splitter import BASIS_POINTS, Split, TrafficSplitter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal

    from pytest_graysplit.traffic.log.reader import Line


KEY_BYTES = 32
# So many signals of units without a request before them wait for the end of a log.
MOST_LATE = 100_000
# More seconds, dollars or attempts than any request takes; infinity is more.
MOST = 1_000_000_000
# A monitor takes some megabytes. The requests of further experiments are counted and not compared.
MOST_EXPERIMENTS = 20


class _Declared(NamedTuple):
    """A split of the log: its experiment, and its arms with the tables that configure them."""

    salt: str
    tables: dict[str, str]


@dataclass(slots=True, kw_only=True)
class Experiment:
    """The requests of one salt; `monitor` is None if they are only counted."""

    salt: str
    monitor: Monitor | None = None
    order: SplitOrder = field(default_factory=SplitOrder)
    requests: int = 0
    latest: str = ""


class _Signal(NamedTuple):
    """A checked signal of a log."""

    split: str
    key: bytes
    name: str
    value: float
    before: float | None
    at_s: float


class Replay:
    """Monitors that are filled from the lines of a log, one per experiment; `experiment` is the salt of the only one.

    In an experiment the latest split is compared (see `SplitOrder`); requests of any other split count only in the
    totals. Lines that cannot be counted are counted in `gaps`.
    """

    def __init__(
        self,
        *,
        prices: Mapping[str, Mapping[str, Decimal]] | None = None,
        policy: Policy | None = None,
        experiment: str | None = None,
        gaps: LogGaps | None = None,
    ) -> None:
        self.gaps = LogGaps() if gaps is None else gaps
        self.experiments: dict[str, Experiment] = {}
        self._chosen = experiment
        self._prices = prices or {}
        self._table = PriceTable(self._prices)
        self._policy = policy or Policy()
        self._declared: dict[str, _Declared] = {}
        self._late: list[_Signal] = []

    def feed(self, lines: Iterable[Line]) -> None:
        """Replay the lines."""
        for where, record in lines:
            if isinstance(record, RequestRecord):
                self._count(record, where)
            elif isinstance(record, FeedbackRecord):
                self._score(record, where)
            elif isinstance(record, SignalRecord):
                self._signal(record, where)
            else:
                self._declare(record, where)
        # Another process may have answered the unit, and its log may have come later.
        for signal in self._late:
            self._count_signal(signal)
        self._late.clear()

    @property
    def monitor(self) -> Monitor | None:
        """The monitor of the chosen experiment, or of the first one with requests; None before the first split."""
        found = [one for one in self.experiments.values() if self._chosen in (None, one.salt)]
        with_requests = [one for one in found if one.requests]
        return next((one.monitor for one in (*with_requests, *found)), None)

    def only_monitor(self, log: str) -> Monitor:
        """Return the monitor of the chosen or only experiment; raise UsageError if there is none, or several."""
        found = [one for one in self.experiments.values() if one.requests]
        told = "; ".join(map(_told, found))
        if self._chosen is not None and self._chosen not in self.experiments and self.experiments:
            raise UsageError(
                f"{log}: holds no experiment {self._chosen!r}{nearest(self._chosen, list(self.experiments))}",
                hint=f"it holds {told or ', '.join(self.experiments)}",
                slug=Slug.TRAFFIC_EXPERIMENTS,
            )
        if self._chosen is None and len(found) > 1:
            raise UsageError(
                f"{log}: holds {len(found)} experiments: {told}",
                hint=f"choose one of them by its salt: --experiment {found[-1].salt}",
                slug=Slug.TRAFFIC_EXPERIMENTS,
            )
        if (monitor := self.monitor) is None:
            raise self._without_split(log)
        return monitor

    def others(self) -> Iterator[str]:
        """Yield a sentence for each experiment whose requests are not shown."""
        shown = self.monitor
        for one in self.experiments.values():
            if one.requests and one.monitor is not shown:
                yield f"the log also holds experiment {_told(one)}: not shown, --experiment chooses it"

    def _without_split(self, log: str) -> UsageError:
        if newer := self.gaps.first.get("newer"):
            return UsageError(
                f"{newer.where}: {newer.problem}",
                hint="read the log with the version of pytest-graysplit that wrote it",
                slug=Slug.TRAFFIC_FORMAT,
            )
        return UsageError(
            f"{log}: declares no split, so its arms are unknown",
            hint="a log begins with its split; read it from the beginning, with its rotated files beside it",
            slug=Slug.TRAFFIC_LINE,
        )

    def _declare(self, record: SplitRecord, where: str) -> None:
        try:
            splitter, started_s = splitter_of(record), _seconds(record.at)
        except UsageError as error:
            self.gaps.add("invalid", where, error.problem)
            return
        except ValueError as error:
            self.gaps.add("invalid", where, str(error))
            return
        self._declared[record.split] = _Declared(record.salt, {arm.arm: arm.table for arm in record.arms})
        one = self.experiments.setdefault(record.salt, Experiment(salt=record.salt))
        latest = one.order.takes(record)
        if one.monitor is not None:
            if latest:  # of two processes, the one with the older weights may write last
                one.monitor.use(splitter)
        elif self._chosen == record.salt or (self._chosen is None and len(self.experiments) <= MOST_EXPERIMENTS):
            one.monitor = Monitor(splitter, prices=self._prices, policy=self._policy)
            one.monitor.gaps = self.gaps
            one.monitor.started_s = started_s
        if one.monitor is not None:
            one.monitor.add_rollbacks(splitter.rollbacks)

    def _count(self, record: RequestRecord, where: str) -> None:
        declared = self._declared.get(record.split)
        if declared is None or record.arm not in declared.tables:
            self.gaps.add("undeclared", where, f"split {record.split!r}, arm {record.arm!r}")
            return
        try:
            _check_figures(record)
            key, at_s = _key(record.unit), _seconds(record.at)
        except ValueError as error:
            self.gaps.add("invalid", where, str(error))
            return
        one = self.experiments[declared.salt]
        one.requests += 1
        one.latest = max(one.latest, record.at)
        if one.monitor is not None:
            one.monitor.count(self._priced(record, declared.tables[record.arm]), key, at_s)
            one.monitor.record_failure(record)

    def _priced(self, record: RequestRecord, table: str) -> RequestRecord:
        if record.cost_usd is not None or record.usage is None:
            return record
        priced_as = self._table.name_for(table, record.model)
        cost_usd = self._table.cost_of_answer(priced_as, record.usage, record.at, outcome=record.outcome)
        return replace(record, cost_usd=cost_usd)

    def _score(self, record: FeedbackRecord, where: str) -> None:
        try:
            declared = self._declared.get(read_id(record.id).split)
            monitor = None if declared is None else self.experiments[declared.salt].monitor
            if monitor is not None:
                monitor.feedback(record.id, record.score, before=record.before)
        except UsageError as error:
            self.gaps.add("invalid", where, error.problem)

    def _signal(self, record: SignalRecord, where: str) -> None:
        """Count a signal; one of an earlier split is left out, as the live monitor does after a ramp."""
        try:
            key, at_s = _key(record.unit), _seconds(record.at)
            value = checked_signal(record.signal, record.value)
            before = None if record.before is None else checked_signal(record.signal, record.before)
        except UsageError as error:
            self.gaps.add("invalid", where, error.problem)
            return
        except ValueError as error:
            self.gaps.add("invalid", where, str(error))
            return
        if key is None or (monitor := self._monitor_of(record.split)) is None:
            return
        signal = _Signal(record.split, key, record.signal, value, before, at_s)
        if monitor.has_asked(key) or len(self._late) >= MOST_LATE:
            self._count_signal(signal)
        else:
            self._late.append(signal)

    def _count_signal(self, signal: _Signal) -> None:
        if (monitor := self._monitor_of(signal.split)) is not None:
            monitor.count_signal(*signal[1:])

    def _monitor_of(self, split: str) -> Monitor | None:
        """Return the monitor that compares this split now; None if it is not compared, or not any more."""
        declared = self._declared.get(split)
        monitor = None if declared is None else self.experiments[declared.salt].monitor
        return monitor if monitor is not None and monitor.splitter.identity == split else None


def splitter_of(record: SplitRecord) -> TrafficSplitter:
    """Return the splitter that a log declares."""
    splits = [
        Split(
            arm.model,
            arm.basis_points / BASIS_POINTS,
            name=arm.arm,
            table=arm.table,
            fingerprint=arm.fingerprint,
            settings=arm.settings,
        )
        for arm in record.arms
    ]
    version = 0 if record.version is UNSET else record.version
    splitter = TrafficSplitter(splits, salt=record.salt, anonymous=record.anonymous, version=version)
    splitter.rollbacks = () if record.rollbacks is UNSET else record.rollbacks
    return splitter


def _told(one: Experiment) -> str:
    return f"{one.salt} ({plural(one.requests, 'request')} until {one.latest[:19]})"


def _check_figures(record: RequestRecord) -> None:
    figures = [record.latency_s, record.wait_s, record.cost_usd, record.attempts]
    if (call := record.fallback) is not None:
        figures += [call.latency_s, call.cost_usd, call.attempts]
    # Compared as floats, because a Decimal NaN cannot be compared.
    if odd := [one for one in figures if one is not None and not 0 <= float(one) < MOST]:
        raise ValueError(f"{odd[0]} is not a valid latency, cost or number of attempts")


def _key(unit: str | None) -> bytes | None:
    try:
        key = None if unit is None else bytes.fromhex(unit)
    except ValueError:
        key = b""
    if key is not None and len(key) != KEY_BYTES:
        raise ValueError(f"{unit!r} is not the key of a unit")
    return key


def _seconds(at: str) -> float:
    try:
        return datetime.fromisoformat(at).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{at!r} is not a time") from None
