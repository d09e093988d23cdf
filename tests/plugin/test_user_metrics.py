"""Metrics of the user: a hook or an entry point gives the score, and messages explain a missing score."""

import pytest

from pytest_graysplit.evaluation.metrics import entry_points

ONE = """
@pytest.mark.graysplit(prompt="One?", metric="{name}", min_similarity=0.75)
def test_x(graysplit): pass
"""


@pytest.fixture
def install_metric(project, monkeypatch):
    """Return a function that installs a package with one entry point, in the layout of pip."""

    def install(name, value, code):
        (project.path / "site").mkdir(exist_ok=True)
        project.write("site/their_metrics.py", code)
        info = "site/their_metrics-1.0.dist-info"
        project.write(f"{info}/METADATA", "Metadata-Version: 2.1\nName: their-metrics\nVersion: 1.0\n")
        project.write(f"{info}/entry_points.txt", f"[{entry_points.GROUP}]\n{name} = {value}\n")
        monkeypatch.syspath_prepend(str(project.path / "site"))
        entry_points.found.cache_clear()

    yield install
    monkeypatch.undo()
    entry_points.found.cache_clear()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("their_metrics:score", "def score(control, treatment): return 0.9"),
        (
            "their_metrics:Metric",
            "class Metric:\n    name = 'their'\n    def score(self, control, treatment): return 0.9",
        ),
        ("their_metrics:METRIC", "class _M:\n    def score(self, control, treatment): return 0.9\nMETRIC = _M()"),
    ],
)
def test_entry_point_metric_gives_the_score(project, install_metric, value, code):
    """The entry point is a function, a class or an object with a `score`; no conftest is needed."""
    install_metric("their", value, code)
    project.record("test_x", "One?")
    project.test_file(ONE.format(name="their"))
    project.run("--graysplit-json=report.json").assert_outcomes(passed=1)
    assert project.report()["comparisons"][0]["similarity"]["mean"] == 0.9


@pytest.mark.parametrize(
    ("value", "code", "cause"),
    [
        (
            "their_metrics:score",
            "import nothing_by_this_name",
            "ModuleNotFoundError: No module named 'nothing_by_this_name'",
        ),
        ("their_metrics:score", "score = 7", "their_metrics:score is neither a function nor a metric with a score"),
        ("their_metrics:none", "", "AttributeError: module 'their_metrics' has no attribute 'none'"),
    ],
)
def test_broken_entry_point_metric_is_named_with_its_package(project, install_metric, value, code, cause):
    """The message comes once at collection, and nothing is sent."""
    install_metric("their", value, code)
    project.test_file(ONE.format(name="their"))
    result = project.run()
    assert f"the metric 'their' of the package their-metrics cannot be used: {cause}" in result.stdout.str()
    assert project.sent() == 0


def test_unknown_metric_lists_installed_metrics(project, install_metric):
    """The message suggests the nearest name."""
    install_metric("their-metric", "their_metrics:score", "def score(control, treatment): return 1")
    result = project.run("--graysplit-metric=their-metrics", "--collect-only")
    project.test_file("@pytest.mark.graysplit(prompt='One?')\ndef test_x(graysplit): pass")
    result = project.run("--graysplit-metric=their-metrik")
    text = result.stdout.str()
    assert "unknown metric 'their-metrik', did you mean their-metric?" in text
    assert "built in are lexical, exact, json, semantic, judge, installed their-metric; your own" in text


@pytest.mark.parametrize("score", ["1.5", "-0.1", "float('nan')", "'high'"])
def test_invalid_score_is_an_error_of_the_case(project, score):
    """It would reach or miss any threshold, so the case fails with one message and counts for no model."""
    project.write("conftest.py", f"def pytest_graysplit_score(metric): return {score} if metric == 'mine' else None\n")
    project.record("test_x", "One?")
    project.test_file(ONE.format(name="mine"))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "pytest_graysplit_score, for metric 'mine': expected a number from 0 to 1, got " in result.stdout.str()


def test_semantic_metric_without_its_extra_is_refused(project, monkeypatch):
    """The message says how to install the extra or name a model, and nothing is sent."""
    monkeypatch.setattr("pytest_graysplit.plugin.scoring.is_installed", lambda: False)
    project.test_file(ONE.format(name="semantic"))
    text = project.run().stdout.str()
    assert "semantic needs an embedding model" in text
    assert "[tool.graysplit.semantic] model = " in text
    assert "pip install 'pytest-graysplit[semantic]'" in text


def test_semantic_metric_runs_offline_on_recordings(project):
    """A paraphrase passes and an unrelated reply fails, without a request and without a key."""
    project.record("test_x", "One?", model="claude-sonnet-4.5", text="You can send the lamp back within 30 days.")
    project.record("test_x", "One?", model="deepseek-v3.2", text="Lamps may be returned for up to 30 days.")
    project.test_file(ONE.format(name="semantic"))
    project.run("--graysplit-record=none").assert_outcomes(passed=1)
    assert project.sent() == 0
