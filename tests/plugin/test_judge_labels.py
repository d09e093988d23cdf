"""A run with rubrics and labels: it holds until its judge is calibrated, and then corrects the pass rates offline."""

import json

import pytest
from report_reader import rebuilt

from pytest_graysplit.cli import main

CONTROL, TREATMENT, JUDGE = "claude-sonnet-4.5", "deepseek-v3.2", "judge-words"
SETTINGS = '[tool.graysplit.judge]\nmodel = "judge-words"\n'
CRITERION = "names the window of 30 days"
# The judge looks for the word "days": it is wrong about the last answer of each kind.
HOLDING = [f"Within 30 days, order {number}." for number in range(19)] + ["Within thirty d."]
FAILING = [f"Within two weeks, order {number}." for number in range(19)] + ["We have no days off."]


@pytest.fixture
def suite(project, monkeypatch):
    """A project with open questions, two arms that answer well, and 40 labelled answers that were not judged yet."""
    monkeypatch.chdir(project.path)
    project.answers = lambda treatment: project.relay.control(
        models=[CONTROL, TREATMENT, JUDGE],
        faults=[
            {"kind": "text", "text": text, "model": model, "times": None}
            for model, text in ((CONTROL, "Within 30 days."), (TREATMENT, treatment))
        ],
    )
    project.answers("You have 30 days.")
    project.cases = lambda size: project.write(
        "it.graysplit.jsonl",
        "\n".join(
            json.dumps({"id": f"case-{number}", "prompt": f"Question {number}?", "rubric": [CRITERION]})
            for number in range(size)
        ),
    )
    lines = [
        {"prompt": "How long?", "answer": answer, "rubric": {CRITERION: holds}}
        for holds, answers in ((True, HOLDING), (False, FAILING))
        for answer in answers
    ]
    project.write("labels.jsonl", "\n".join(map(json.dumps, lines)))
    project.write("pyproject.toml", SETTINGS)
    return project


def verdict_of(suite, *arguments):
    """Run the suite under the gate `verdict`; return the report's only comparison and its judge."""
    suite.run("--graysplit-gate=verdict", "--graysplit-json=report.json", *arguments)
    report = suite.report()
    [comparison] = report["comparisons"]
    assert [verdict.decision for verdict in rebuilt(report)[1]] == [comparison["verdict"]]
    assert [list(verdict.reasons) for verdict in rebuilt(report)[1]] == [comparison["reasons"]]
    return comparison, report["run"]["coverage"]["judge"]


def test_labels_turn_a_hold_into_a_verdict(suite, capsys):
    """Without labels, and without the judge's verdicts on them, the run holds; then it promotes without a request."""
    suite.cases(72)
    comparison, judge = verdict_of(suite)
    assert (comparison["verdict"], comparison["judge"]["calibrated"]) == ("hold", False)
    assert comparison["reasons"][0].startswith(
        "the judge judge-words is uncalibrated: its errors are unknown: label 40"
    )
    suite.write("pyproject.toml", f'{SETTINGS}labels = "labels.jsonl"\n')
    sent = suite.sent()
    comparison, judge = verdict_of(suite, "--graysplit-record=none")
    assert (comparison["verdict"], judge["accuracy"], suite.sent()) == ("hold", None, sent)
    assert judge["problem"] == (
        "40 of 40 labelled answers in labels.jsonl have no recorded verdict of it: run graysplit judge calibrate labels.jsonl"
    )
    assert main(["judge", "calibrate", "labels.jsonl"]) == 0
    assert "sensitivity    19/20  95.0%" in capsys.readouterr().out
    assert suite.sent() == sent + 40
    result = suite.run("--graysplit-gate=verdict", "--graysplit-record=none", "--graysplit-json=report.json")
    comparison, judge = suite.report()["comparisons"][0], suite.report()["run"]["coverage"]["judge"]
    assert (comparison["verdict"], suite.sent()) == ("promote", sent + 40)
    assert judge["accuracy"] == {"said_yes": 19, "holding": 20, "said_no": 19, "failing": 20}
    row = next(row for row in comparison["rows"] if row["name"] == "pass_rate")
    assert row["low"] < comparison["judge"]["uncorrected"]["low"]
    result.stdout.fnmatch_lines(
        [
            "  pass rate     0.0 pp  (90% CI -* .. +*, margin -5.0, 72 pairs)*",
            "    as judged   0.0 pp  (90% CI -3.6 .. +3.6), not corrected",
            "  judge errors  judge-words: yes to 95.0% of 20 answers that hold, no to 95.0% of 20 that fail",
            "    corrected   100.0 (* .. 100.0) control, 100.0 (* .. 100.0) treatment  (90% CI)",
        ]
    )


def test_labels_reject_a_treatment_that_fails_the_rubric(suite):
    """The corrected loss is that of all cases, which is as large as can be."""
    suite.write("pyproject.toml", f'{SETTINGS}labels = "labels.jsonl"\n')
    suite.cases(40)
    suite.answers("Within two weeks.")
    assert main(["judge", "calibrate", "labels.jsonl"]) == 0
    comparison, _ = verdict_of(suite)
    assert (comparison["verdict"], comparison["judge"]["calibrated"]) == ("reject", True)
    assert comparison["pass_difference"]["estimate"] == -1


def test_labels_are_judged_by_the_requests_of_a_run(suite):
    """A labelled answer of the run itself has the same request, with all criteria of its case and the judge's params."""
    suite.cases(1)
    line = {"id": "other", "prompt": "Question 0?", "answer": "Within 30 days.", "rubric": {CRITERION: True}}
    suite.write("labels.jsonl", json.dumps(line))
    suite.write("pyproject.toml", f"{SETTINGS}params = {{ temperature = 0 }}\n")
    suite.run()
    assert main(["judge", "calibrate", "labels.jsonl"]) == 0
    bodies = [json.dumps(body) for body in suite.relay.stats()["bodies"] if body["model"] == JUDGE]
    assert len(bodies) == 3  # both arms' answers, and the label
    assert bodies[2] in bodies[:2]
