"""Metrics of one's own: a hook or an entry point, and what is said where either gives no score."""

import pytest

from pytest_graysplit.evaluation.metrics import entry_points

ONE = """
@pytest.mark.graysplit(prompt="One?", metric="{name}", min_similarity=0.75)
def test_x(graysplit): pass
"""


@pytest.fixture
def package(project, monkeypatch):
    """Install a package with one entry point, by a folder on the path as pip leaves it."""

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
def test_an_entry_point_is_a_metric(project, package, value, code):
    """A function, a class or an object with a score; it needs no conftest."""
    package("their", value, code)
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
def test_a_broken_entry_point_is_named_with_its_package(project, package, value, code, cause):
    """At collection, once, and nothing is sent."""
    package("their", value, code)
    project.test_file(ONE.format(name="their"))
    result = project.run()
    assert f"the metric 'their' of the package their-metrics cannot be used: {cause}" in result.stdout.str()
    assert project.sent() == 0


def test_an_unknown_metric_lists_what_is_installed(project, package):
    """With the nearest name."""
    package("their-metric", "their_metrics:score", "def score(control, treatment): return 1")
    result = project.run("--graysplit-metric=their-metrics", "--collect-only")
    project.test_file("@pytest.mark.graysplit(prompt='One?')\ndef test_x(graysplit): pass")
    result = project.run("--graysplit-metric=their-metrik")
    text = result.stdout.str()
    assert "unknown metric 'their-metrik', did you mean their-metric?" in text
    assert "built in are lexical, exact, json, semantic, judge, installed their-metric; your own" in text


@pytest.mark.parametrize("score", ["1.5", "-0.1", "float('nan')", "'high'"])
def test_a_score_that_is_none_is_no_score(project, score):
    """It would reach or miss any threshold; the case fails with one message, for no model's fault."""
    project.write("conftest.py", f"def pytest_graysplit_score(metric): return {score} if metric == 'mine' else None\n")
    project.record("test_x", "One?")
    project.test_file(ONE.format(name="mine"))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert "pytest_graysplit_score, for metric 'mine': expected a number from 0 to 1, got " in result.stdout.str()


def test_semantic_without_the_extra_says_both_ways_to_have_it(project, monkeypatch):
    """At collection, before anything is paid for."""
    monkeypatch.setattr("pytest_graysplit.plugin.scoring.is_installed", lambda: False)
    project.test_file(ONE.format(name="semantic"))
    text = project.run().stdout.str()
    assert "semantic needs an embedding model" in text
    assert "[tool.graysplit.semantic] model = " in text
    assert "pip install 'pytest-graysplit[semantic]'" in text


def test_semantic_runs_offline_on_recordings(project):
    """A paraphrase passes, an unrelated answer fails, without a call and without a key."""
    project.record("test_x", "One?", model="claude-sonnet-4.5", text="You can send the lamp back within 30 days.")
    project.record("test_x", "One?", model="deepseek-v3.2", text="Lamps may be returned for up to 30 days.")
    project.test_file(ONE.format(name="semantic"))
    project.run("--graysplit-record=none").assert_outcomes(passed=1)
    assert project.sent() == 0
