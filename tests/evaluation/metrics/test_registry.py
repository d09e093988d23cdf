"""The registry of metrics."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics import NAMES, built_in

TEXTS = st.text(max_size=80)


def test_registry_builds_every_name():
    """It builds exactly the metrics that it lists."""
    assert tuple(built_in(name).name for name in NAMES) == ("lexical", "exact", "json", "semantic")
    assert built_in("semantics") is None


def test_registry_loads_no_metric():
    """Importing the registry does not import rapidfuzz, which runs without comparisons do not need."""
    code = "import sys, pytest_graysplit.evaluation.metrics; sys.exit('rapidfuzz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "semantic"])  # test_semantic.py has its own
@given(control=TEXTS, treatment=TEXTS)
def test_metric_scores_are_shares_and_symmetric(name, control, treatment):
    """Any two texts score between 0 and 1, with the same score when exchanged."""
    metric = built_in(name)
    score = metric.score(control, treatment)
    assert 0 <= score <= 1
    assert score == pytest.approx(metric.score(treatment, control))


@pytest.mark.parametrize("name", ["lexical", "exact"])
@given(text=TEXTS)
def test_metric_scores_1_for_equal_texts(name, text):
    """Also for empty texts and those without a word."""
    assert built_in(name).score(text, text) == 1.0
