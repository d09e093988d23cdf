"""Comparison in the main process: with xdist it runs no tests, so it asks no model and calls no hooks of folders."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from factories import DEEPSEEK, a_case, an_app_run

from pytest_graysplit.config.pyproject.table import MetricModel, ProjectConfig
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.plugin.evaluate.app_comparer import AppComparer
from pytest_graysplit.plugin.hookspecs import FolderHooks
from pytest_graysplit.plugin.scoring import Scoring
from pytest_graysplit.replies.fingerprint import unchanged
from pytest_graysplit.verdict.results import CONTROL


@pytest.fixture
def compare(pytestconfig, tmp_path):
    """Return a function that compares two outputs as a controller does, or as a process that runs tests."""

    def compare_outputs(control, treatment, *, is_controller=True, metric="lexical", hooked=False, **table):
        settings = Settings(table=ProjectConfig(judge=MetricModel(model="gpt-4.1"), **table))
        scoring = Scoring(FolderHooks(pytestconfig), settings)
        asked = []
        fetching = SimpleNamespace(ask=asked.extend, redaction=SimpleNamespace(of=lambda _: unchanged))
        planner = SimpleNamespace(recording_of=lambda path: path.with_suffix(".jsonl"))
        comparer = AppComparer(tmp_path, scoring, fetching, planner, is_controller=is_controller)
        case = a_case(metric=metric)
        runs = [an_app_run(case, arm, text) for arm, text in ((CONTROL, control), (DEEPSEEK, treatment))]
        one, other = (replace(run, app=replace(run.app, hooked=hooked)) for run in runs)
        return comparer((one,), (other,))

    return compare_outputs


def test_controller_compares_with_a_metric_that_needs_no_model(compare):
    pair = compare("30 days.", "30 days.")
    assert (pair.problem, pair.comparison.similarity) == (None, 1.0)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"metric": "judge"}, "the metric judge"),
        ({"judges_flags": True}, "the judge of flagged pairs"),
        ({"hooked": True}, "a hook pytest_graysplit_score"),
    ],
    ids=["metric", "flags", "hook"],
)
def test_controller_refuses_a_comparison_that_it_cannot_make(compare, fields, what):
    """A comparison by another metric would be a result that the user did not ask for."""
    pair = compare("It takes 30 days.", "It takes 31 days.", **fields)
    assert pair.problem.problem.startswith(f"{what} cannot compare the arms of case")
    assert "-n0" in pair.problem.hint
    assert [(arm.judged, arm.unjudged_because) for arm in pair.result("n").arms] == [(False, "not compared")] * 2


def test_controller_compares_pairs_about_which_no_judge_is_asked(compare):
    """Equal outputs are a tie without any request, and a pair without a flag needs no judge of flags."""
    assert compare("It takes 30 days.", "It takes 30 days.", metric="judge").comparison.similarity == 0.5
    assert compare("It takes 30 days.", "It takes 30 days.", judges_flags=True).problem is None
