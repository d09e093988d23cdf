"""The commands `graysplit grade` and `graysplit dashboard`: their arguments and their output."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

from pytest_graysplit.cli.recordings import Line
from pytest_graysplit.config.project import PROJECT_FILE, read_settings
from pytest_graysplit.formatting.display import listed
from pytest_graysplit.formatting.escaping import visible_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_graysplit.reporting.dashboard.server import LiveServer
    from pytest_graysplit.traffic.log.follower import LogsFollower
    from pytest_graysplit.traffic.monitor.replay import Replay

# Only a promotion exits with 0, so that `graysplit grade ... && promote` is safe.
EXIT_CODES = {"promote": 0, "reject": 1, "hold": 3, "collecting": 4}
GRADE_CODES = "exit codes: 0 promote; 1 reject; 2 error, not graded; 3 hold; 4 collecting"
POLL_S = 0.5
TOKEN_VARIABLE = "GRAYSPLIT_DASHBOARD_TOKEN"  # noqa: S105 # a variable's name
DEFAULT_PORT = 8765


def add_grade(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `graysplit grade`."""
    _add_logs(command, "traffic log, or a folder of logs; rotated files count too")
    command.add_argument("--treatment", metavar="ARM", help="treatment to grade; required if there are several")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    _add_project(command)
    command.set_defaults(run=run_grade)


def add_dashboard(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `graysplit dashboard`."""
    _add_logs(command, "traffic log, or a folder of logs, which may still grow")
    command.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, metavar="N", help=f"port of the page (default: {DEFAULT_PORT})"
    )
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help=f"address to listen on (default: 127.0.0.1); any other needs a token in {TOKEN_VARIABLE}",
    )
    _add_project(command)
    command.set_defaults(run=run_dashboard)


def _add_logs(command: argparse.ArgumentParser, meaning: str) -> None:
    command.add_argument("logs", nargs="+", type=Path, metavar="LOG", help=meaning)
    command.add_argument("--experiment", metavar="SALT", help="experiment; required if the logs contain several")


def run_grade(options: argparse.Namespace) -> Iterator[Line]:
    """Grade the given logs as one."""
    # Imported here, because the other commands do not need it.
    from pytest_graysplit.reporting.traffic_summary import traffic_lines
    from pytest_graysplit.traffic.log.files import log_files
    from pytest_graysplit.traffic.log.reader import read_files
    from pytest_graysplit.traffic.monitor.report import report_of

    replay = _replay(options)
    replay.feed(read_files(log_files(options.logs, replay.gaps), replay.gaps))
    monitor = replay.only_monitor(_named(options.logs))
    state, grade = monitor.state(), monitor.grade(options.treatment)
    code = EXIT_CODES[grade.verdict]
    if options.json:
        text = json.dumps(report_of(state), ensure_ascii=False, indent=1, allow_nan=False)
        yield Line(visible_json(text), code)
        return
    width = shutil.get_terminal_size((100, 24)).columns
    *texts, last = traffic_lines(state, _named(options.logs), width)
    yield from map(Line, texts)
    yield Line(last, code)


def run_dashboard(options: argparse.Namespace) -> Iterator[Line]:
    """Serve the live page of a log until Ctrl-C."""
    from pytest_graysplit.reporting.dashboard.server import serve
    from pytest_graysplit.reporting.dashboard.traffic_source import TrafficSource, metrics_of
    from pytest_graysplit.traffic.log.follower import LogsFollower

    replay, done = _replay(options), Event()
    problems: list[str] = []
    with closing(LogsFollower(options.logs, replay.gaps)) as log:
        replay.feed(log.new())
        monitor = replay.only_monitor(_named(options.logs))
        source = TrafficSource(monitor, title=_named(options.logs), notes=lambda: (*problems, *replay.others()))
        follow = Thread(target=_follow, args=(replay, log, problems, done), name="graysplit-follow", daemon=True)
        follow.start()
        try:
            serve(
                source,
                partial(_print_address, _named(options.logs)),
                port=options.port,
                host=options.host,
                token=os.environ.get(TOKEN_VARIABLE) or None,
                metrics=metrics_of(monitor),
            )
        finally:
            done.set()
            follow.join(2 * POLL_S)
    yield Line("")


def _follow(replay: Replay, log: LogsFollower, problems: list[str], done: Event) -> None:
    while not done.wait(POLL_S):
        try:
            replay.feed(log.new())
        except Exception as error:  # noqa: BLE001 # a message is better than a page that stops without one
            # The page keeps its data, and shows why it does not continue.
            problems.append(f"the log is no longer followed: {error}")
            return


def _print_address(log: str, server: LiveServer) -> None:
    print(f"live page of {log} at {server.url} (Ctrl-C ends it)", flush=True)  # noqa: T201 # the address is the output of the command


def _replay(options: argparse.Namespace) -> Replay:
    from pytest_graysplit.traffic.monitor.replay import Replay

    # Nothing is sent, so headers are not needed; their values may name variables that are not set here.
    settings = read_settings(options.project, os.environ, without=("headers", "models", "splits"))
    return Replay(prices=settings.prices, policy=settings.policy, experiment=options.experiment)


def _named(logs: Sequence[Path]) -> str:
    return listed([str(log) for log in logs])


def _add_project(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--project",
        type=Path,
        default=Path(PROJECT_FILE),
        metavar="FILE",
        help="pyproject.toml with prices, margin and verdict (default: the one in this folder)",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)
