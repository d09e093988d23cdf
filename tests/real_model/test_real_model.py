"""A real model answers a suite live, through all defaults; its answers are recorded and replayed."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from real_model.client import FOLDER, RunningModel, reason_to_skip

# One worker runs them all, so that the model is loaded once, and not twice on two cores.
pytestmark = [
    pytest.mark.skipif(bool(reason_to_skip()), reason=reason_to_skip()),
    pytest.mark.xdist_group("real-model"),
]
# Few tokens: these cores have other tests to run as well.
BRIEF = [f"--graysplit-param={param}" for param in ("temperature=0", "seed=1", "max_tokens=8")]
FOREIGN = re.compile("GRAYSPLIT|HOLYSHEEP|OPENAI|OPENROUTER|CI$|COLUMNS|PYTEST_|GITHUB_")


@pytest.fixture(scope="session")
def model():
    with RunningModel() as server:
        yield server


@pytest.fixture
def suite(tmp_path):
    """Return the example's suite in a folder of its own."""
    for name in ("pyproject.toml", "questions.graysplit.jsonl"):
        shutil.copy(FOLDER / name, tmp_path)
    return tmp_path


def run(folder, url, mode, *options, codes=(0,)):
    """Run the suite and return its output and its report."""
    environ = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    environ |= {"GRAYSPLIT_BASE_URL": url, "GRAYSPLIT_API_KEY": "unused", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    options = [
        *options,
        "-p",
        "graysplit",
        "-p",
        "no:cacheprovider",
        "--graysplit-gate=none",
        f"--graysplit-record={mode}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *BRIEF, "--graysplit-json=report.json"],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout, json.loads((folder / "report.json").read_text())


def replies_of(report):
    """Return the replies without the parts that differ between runs."""
    runs = ("replayed", "queue_s", "backoff_s")
    return {
        (case["id"], arm, number): {name: value for name, value in reply.items() if name not in runs}
        for case in report["cases"]
        for arm, replies in case["replies"].items()
        for number, reply in enumerate(replies)
    }


def test_real_model_is_recorded_and_replayed(model, suite):
    """Twenty answers arrive under any load; the replay opens no connection and reports the same."""
    printed, live = run(suite, model.url, "new")
    answers = replies_of(live)
    assert len(answers) == 20, printed
    assert {reply["outcome"] for reply in answers.values()} <= {"ok", "truncated"}, printed
    assert all(reply["text"].strip() and reply["served_model"] == "smollm2-135m" for reply in answers.values())
    assert "Paris" in answers["france", "control", 0]["text"]
    assert [(arm["cases"], arm["errors"], arm["attempts"]) for arm in live["arms"]] == [(10, 0, 10)] * 2
    assert all(arm["tokens"]["completion"] >= 10 for arm in live["arms"])
    assert "recorded 20 replies" in printed

    printed, replayed = run(suite, "http://127.0.0.1:9/v1", "none")
    assert replies_of(replayed) == answers
    assert [arm["replayed"] for arm in replayed["arms"]] == [10, 10]
    assert [(arm["passed"], arm["outcomes"]) for arm in replayed["arms"]] == [
        (arm["passed"], arm["outcomes"]) for arm in live["arms"]
    ]
    assert "replayed 20 of 20 replies" in printed


# The server lets the model write nothing but a short verdict; without it this model seldom writes JSON.
JUDGE = """
[tool.graysplit.judge]
model = "smollm2-135m"

[tool.graysplit.judge.params]
temperature = 0
max_tokens = 40

[tool.graysplit.judge.params.response_format]
type = "json_schema"

[tool.graysplit.judge.params.response_format.json_schema.schema]
type = "object"
required = ["reason", "verdict"]
properties = { reason = { type = "string", maxLength = 30 }, verdict = { enum = ["yes", "no"] } }
"""


def test_real_model_judges_a_rubric(model, suite):
    """Its verdict counts, right or wrong, or the case counts for neither arm; the replay has the same."""
    project = suite / "pyproject.toml"
    # Two arms that give one answer need one verdict, which takes this model long enough.
    project.write_text(project.read_text().replace("temperature = 0.8", "top_p = 0.5") + JUDGE)
    case = {"id": "france", "system": "Be brief.", "prompt": "What is the capital of France?", "rubric": "names Paris"}
    (suite / "questions.graysplit.jsonl").write_text(json.dumps({**case, "params": {"max_tokens": 40}}))
    printed, live = run(suite, model.url, "new", "--graysplit-timeout=100", codes=(0, 1))
    (judged,) = live["cases"]
    assert "names Paris" in str(judged["rubric_results"]), printed
    verdicts = [one["holds"] for some in judged["rubric_results"].values() for one in some]
    assert set(judged["passed"]) == (set() if None in verdicts else {"control", "warm"})
    assert live["comparisons"][0]["verdict"] == "hold"

    _, replayed = run(suite, "http://127.0.0.1:9/v1", "none", codes=(0, 1))
    (again,) = replayed["cases"]
    kept = ("passed", "pass_share", "checks_share", "unjudged", "misses", "rubric_results")
    assert {name: again[name] for name in kept} == {name: judged[name] for name in kept}
    assert again["rubric_calls"]["warm"]["replayed"] == again["rubric_calls"]["warm"]["calls"]
