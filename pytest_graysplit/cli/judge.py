"""`graysplit judge`: options of its command, and its output."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_graysplit.cli.recordings import DONE, FAILED, FOUND, Line, add_command
from pytest_graysplit.config.options import RECORD_MODES
from pytest_graysplit.formatting.display import exact_number, format_score, money, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.evaluation.judge_calibration.calibration_run import CalibrationRun
    from pytest_graysplit.evaluation.judge_calibration.rubric_calibration import RubricCalibration


def add_commands(parser: argparse.ArgumentParser) -> None:
    """Add the command `calibrate` to the parser; it sets `run`, which yields lines."""
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = add_command(
        commands,
        "calibrate",
        "run the judge on labelled pairs or answers, and report how often it agrees with the labels",
    )
    command.add_argument(
        "labelled",
        type=Path,
        metavar="LABELLED",
        help="file of labelled pairs (prompt, control, treatment, label) or answers (prompt, answer, rubric)",
    )
    command.add_argument(
        "--model", help="model of the judge (default: that of [tool.graysplit.judge] in pyproject.toml)"
    )
    command.add_argument("--record", choices=RECORD_MODES, help="when to call the relay, as with --graysplit-record")
    command.add_argument(
        "--min-agreement", type=_share, metavar="X", help="exit with code 1 if agreement is below X, from 0 to 1"
    )
    command.set_defaults(run=run_calibrate)


def run_calibrate(options: argparse.Namespace) -> Iterator[Line]:
    """Calibrate the judge on a file."""
    # Imported here because only this command fetches replies.
    from pytest_graysplit.evaluation.judge_calibration.calibration_run import (
        CalibrationRun,
        find_root,
        read_judge_settings,
    )
    from pytest_graysplit.evaluation.judge_calibration.rubric_calibration import RubricCalibration
    from pytest_graysplit.evaluation.judge_calibration.subjects import read_labels

    labels = read_labels(options.labelled, str(options.labelled))
    root = find_root(Path.cwd())
    settings = read_judge_settings(root, model=options.model, record=options.record, environ=os.environ)
    run = CalibrationRun(root, options.labelled, labels, settings)
    calibration = run.run(lambda _: None)
    yield from map(Line, run.notes)
    yield Line(_headline(options.labelled, run))
    yield from map(Line, calibration.lines())
    if isinstance(calibration, RubricCalibration):
        yield Line(_use_in_run(options.labelled, run.model, calibration))
    yield from _calls(run)
    agreement = calibration.agreement.estimate
    if options.min_agreement is not None and agreement < options.min_agreement:
        shown = format_score(agreement, against=options.min_agreement)
        yield Line(f"agreement {shown} is below {exact_number(options.min_agreement)}", FOUND)


def _headline(path: Path, run: CalibrationRun) -> str:
    usage, kind = run.usage, "verdict" if run.is_of_answers else "answer"
    replayed = f", replayed {usage.replayed} of {plural(usage.calls, kind)}" if usage else ""
    return f"{path}: {plural(run.size, 'answer' if run.is_of_answers else 'pair')}, judge {run.model}{replayed}"


def _use_in_run(path: Path, model: str, calibration: RubricCalibration) -> str:
    """Say whether a run can correct its pass rates by the labels, and with which setting."""
    from pytest_graysplit.verdict.judge_standing import JudgeStanding

    standing = JudgeStanding(model=model, labels=str(path), accuracy=calibration.accuracy)
    if standing.uncalibrated_because:
        return f"in a run       corrects nothing: {standing.uncalibrated_because}"
    return f'in a run       corrects the pass rates with labels = "{path}" in [tool.graysplit.judge]'


def _calls(run: CalibrationRun) -> Iterator[Line]:
    usage = run.usage
    if usage is not None:
        yield Line(f"cost           {money(usage.cost_usd)} for {plural(usage.calls, 'call')}", DONE)
        if usage.failed:
            replayed = f"{plural(usage.failed, 'call')} of {usage.calls} gave no answer: {run.failure}"
            yield Line(f"{replayed}\n  hint: run again; only missing answers are requested", FAILED)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value
