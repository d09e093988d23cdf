"""Figures of a judge compared with labels, and the report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_graysplit.evaluation.judge_calibration.calibration import Calibration, LabelledResult, describe_kappa
from pytest_graysplit.evaluation.judge_calibration.labelled import LABELS, Labelled
from pytest_graysplit.evaluation.metrics.judge import JudgeVerdict
from pytest_graysplit.types import Case

# The judge's verdicts in both orders, and the side that they amount to.
VERDICTS = {
    "treatment": JudgeVerdict(score=1.0, verdicts=("B", "A")),
    "control": JudgeVerdict(score=0.0, verdicts=("A", "B")),
    "tie": JudgeVerdict(score=0.5, verdicts=("tie", "tie")),
    "split": JudgeVerdict(score=0.5, verdicts=("A", "A")),
    "equal": JudgeVerdict(score=0.5),
    None: JudgeVerdict(score=None, verdicts=("A", None)),
}


def calibration(*pairs):
    """Build a calibration of pairs of a label and the judge's side."""
    results = []
    for number, (label, side) in enumerate(pairs, start=1):
        case = Case(id=f"case-{number}", messages=({"role": "user", "content": "?"},), where=f"l.jsonl:{number}")
        results.append(LabelledResult(Labelled(case=case, control="a", treatment="b", label=label), VERDICTS[side]))
    return Calibration(results)


def test_kappa_excludes_agreement_by_chance():
    """The example of the article on Cohen's kappa in Wikipedia: 20 and 15 agree, 5 and 10 do not, kappa is 0.40."""
    pairs = [("treatment", "treatment")] * 20 + [("control", "control")] * 15
    pairs += [("treatment", "control")] * 5 + [("control", "treatment")] * 10
    made = calibration(*pairs)
    assert made.kappa == pytest.approx(0.4)
    assert made.agreement.estimate == pytest.approx(0.7)


@given(labels=st.lists(st.sampled_from(LABELS), min_size=2, max_size=30))
def test_kappa_of_full_agreement_is_one(labels):
    """Unless there is only one kind of label, where chance would agree too."""
    made = calibration(*[(label, label) for label in labels])
    assert made.kappa == (None if len(set(labels)) == 1 else pytest.approx(1.0))


def test_pair_without_a_verdict_disagrees_and_is_not_in_kappa():
    """It counts in the agreement, since a judge that answers only easy pairs is not a good one."""
    made = calibration(("treatment", "treatment"), ("control", "control"), ("tie", None))
    assert made.agreement.estimate == pytest.approx(2 / 3)
    assert made.kappa == 1.0
    assert calibration(("tie", None)).kappa is None


def test_calibration_counts_orders_positions_and_unreadable_answers():
    """An equal pair is not asked about, so its orders cannot disagree."""
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
def test_kappa_is_described_in_words(kappa, word):
    """The words of Landis and Koch."""
    assert describe_kappa(kappa) == word


def test_report_of_a_calibration():
    """The whole text."""
    made = calibration(
        ("treatment", "treatment"), ("treatment", "treatment"), ("control", "control"), ("control", "split"),
        ("tie", "tie"), ("tie", None),
    )  # fmt: skip
    assert list(made.lines()) == [
        "agreement      4/6  66.7%  (95% CI 30.0 .. 90.3)",
        "kappa          0.71, substantial",
        "orders         named different winners on 1 of 6 pairs, 16.7%",
        "first answer   won 6 of 9, 66.7%  (95% CI 35.4 .. 87.9; 50.0% means no preference)",
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


def test_report_of_few_pairs_says_what_is_unknown():
    """One kind of label gives no kappa, and equal answers show nothing about orders."""
    report = list(calibration(("tie", "equal")).lines())
    assert (
        report[1]
        == "kappa          unknown: it takes labels and verdicts of more than one kind (treatment, tie and control)"
    )
    assert report[2:5] == [
        "orders         named different winners on 0 of 0 pairs, none",
        "first answer   won 0 of 0, none  (95% CI 0.0 .. 100.0; 50.0% means no preference)",
        "unreadable     0 of 0 answers",
    ]


def test_report_cuts_a_long_list_of_disagreements():
    """Ten are shown, with the number of the others."""
    assert list(calibration(*[("tie", "control")] * 13).lines())[-1] == "... and 3 more"
