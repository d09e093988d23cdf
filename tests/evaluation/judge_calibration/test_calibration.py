"""Figures of a judge against labels, and the lines that tell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.judge_calibration.calibration import Calibration, Judged, lines, reading
from pytest_graysplit.evaluation.judge_calibration.labelled import LABELS, Labelled
from pytest_graysplit.evaluation.metrics.judge import Ruling
from pytest_graysplit.types import Case

# What the judge says in both orders, and what it comes to.
RULINGS = {
    "treatment": Ruling(score=1.0, verdicts=("B", "A")),
    "control": Ruling(score=0.0, verdicts=("A", "B")),
    "tie": Ruling(score=0.5, verdicts=("tie", "tie")),
    "split": Ruling(score=0.5, verdicts=("A", "A")),
    "equal": Ruling(score=0.5),
    None: Ruling(score=None, verdicts=("A", None)),
}


def calibration(*pairs):
    """A calibration of (label, what the judge came to) pairs."""
    judged = []
    for number, (label, ruled) in enumerate(pairs, start=1):
        case = Case(id=f"case-{number}", messages=({"role": "user", "content": "?"},), where=f"l.jsonl:{number}")
        judged.append(Judged(Labelled(case=case, control="a", treatment="b", label=label), RULINGS[ruled]))
    return Calibration(judged)


def test_cohens_kappa_takes_out_what_chance_agrees_on():
    """The example of the article on Cohen's kappa in Wikipedia: 20 and 15 agree, 5 and 10 do not, kappa is 0.40."""
    pairs = [("treatment", "treatment")] * 20 + [("control", "control")] * 15
    pairs += [("treatment", "control")] * 5 + [("control", "treatment")] * 10
    made = calibration(*pairs)
    assert made.kappa == pytest.approx(0.4)
    assert made.agreement.estimate == pytest.approx(0.7)


@given(labels=st.lists(st.sampled_from(LABELS), min_size=2, max_size=30))
def test_a_judge_that_is_always_right_has_a_kappa_of_one(labels):
    """Unless there is only one kind of label, when chance would be right as well."""
    made = calibration(*[(label, label) for label in labels])
    assert made.kappa == (None if len(set(labels)) == 1 else pytest.approx(1.0))


def test_a_pair_without_a_verdict_agrees_with_nothing_and_is_in_no_kappa():
    """It is not left out of the agreement: a judge that answers only the easy ones is not a good one."""
    made = calibration(("treatment", "treatment"), ("control", "control"), ("tie", None))
    assert made.agreement.estimate == pytest.approx(2 / 3)
    assert made.kappa == 1.0
    assert calibration(("tie", None)).kappa is None


def test_orders_places_and_unreadable_answers_are_counted():
    """Of pairs that were asked about: an equal pair has no order that could disagree."""
    made = calibration(("treatment", "treatment"), ("tie", "split"), ("tie", "equal"), ("tie", "tie"), ("tie", None))
    assert made.disagreements == (1, 4)
    assert made.first_won == (4, 5)
    assert made.unreadable == (1, 8)


@pytest.mark.parametrize(
    ("kappa", "word"),
    [
        (-0.01, "worse than chance"),
        (0, "slight"),
        (0.2, "fair"),
        (0.5, "moderate"),
        (0.61, "substantial"),
        (1, "almost perfect"),
    ],
)
def test_a_kappa_has_a_word(kappa, word):
    """The words of Landis and Koch."""
    assert reading(kappa) == word


def test_the_report_in_whole():
    """What people read, to the letter."""
    made = calibration(
        ("treatment", "treatment"), ("treatment", "treatment"), ("control", "control"), ("control", "split"),
        ("tie", "tie"), ("tie", None),
    )  # fmt: skip
    assert list(lines(made)) == [
        "agreement      4/6  66.7%  (95% CI 30.0 .. 90.3)",
        "kappa          0.71, substantial",
        "orders         named another winner each on 1 of 6 pairs, 16.7%",
        "first answer   won 6 of 9, 66.7%  (95% CI 35.4 .. 87.9; 50.0% is no preference)",
        "unreadable     1 of 12 answers",
        "",
        "label \\ judge   treatment         tie     control  no verdict",
        "treatment               2           0           0           0",
        "tie                     0           1           0           1",
        "control                 0           1           1           0",
        "",
        "l.jsonl:4 case-4: label control, judge tie",
        "l.jsonl:6 case-6: label tie, judge no verdict",
    ]


def test_a_report_of_little_says_what_it_cannot_know():
    """One kind of label tells no kappa, and only equal answers tell nothing of orders."""
    told = list(lines(calibration(("tie", "equal"))))
    assert (
        told[1]
        == "kappa          unknown: it takes labels and verdicts of more than one kind (treatment, tie and control)"
    )
    assert told[2:5] == [
        "orders         named another winner each on 0 of 0 pairs, none",
        "first answer   won 0 of 0, none  (95% CI 0.0 .. 100.0; 50.0% is no preference)",
        "unreadable     0 of 0 answers",
    ]


def test_a_long_list_of_misses_is_cut():
    """Ten are shown, and how many more there are."""
    assert list(lines(calibration(*[("tie", "control")] * 13)))[-1] == "... and 3 more"
