"""The command on labelled answers end to end, and the reading of its recordings by a run, without a request."""

import json

import pytest
from quiet import ADDOPTS

from pytest_graysplit.cli import main
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.evaluation.judge_calibration.recorded import recorded_standing
from pytest_graysplit.stats import JudgeAccuracy

ANSWERS = [("It takes 30 days.", True), ("It takes thirty.", True), ("Two weeks.", False), ("No days.", False)]
CRITERION = "names the window of 30 days"
SETTINGS = '[tool.graysplit.judge]\nmodel = "judge-words"\nlabels = "labels/answers.jsonl"\n'


@pytest.fixture
def project(tmp_path, relay, monkeypatch):
    """A project whose labels are in a folder, with a judge that looks for the word days; it is the current folder."""
    for name in ("CI", "HOLYSHEEP_API_KEY", "GRAYSPLIT_RECORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", "made-up-key-0123456789")
    monkeypatch.setenv("PYTEST_ADDOPTS", ADDOPTS)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    monkeypatch.chdir(tmp_path)
    relay.control(models=["judge-words", "judge-yes", "judge-garbled"])
    (tmp_path / "labels").mkdir()
    lines = [{"prompt": "How long?", "answer": text, "rubric": {CRITERION: holds}} for text, holds in ANSWERS]
    (tmp_path / "labels" / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    return tmp_path


@pytest.fixture
def calibrate(project, capsys):
    """Run the command; return its exit code, its output lines and its error lines."""

    def run(*arguments):
        code = main(["judge", "calibrate", "labels/answers.jsonl", *arguments])
        output = capsys.readouterr()
        return code, output.out.splitlines(), output.err.splitlines()

    return run


@pytest.fixture
def standing(project):
    """Read the judge's standing as a run does, with these settings."""

    def read(settings=SETTINGS):
        (project / "pyproject.toml").write_text(settings)
        return recorded_standing(read_settings(project / "pyproject.toml", {"CI": "true"}), project)

    return read


def test_calibrate_reports_and_replays_labelled_answers(calibrate, relay):
    """Half of each kind is right; a second run gives the same report without a request."""
    code, output, errors = calibrate()
    assert (code, errors) == (0, [])
    assert output[:6] == [
        "labels/answers.jsonl: 4 answers, judge judge-words, replayed 0 of 4 verdicts",
        "agreement      2/4  50.0%  (95% CI 15.0 .. 85.0)",
        "sensitivity    1/2  50.0%  (95% CI 9.5 .. 90.5): yes to answers that hold",
        "specificity    1/2  50.0%  (95% CI 9.5 .. 90.5): no to answers that fail",
        "kappa          0.00, slight",
        "unreadable     0 of 4 verdicts",
    ]
    assert output[-2:] == [
        "in a run       corrects nothing: labels/answers.jsonl: 2 answers hold and 2 fail, and at least 10 of each are needed",
        "cost           unknown for 4 calls",
    ]
    assert calibrate("--record=none")[1][1:] == output[1:]
    assert relay.stats()["total"] == 4
    assert calibrate("--min-agreement=0.6")[0] == 1


def test_calibrate_counts_unreadable_verdicts(calibrate):
    """They agree with no label, and are in neither rate."""
    code, output, _ = calibrate("--model=judge-garbled")
    assert (code, output[1][:24]) == (0, "agreement      0/4  0.0%")
    assert output[2:6] == [
        "sensitivity    -: yes to answers that hold",
        "specificity    -: no to answers that fail",
        "kappa          unknown: it takes labels and verdicts of more than one kind (holds and fails)",
        "unreadable     4 of 4 verdicts",
    ]


def test_calibrate_names_a_failed_call(calibrate, relay, monkeypatch):
    """The exit code shows it, and the next run asks again for this verdict alone."""
    monkeypatch.setenv("GRAYSPLIT_RETRIES", "0")
    relay.control(faults=[{"kind": "500", "match": "Two weeks", "times": 1}])
    code, _, errors = calibrate()
    assert (code, errors[0]) == (
        2,
        "1 call of 4 gave no answer: the call failed: the relay answered 500: internal error",
    )
    assert calibrate()[0] == 0
    assert relay.stats()["total"] == 5


def test_run_reads_the_accuracy_from_recordings(calibrate, standing, relay):
    """Nothing is sent, and the path of the labels is relative to pyproject.toml."""
    calibrate()
    found = standing()
    assert (found.model, found.labels, found.problem) == ("judge-words", "labels/answers.jsonl", "")
    assert found.accuracy == JudgeAccuracy(said_yes=1, holding=2, said_no=1, failing=2)
    assert found.uncalibrated_because.startswith("labels/answers.jsonl: 2 answers hold and 2 fail, and at least 10")
    assert relay.stats()["total"] == 4


@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS.replace("judge-words", "judge-yes"),
        f"{SETTINGS}params = {{ temperature = 0 }}\n",
    ],
)
def test_run_counts_verdicts_of_this_judge_alone(calibrate, standing, settings):
    """Another model, or the same one with other parameters, errs in other cases."""
    calibrate()
    found, file = standing(settings), "labels/answers.jsonl"
    missing = f"4 of 4 labelled answers in {file} have no recorded verdict of it: run graysplit judge calibrate {file}"
    assert (found.accuracy, found.problem) == (None, missing)


def test_run_does_not_calibrate_by_a_part_of_the_labels(calibrate, standing, project):
    """A label that was added after the calibration, or changed to another answer."""
    calibrate()
    with (project / "labels" / "answers.jsonl").open("a") as file:
        file.write(json.dumps({"prompt": "How long?", "answer": "Ask.", "rubric": {CRITERION: False}}))
    assert standing().problem.startswith("1 of 5 labelled answers in labels/answers.jsonl have no recorded verdict")


def test_run_does_not_count_verdicts_from_another_address(calibrate, standing, project, relay):
    """The judge is an arm whose table got another header after the calibration."""
    arm = f'[tool.graysplit.arms.ours]\nmodel = "judge-words"\nbase_url = "{relay.url}"\napi_key_env = "GRAYSPLIT_API_KEY"\n'
    settings = f"{SETTINGS.replace('judge-words', 'ours')}{arm}"
    (project / "pyproject.toml").write_text(settings)
    assert calibrate()[0] == 0
    assert standing(settings).accuracy == JudgeAccuracy(said_yes=1, holding=2, said_no=1, failing=2)
    assert standing(f'{settings}headers = {{ X-Team = "other" }}\n').problem == (
        "4 of 4 labelled answers in labels/answers.jsonl have a verdict from another address: "
        "run graysplit judge calibrate labels/answers.jsonl --record=all"
    )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("", "no judge is configured"),
        (SETTINGS.partition("labels")[0], "its errors are unknown: label 40 answers or more"),
        (SETTINGS.replace("answers.jsonl", "other.jsonl"), "labels/other.jsonl: no such file"),
    ],
)
def test_run_without_labels_says_why(standing, settings, problem):
    """Each reason is a part of the verdict, and none is an error of the run."""
    found = standing(settings)
    assert found.problem.startswith(problem)
    assert found.usable is None


def test_run_names_a_mistake_in_the_labels(standing, project):
    """By file and line."""
    (project / "labels" / "answers.jsonl").write_text('{"prompt": "?", "answer": "a"}')
    assert standing().problem == "labels/answers.jsonl:1: no rubric"
