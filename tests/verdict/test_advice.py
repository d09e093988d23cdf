"""The advice on the number of cases: two numbers, in clusters if there are any, for every critical criterion."""

import math
from dataclasses import replace
from random import Random
from statistics import NormalDist

import pytest
from factories import DEEPSEEK, a_case, a_miss, a_pair, a_reply

from pytest_graysplit.config.policy import Policy
from pytest_graysplit.verdict.evidence import Evidence
from pytest_graysplit.verdict.results import Results
from pytest_graysplit.verdict.run_facts import RunFacts


def advised(results, name="pass_rate", **policy):
    policy = {"critical": (name,) if not name.startswith("tag:") else ("pass_rate",), **policy}
    evidence = Evidence.of(results, DEEPSEEK, Policy(**policy), RunFacts())
    [row] = [row for row in evidence.criteria if row.name == name]
    return evidence.advice_for(row)


def test_advice_follows_the_formula(make_run):
    """6.18 psi / margin^2 with ten and a half discordant cases of a hundred; then with the observed difference."""
    advice = advised(make_run(both=90, treatment=4, control=6))
    assert (advice.if_equal, advice.as_it_looks) == (258, 685)
    assert advice.text == (
        "about 158 more cases would decide if it is as good as the control, about 585 more if it is as it looks"
    )


@pytest.mark.parametrize(
    ("cases", "text"),
    [
        ({"both": 8}, "at least 47 more cases are needed"),
        ({"both": 50}, "about 5 more cases would decide"),
        ({"both": 54}, "about 1 more case would decide"),
        ({"both": 57, "control": 3},
         "about 82 more cases would decide if it is as good as the control, no usual number if it is as it looks"),
        ({"both": 49, "treatment": 7, "control": 4}, ("about 407 more cases would decide if it is as good as the "
                                                     "control, about 52 more if it is as it looks")),
        ({"both": 94, "treatment": 1, "control": 5},
         "about 60 more cases would decide if it is as good as the control, about 3,511 more if it is as it looks"),
        ({"both": 192, "treatment": 2, "control": 6},
         "a few more cases would decide if it is as good as the control, about 73 more if it is as it looks"),
        ({"both": 239, "control": 6, "neither": 5},
         "a few more cases would decide"),
    ],
)  # fmt: skip
def test_advice_text(make_run, cases, text):
    """Numbers are counted from the cases of the run; there is no number at the margin itself."""
    assert advised(make_run(**cases)).text == text


@pytest.mark.parametrize("psi", [0.05, 0.10, 0.20])
def test_advice_for_an_equal_treatment_is_near_the_truth_in_the_median(make_run, psi):
    """6.18 psi / margin^2 by the true psi; the sample has as many discordant cases as the median sample."""
    lost = round(100 * psi / 2)
    advice = advised(make_run(both=100 - round(100 * psi), control=lost, treatment=round(100 * psi) - lost))
    assert 1 <= advice.if_equal / (6.18 * psi / 0.05**2) <= 1.1


def clustered(sizes, lost, **fields):
    """A suite of clusters, of which so many are lost as a whole by the treatment."""
    results, number = Results(), 0
    for cluster, size in enumerate(sizes):
        for _ in range(size):
            misses = [a_miss()] if cluster < lost else []
            case = a_case(f"case-{number}", cluster=f"c{cluster}")
            results.add(str(number), (a_pair(case, a_reply(), a_reply("30 days", DEEPSEEK), misses=misses),))
            number += 1
    return results


def test_advice_counts_clusters():
    """Forty clusters of five, two of them lost: the same as forty cases, and cases come five at a time."""
    advice = advised(clustered([5] * 40, lost=2))
    assert (advice.unit, advice.units, advice.fewest) == ("cluster", 40, 55)
    assert (advice.if_equal, advice.in_cases(advice.if_equal)) == (151, 755)
    assert advice.text == (
        "about 111 more clusters would decide if it is as good as the control, no usual number if it is as it looks"
    )


def test_advice_with_few_large_clusters():
    """Ten clusters that agree show nothing; more cases in them would not help."""
    assert advised(clustered([10] * 10, lost=0)).text == (
        "about 103 more clusters would decide if it is as good as the control, about 45 more if it is as it looks"
    )
    assert advised(clustered([2] * 10, lost=0)).text == "at least 45 more clusters are needed"


