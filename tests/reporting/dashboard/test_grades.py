"""The status that a script reads: the worst verdict, and never a verdict over nothing."""

import live_snapshots as specimens
import pytest

from pytest_graysplit.reporting.dashboard.grades import grade_of


def test_the_grade_of_one_treatment_is_whole():
    """Status, reasons and the counts of both arms, under stable keys."""
    assert grade_of(specimens.run()) == {
        "format": 1,
        "status": "hold",
        "state": "running",
        "at": "2026-11-20T10:01:12+00:00",
        "treatments": [
            {
                "treatment": "deepseek-v3.2",
                "verdict": "hold",
                "reasons": [specimens.REASON],
                "arms": {
                    "control": {"n": 120, "passed": 118, "errors": 0},
                    "deepseek-v3.2": {"n": 120, "passed": 115, "errors": 1},
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        (["promote"], "promote"),
        (["promote", "collecting"], "collecting"),
        (["collecting", "hold"], "hold"),
        (["hold", "reject", "promote"], "reject"),
        ([], "collecting"),
    ],
)
def test_the_worst_of_all_treatments_is_the_status(verdicts, status):
    """A script that goes on at "promote" goes on only if every treatment may."""
    names = [f"model-{place}" for place in range(len(verdicts))]
    snapshot = specimens.run(
        arms=[specimens.arm("control", "old"), *(specimens.arm(name, name) for name in names)],
        comparisons=[specimens.comparison(*each) for each in zip(names, verdicts, strict=True)],
    )
    assert grade_of(snapshot)["status"] == status


@pytest.mark.parametrize("silent", ["control", "deepseek-v3.2"])
def test_an_arm_without_data_is_still_collecting(silent):
    """Whatever a source says: over no answers there is no verdict."""
    arms = [specimens.arm(name, name, n=0 if name == silent else 120) for name in ("control", "deepseek-v3.2")]
    assert grade_of(specimens.run(arms=arms))["status"] == "collecting"
    alone = [arm for arm in arms if arm["arm"] != silent]
    assert grade_of(specimens.run(arms=alone))["status"] == "collecting"
