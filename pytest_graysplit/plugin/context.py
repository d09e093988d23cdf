"""Context of a run: one owner each for planning, fetching and evaluation, kept in `config.stash`."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from pytest_graysplit.plugin.collect.plans import Planner
from pytest_graysplit.plugin.evaluate.app_comparer import AppComparer
from pytest_graysplit.plugin.evaluate.evaluator import Evaluator
from pytest_graysplit.plugin.fetch.fetching import Fetching
from pytest_graysplit.plugin.hookspecs import CONTROLLER, FolderHooks
from pytest_graysplit.plugin.options import findings_path, settings_of
from pytest_graysplit.plugin.run_totals import RunTotals
from pytest_graysplit.plugin.scoring import Scoring
from pytest_graysplit.plugin.workers import WorkerInput

if TYPE_CHECKING:
    from pytest_graysplit.verdict.judge_standing import JudgeStanding

CONTEXT = pytest.StashKey["RunContext"]()
NO_TREATMENT = "no treatment model: name the candidate with --graysplit-treatment=MODEL"


class RunContext:
    """The parts of one run, built when the first marked item or an option of ours needs them.

    `planner` makes plans and holds the thresholds. `fetching` holds recordings, prices, budget and journals.
    `evaluator` scores replies and compares the arms, and `app_comparer` those of applications. `totals` holds the
    results and their notes.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        settings = settings_of(config)
        self.settings = settings.of_control_alone() if findings_path(config) else settings
        self.started = datetime.now(UTC)
        self.worker = WorkerInput.of(config)
        self.run_id = self.worker.run_id or f"{self.started:%Y%m%dT%H%M%S}-{os.getpid()}"
        self.totals = RunTotals(by_nodeid=any("::" in argument for argument in config.args))
        self.hooks = hooks = FolderHooks(config)
        scoring = Scoring(hooks, self.settings)
        self.planner = Planner(self.settings, config.rootpath, hooks=hooks, scoring=scoring, totals=self.totals)
        self.fetching = Fetching(
            self.settings,
            hooks=hooks,
            planner=self.planner,
            scoring=scoring,
            totals=self.totals,
            worker=self.worker,
            run_id=self.run_id,
        )
        self.app_comparer = AppComparer(
            config.rootpath,
            scoring,
            self.fetching,
            self.planner,
            is_controller=config.pluginmanager.has_plugin(CONTROLLER),
        )
        shows_requests = self.settings.json_path is not None
        self.evaluator = Evaluator(config.rootpath, scoring, self.fetching, shows_requests=shows_requests)

    @cached_property
    def judge_standing(self) -> JudgeStanding:
        """The standing of the judge of rubrics, read from recordings on first use."""
        from pytest_graysplit.evaluation.judge_calibration.recorded import recorded_standing

        return recorded_standing(self.settings, self.config.rootpath)

    def release(self) -> None:
        """Drop results and recordings at the end of the session."""
        self.totals.release()
        self.fetching.release()