def noisy(cases, spread, latency=1.0):
    results = Results()
    for number in range(cases):
        factor = math.exp(spread * NormalDist().inv_cdf((number + 0.5) / cases))
        treatment = a_reply("30 days", DEEPSEEK, latency_s=latency * factor)
        results.add(str(number), (a_pair(a_case(f"case-{number}"), a_reply(latency_s=1.0), treatment),))
    return results


def test_advice_for_a_ratio_uses_its_logarithm():
    """Latencies that vary by a factor of e^0.8 around the same mean: (2.49 * 0.8 / ln 1.25)^2, for any n."""
    for cases in (60, 240):
        assert advised(noisy(cases, 0.8), "latency").if_equal == pytest.approx(6.18 * 0.8**2 / 0.2231**2, rel=0.05)
    assert advised(noisy(60, 0.8, latency=1.1), "latency").text.count("about") == 2


def test_advice_for_cost_per_pass_has_one_number(make_run):
    """At the same cost it would never pass, so the only number is that of the observed difference."""
    dice, results = Random(4), Results()
    for number in range(60):
        reply = a_reply("30 days", DEEPSEEK, cost=f"{0.00098 * dice.lognormvariate(0, 0.3):.6f}")
        results.add(str(number), (a_pair(a_case(f"case-{number}"), a_reply(), reply),))
    advice = advised(results, "cost_per_pass")
    assert advice.if_equal == advice.as_it_looks
    assert advice.text.endswith("more cases would decide")


def test_advice_for_errors_and_tags(make_run):
    """Errors have a bound of two points, so they take more cases; a tag counts its own cases."""
    results = make_run(both=100, case=lambda number: {"tags": ("refund",) if number < 40 else ()})
    assert (advised(results, "errors").if_equal, advised(results, "tag:refund").units) == (133, 40)
    assert advised(results, "tag:refund").text == "about 15 more cases would decide"


def test_advice_for_the_latency_budget():
    """Fifty-nine replies within the budget are needed to show a share of 95%."""
    advice = advised(noisy(40, 0.1), "latency_budget", max_latency_s=3.0)
    assert advice.text == "about 19 more cases would decide"


def test_advice_counts_the_lost_share_of_a_cluster(make_run):
    """One lost case in each fifth cluster of five: a fifth of that cluster is lost."""
    results = Results()
    for number in range(200):
        misses = [a_miss()] if number % 25 == 0 else []
        case = a_case(f"case-{number}", cluster=f"c{number // 5}")
        results.add(str(number), (a_pair(case, a_reply(), a_reply("30 days", DEEPSEEK), misses=misses),))
    assert advised(results).if_equal == advised(results).fewest == 55


def test_advice_for_a_bound_of_zero_has_no_number(make_run):
    """No number of cases without another error rules out the next one."""
    advice = advised(make_run(both=40), "errors", bounds={**Policy().bounds, "errors": 0.0})
    assert (advice.if_equal, advice.text) == (None, "no usual number of cases would decide")


def test_verdict_needed_is_the_largest_number_of_all_critical_criteria(make_run, decide_on):
    """In cases; None if one criterion has no number."""
    results = noisy(60, 0.8, latency=1.1)
    verdict = decide_on(results, Policy(critical=("pass_rate", "latency")))
    assert verdict.decision == "hold"
    assert (verdict.needed, verdict.needed_if_equal) == (
        advised(results, "latency").as_it_looks,
        advised(results, "latency").if_equal,
    )
    assert decide_on(make_run(both=57, control=3)).needed is None
    assert decide_on(make_run(both=8)).needed_if_equal is None


def test_hold_warns_about_a_second_look(make_run, decide_on):
    """Only if numbers are named, no looks were planned and a criterion is open."""
    told = "a verdict on more cases is a second look: plan looks before the first, --graysplit-looks"
    assert decide_on(make_run(both=40)).reasons[-1] == told
    assert told not in decide_on(make_run(both=40), Policy(looks=(40, 80))).reasons
    assert told not in decide_on(make_run(both=60), cut=("partial run",)).reasons
    assert told not in decide_on(make_run(both=20)).reasons


def test_advice_at_a_look_takes_more_cases(make_run):
    """The advice at a look is for its own critical value."""
    results = make_run(both=90, treatment=4, control=6)
    assert advised(results, looks=(100, 400)).if_equal > advised(results).if_equal
    assert replace(advised(results), if_equal=None).text.startswith("no usual number of cases would decide if")
