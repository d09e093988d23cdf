"""Data that passes between the xdist controller and its workers."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_graysplit.types import ReplyKey

# The keys of a worker's input that the controller adds to those of xdist.
BUDGET_INPUT = "graysplit_budget"
STOPS_INPUT = "graysplit_stops"
FRESH_INPUT = "graysplit_fresh"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInput:
    """The input that an xdist worker has from its controller; in any other process all fields have their defaults."""

    is_worker: bool = False
    worker_id: str = ""
    run_id: str | None = None
    workers: int = 1
    command: Sequence[str] | None = None
    # The cap of the run and of the worker in USD, and the path of the ledger.
    budget: tuple[str, str, str] | None = None
    # The file in which the controller names the treatments that the early stop has decided.
    stops_path: Path | None = None
    # The replies that an interrupted `all` run has recorded, so that none is paid for twice.
    fresh: frozenset[tuple[Path, ReplyKey]] = frozenset()

    @classmethod
    def of(cls, config: pytest.Config) -> WorkerInput:
        """Read the input of this process."""
        given: dict[str, Any] = getattr(config, "workerinput", {})
        if not given:
            return cls()
        from pytest_graysplit.types import ReplyKey

        stops = given.get(STOPS_INPUT)
        return cls(
            is_worker=True,
            worker_id=str(given.get("workerid", "")),
            run_id=given.get("testrunuid"),
            workers=int(given.get("workercount", 1)),
            command=given.get("mainargv"),
            budget=given.get(BUDGET_INPUT) or None,
            stops_path=None if stops is None else Path(stops),
            fresh=frozenset((Path(path), ReplyKey(*key)) for path, *key in given.get(FRESH_INPUT, ())),
        )


class WorkerReports:
    """The hook of an xdist worker that packs results into its reports."""

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        """Pack the results of a report."""
        data = yield
        if isinstance(data, dict):
            if isinstance(results := data.pop("graysplit", None), tuple):
                results = packed(results)
            data = sendable(data)
            if results is not None:  # the process of a forked test has packed its own results
                data["graysplit"] = results
        return data


def packed(results: Any) -> bytes:
    """Return results as bytes, for a report that leaves its process."""
    return pickle.dumps(results)


def unpacked(results: bytes) -> Any:
    """Return the results that a worker of this run has packed; the worker executes our code, so it is trusted."""
    return pickle.loads(results)  # noqa: S301


def sendable(value: Any) -> Any:
    """Return the value with lone surrogates written as escapes: execnet sends UTF-8, which cannot encode them."""
    if isinstance(value, str):  # execnet refuses a subclass, such as Slug
        return str(value) if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {sendable(name): sendable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(sendable, value)) if type(value) in (list, tuple) else value
    return value
