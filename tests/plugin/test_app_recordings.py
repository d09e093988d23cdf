"""Recordings of tests of an application: found again after a change of the test, and never with a secret."""

import json
import os

import pytest

from pytest_graysplit.replies.recordings.maintenance.check import check_file
from pytest_graysplit.replies.recordings.maintenance.unused import find_unused
from pytest_graysplit.types import ReplyKey

KEY = "made-up-key-0123456789"
THEIRS = "key-of-the-user"
# It writes a number that differs in every run, repeats the answer to its first request, and asks twice in one way.
APPLICATION = """
import json
import os
import time
import urllib.request


def ask(*texts, model="claude-sonnet-4.5", **params):
    body = {"model": model, "messages": [{"role": "user", "content": text} for text in texts], **params}
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions",
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


def support(ticket):
    draft = ask(f"{ticket} run-{time.time_ns()}", user=f"u{time.time_ns()}")
    ask("try")
    ask("try")
    return ask(ticket, draft)
"""
TEST = """
from application import support

@pytest.mark.graysplit
@pytest.mark.parametrize("ticket", ["One?", "Two?"])
def test_support(graysplit_app, ticket):
    graysplit_app.output = support(ticket)
    assert "[redacted]" in graysplit_app.output or "made-up" in graysplit_app.output
"""
SETTINGS = "[tool.graysplit.app]\nignore = ['run-\\d+']\n"
HOOK = 'def pytest_graysplit_normalize(body, case): body.pop("user", None)'


@pytest.fixture
def suite(project, monkeypatch):
    """Two tests of an application, and models that repeat the run's own key."""
    monkeypatch.setenv("OPENAI_BASE_URL", project.relay.url)
    monkeypatch.setenv("OPENAI_API_KEY", THEIRS)
    project.relay.control(script=[{"text": f"The key is {KEY}."}])
    project.write("application.py", APPLICATION)
    project.write("pyproject.toml", SETTINGS)
    project.write("conftest.py", HOOK)
    project.test_file(TEST)
    return project


def test_recordings_of_an_application_in_every_later_run(suite, monkeypatch):
    """Recorded once without a secret, replayed offline, also under a new name, and used as long as there is a test."""
    suite.run().assert_outcomes(passed=4)
    assert suite.sent() == 16
    path = suite.path / "__graysplit__" / "test_it.jsonl"
    whole = path.read_text()
    assert [KEY in whole, THEIRS in whole, "run-1" in whole, '"user":' in whole] == [False] * 4
    assert whole.count("<ignored>") == 2
    assert list(check_file(suite.path, path, str)) == []
    assert sorted(line.get("call", 0) for line in suite.recorded()) == [0] * 12 + [1] * 4

    for change in ("", "renamed"):
        suite.test_file(TEST.replace("test_support", f"test_support_{change}" if change else "test_support"))
        suite.run("--graysplit-record=none").assert_outcomes(passed=4)
    assert suite.sent() == 16

    rows = suite.path / "rows.jsonl"
    monkeypatch.setenv("GRAYSPLIT_WANTED", str(rows))
    suite.run("--collect-only", "-q")
    collected = [json.loads(row) for row in rows.read_text().splitlines()]
    keys = {ReplyKey(row["case"], row["model"], row["request"], row["sample"]) for row in collected}
    assert list(find_unused(suite.path, path, {path.resolve(): keys})) == []
    assert len(list(find_unused(suite.path, path, {path.resolve(): set()}))) == 16
    assert os.fspath(path) in {row["into"] for row in collected}


def test_moving_part_that_is_not_ignored_is_a_miss(suite):
    """The message has the nearest call and its first difference, for each arm, and what to do about it."""
    suite.write("pyproject.toml", "[tool.graysplit.app]\n")
    suite.run().assert_outcomes(passed=4)
    result = suite.run("--graysplit-record=none")
    assert suite.sent() == 16
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines([
        "*no recording for a call of case 'test_support[[]One?]' (control, claude-sonnet-4.5)",
        "*__graysplit__/test_it.jsonl has one that differs, call 1 of 4:",
        '*messages[[]0].content: "One? run-*" -> "One? run-*"',
        "*a part that differs in every run belongs in `ignore` of [[]tool.graysplit.app]*[[]recording-missing]",
    ])  # fmt: skip


def test_broken_normalize_hook_fails_no_model(suite):
    """The tests are not judged, and the message names the hook."""
    suite.write("conftest.py", HOOK.replace("pop", "drop"))
    result = suite.run()
    assert suite.sent() == 0
    assert "passed" not in result.parseoutcomes()
    result.stdout.fnmatch_lines(
        ["*pytest_graysplit_normalize failed for case 'test_support[[]One?]': AttributeError: *"]
    )
    result.stdout.no_fnmatch_line("*promote*")


def test_killed_run_pays_for_nothing_again(app_project, monkeypatch):
    """The next run finds all answers of a process that was killed in a test, also if it records all of them again."""
    app_project.test_file(
        """
        import os
        import signal
        from application import ask

        @pytest.mark.graysplit
        def test_it(graysplit_app):
            ask("One?")
            if "KILLED" in os.environ:
                os.kill(os.getpid(), signal.SIGKILL)
            graysplit_app.output = ask("Two?")
        """
    )
    monkeypatch.setenv("KILLED", "1")
    app_project.run_in_subprocess("--graysplit-record=all")
    monkeypatch.delenv("KILLED")
    result = app_project.run("--graysplit-record=all")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*recovered 1 reply from an interrupted run*"])
    assert app_project.sent() == 4
