"""Results of runs: so many cases passed by both models, by one alone, by neither."""

import functools

import pytest
from factories import DEEPSEEK, SONNET, a_case, a_miss, a_pair, a_reply, collected

from pytest_graysplit import stats
from pytest_graysplit.config.policy import Policy
from pytest_graysplit.verdict import RunFacts, decide


@functools.lru_cache(maxsize=256)
def resampled_once(treatment, control, q, seed, quantile_ratio=stats.quantile_ratio):
    return quantile_ratio(treatment, control, q, seed=seed)


@pytest.fixture(scope="module", autouse=True)
def remembered_resamples():
    """Equal latencies are resampled once, because most runs here have the same ones, and the seed fixes the result."""

    def quantile_ratio(treatment, control, q, *, seed):
        return resampled_once(tuple(treatment), tuple(control), q, seed)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stats, "quantile_ratio", quantile_ratio)
        yield


def a_run(both=0, treatment=0, control=0, neither=0, *, case=None, reply=None):
    """Results of cases passed by both, by the treatment alone, by the control alone, and by neither.

    `case` and `reply` are functions of a case's number that return additional fields.
    """
    passes = (
        [(True, True)] * both + [(False, True)] * treatment + [(True, False)] * control + [(False, False)] * neither
    )
    pairs = []
    for number, (control_passed, treatment_passed) in enumerate(passes):
        fields = reply(number) if reply else {}
        pairs.append(
            a_pair(
                a_case(f"case-{number:04}", **(case(number) if case else {})),
                a_reply(model=SONNET, **fields.get("control", {})),
                a_reply(model=DEEPSEEK, **fields.get("treatment", {})),
                control_misses=[] if control_passed else [a_miss("control")],
                misses=[] if treatment_passed else [a_miss()],
            )
        )
    return collected(*pairs)


def judged(results, policy=None, **facts):
    """The verdict on such a run."""
    return decide(results, DEEPSEEK, policy or Policy(), RunFacts(**facts))


def row_of(verdict, name):
    (row,) = [row for row in verdict.rows if row.name == name]
    return row


@pytest.fixture
def make_run():
    return a_run


@pytest.fixture
def decide_on():
    return judged


@pytest.fixture
def find_criterion():
    return row_of
