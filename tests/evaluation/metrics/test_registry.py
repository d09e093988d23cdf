"""The registry names every metric and loads none before it is asked for."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.metrics import NAMES, built_in

TEXTS = st.text(max_size=80)


def test_every_name_builds_the_metric_of_that_name():
    """What the registry lists is what it can build, and nothing else."""
    assert tuple(built_in(name).name for name in NAMES) == ("lexical", "exact", "json", "semantic")
    assert built_in("semantics") is None


def test_the_registry_loads_no_metric():
    """Importing the registry costs no import of rapidfuzz; the plugin is installed in runs that never compare."""
    code = "import sys, pytest_graysplit.evaluation.metrics; sys.exit('rapidfuzz' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name != "semantic"])  # test_semantic.py has its own
@given(control=TEXTS, treatment=TEXTS)
def test_scores_are_shares_and_symmetric(name, control, treatment):
    """Any two texts score between 0 and 1, the same both ways round."""
    metric = built_in(name)
    score = metric.score(control, treatment)
    assert 0 <= score <= 1
    assert score == pytest.approx(metric.score(treatment, control))


@pytest.mark.parametrize("name", ["lexical", "exact"])
@given(text=TEXTS)
def test_a_text_is_like_itself(name, text):
    """Identical texts score 1, also empty ones and those without a word."""
    assert built_in(name).score(text, text) == 1.0
