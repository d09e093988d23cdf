"""Sessions with tests of an application: selection, replays, failures of the relay, other plugins and workers."""

import json
import os

import pytest

from pytest_graysplit.plugin.evaluate import app_case_run
from pytest_graysplit.replies.recordings.maintenance.unused import VARIABLE

KEY, TREATMENT = "made-up-key-0123456789", "deepseek-v3.2"  # those of the fixture `app_project`
ONE = """
from application import ask

@pytest.mark.graysplit
def test_one(graysplit_app):
    graysplit_app.output = ask("One?")
    assert graysplit_app.output
"""


def test_invalid_tests_are_collection_errors(app_project):
    """Each message names the place, the problem and the remedy, and nothing is sent."""
    app_project.write("rows.yaml", '- {id: a, prompt: "a?", samples: 2}\n')
    app_project.write("talk.yaml", '- {id: b, turns: [{user: "a?"}, {user: "b?"}]}\n')
    refused = {
        "both": ("", "graysplit_app, graysplit", "asks for graysplit and for graysplit_app", "fixture-both"),
        "reply": ("", "graysplit_app, graysplit_reply", "for graysplit_reply and for graysplit_app", "fixture-both"),
        "auto": ('min_similarity="auto"', "graysplit_app", "min_similarity=auto needs the answers", "case-field-clash"),
        "turns": ('turns=["a?", "b?"]', "graysplit_app", "turns does not go with graysplit_app", "case-field-clash"),
        "params": ('params={"seed": 1}', "graysplit_app", "params does not go with", "case-field-clash"),
        "system": ('system="Be brief."', "graysplit_app", "system does not go with", "case-field-clash"),
        "token": ("max_ttft_s=1", "graysplit_app", "max_ttft_s does not go with", "case-field-clash"),
        "rows": ('cases="rows.yaml"', "graysplit_app", "samples: a test with graysplit_app has", "case-field-clash"),
        "talk": ('cases="talk.yaml"', "graysplit_app", "turns does not go with graysplit_app", "case-field-clash"),
        "swap": ('prompt="?", swap=["gpt-4.1"]', "graysplit", "swap names models", "case-field-clash"),
        "names": ("swap=[1]", "graysplit_app", "swap[0]: expected a text", "case-field-type"),
        "field": ("expects={}", "graysplit_app", "expects: unknown field", "case-field-unknown"),
    }
    for name, (fields, fixtures, _, _) in refused.items():
        app_project.test_file(f"@pytest.mark.graysplit({fields})\ndef test_x({fixtures}): pass", name=f"test_{name}.py")
    result = app_project.run()
    result.assert_outcomes(errors=len(refused))
    for name, (_, _, problem, slug) in refused.items():
        lines = [line for line in result.outlines if f"test_{name}.py" in line or f"{name}.yaml" in line]
        assert any(problem in line for line in lines), (name, lines)
        assert any(f"[{slug}]" in line for line in result.outlines)
    assert app_project.sent() == 0


def test_unittest_methods_are_refused(app_project):
    """pytest parametrizes no method of a TestCase, so it cannot run once per arm."""
    app_project.test_file(
        """
        import unittest

        @pytest.mark.graysplit
        class TestOld(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def app(self, graysplit_app):
                self.app = graysplit_app

            def test_x(self):
                pass
        """
    )
    result = app_project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: test_it.py:11: a test with graysplit_app runs once per arm, and this one cannot *",
            "*[[]marker-late[]]",
        ]
    )


def test_sessions_that_do_not_run_the_application(app_project, monkeypatch):
    """Lists, set-up alone, no treatment and the check of recordings: nothing is sent, and the environment stays."""
    app_project.test_file(ONE)
    app_project.test_file("def test_unmarked(graysplit_app): pass", name="test_unmarked.py")
    app_project.run("--co", "-q").stdout.fnmatch_lines_random(
        [
            "test_it.py::test_one[[]control[]]",
            "test_it.py::test_one[[]deepseek-v3.2[]]",
            "test_unmarked.py::test_unmarked*",
        ]
    )
    app_project.run("--setup-only", "test_it.py").assert_outcomes(skipped=2)
    app_project.run_without_models("test_it.py").assert_outcomes(skipped=1)
    result = app_project.run("test_unmarked.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the fixture graysplit_app needs a marked test*", "*[[]fixture-unmarked[]]"])
    path = app_project.path / "wanted.jsonl"
    monkeypatch.setenv(VARIABLE, str(path))
    app_project.run("--co", "test_it.py")
    wanted = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [(line["case"], line["model"], line["request"]) for line in wanted] == [("test_one", "", "")]
    assert app_project.sent() == 0


def test_marker_of_a_hook_and_one_arm_alone(app_project):
    """A hook may mark the tests; an arm that runs alone is not compared, and the run is a partial one."""
    app_project.test_file(ONE.replace("@pytest.mark.graysplit\n", ""))
    app_project.write(
        "conftest.py",
        """
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.graysplit)
        """,
    )
    app_project.run("-q").assert_outcomes(passed=2)
    result = app_project.run("-k", "control", "--graysplit-json=report.json")
    result.assert_outcomes(passed=1, deselected=1)
    report = app_project.report()
    assert [case["comparisons"] for case in report["cases"]] == [{}]
    assert report["comparisons"] == []
    assert report["run"]["complete"] is False


def test_environment_of_the_application(app_project, monkeypatch):
    """The application sees the gateway and its token, also in a subprocess and in threads; no key is in its reach."""
    monkeypatch.setenv("VLLM_KEY", "another-made-up-key")
    monkeypatch.setenv("COPY_OF_KEY", KEY)
    app_project.write("pyproject.toml", '[tool.graysplit.arms.ours]\nmodel = "x"\napi_key_env = "VLLM_KEY"\n')
    app_project.test_file(
        """
        import os
        import subprocess
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from application import ask

        @pytest.mark.graysplit
        def test_one(graysplit_app):
            own = {name: os.environ.get(name) for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY")}
            assert own["OPENAI_API_KEY"] == graysplit_app.api_key
            assert graysplit_app.api_key in own["OPENAI_BASE_URL"]
            assert graysplit_app.base_url.startswith(own["OPENAI_BASE_URL"].removesuffix("/v1"))
            held = " ".join(os.environ.values())
            assert "made-up-key" not in held and "key-of-the-user" not in held
            command = [sys.executable, "-S", "-E", "-c", "import application; print(application.ask('in a process'))"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            assert graysplit_app.model in said
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(ask, ["same"] * 4))
            assert len(set(answers)) == 1 and len(graysplit_app.calls) == 5
            graysplit_app.output = {"said": said, "answers": answers}
        """
    )
    before = dict(os.environ)
    app_project.run("-q").assert_outcomes(passed=2)
    app_project.run("-q", "--graysplit-record=none").assert_outcomes(passed=2)
    app_project.test_file(ONE.replace("    assert", "    pytest.exit('stop')\n    assert"), name="test_interrupted.py")
    assert app_project.run("-q", "test_interrupted.py").ret == pytest.ExitCode.INTERRUPTED
    after = {**os.environ, "PYTEST_CURRENT_TEST": before["PYTEST_CURRENT_TEST"]}
    assert after == before
    assert app_project.sent() == 11
    assert sorted(line["call"] for line in app_project.recorded() if "call" in line and line["model"] == TREATMENT) == [
        1,
        2,
        3,
    ]
    assert KEY not in (app_project.path / "__graysplit__" / "test_it.jsonl").read_text("utf-8")


def test_replay_of_another_application(app_project):
    """A request that is not recorded is a miss of the recordings, also where the application swallows its error."""
    app_project.test_file(ONE)
    result = app_project.run("-q", "--graysplit-record=none")
    result.assert_outcomes(failed=2)
    app_project.run("-q").assert_outcomes(passed=2)
    app_project.test_file(
        ONE.replace("One?", "Two?")
        + """
@pytest.mark.graysplit
def test_swallows(graysplit_app):
    try:
        ask("Three?")
    except Exception:
        graysplit_app.output = "sorry"
"""
    )
    result = app_project.run("--graysplit-record=none", "--graysplit-gate=none", "--graysplit-json=report.json")
    result.assert_outcomes(failed=4)
    result.stdout.fnmatch_lines(["*[[]recording-missing[]]"])
    result.stdout.no_fnmatch_line("*HTTPError*")
    cases = app_project.report()["cases"]
    assert [[one["because"] for one in case["unjudged"].values()] for case in cases] == [["not recorded"] * 2] * 2
    assert app_project.sent() == 2


def test_run_that_only_replays_says_so_first(app_project, monkeypatch):
    """Without a key there is nothing to record with: one message before the first test."""
    monkeypatch.setenv("CI", "true")
    app_project.test_file(ONE)
    result = app_project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: nothing is recorded yet, *", "*[[]nothing-recorded[]]"])


def test_failed_calls_and_a_cap(app_project):
    """A call that fails is a miss of the arm; a cap that is used up skips the test; a wrong key ends the run."""
    app_project.relay.control(faults=[{"kind": "500", "model": TREATMENT, "times": None}])
    app_project.test_file(ONE)
    result = app_project.run("--graysplit-retries=0", "--graysplit-json=report.json", "-rA")
    result.assert_outcomes(passed=1, failed=1)
    [case] = app_project.report()["cases"]
    assert case["passed"] == {"control": True, "deepseek-v3.2": False}
    assert [miss["kind"] for miss in case["misses"]["deepseek-v3.2"]] == ["outcome", "body"]
    app_project.relay.reset()
    app_project.test_file(ONE.replace('ask("One?")', 'ask("Two?", max_tokens=9)'))
    result = app_project.run("--graysplit-max-cost=0.000001", "-rs")
    result.assert_outcomes(skipped=2, failed=1)  # the failed one is graysplit::budget
    assert app_project.sent() == 0
    app_project.relay.control(key="another key")
    result = app_project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*[[]key-refused[]]", "*Interrupted: graysplit: *"])


def test_failed_calls_have_no_substitute(app_project, monkeypatch):
    """A fallback, a fixed text or a client that gave up is a miss of the arm; a failure elsewhere is not judged."""
    failing = [
        {"kind": "500", "match": "down", "model": TREATMENT},
        {"kind": "400", "match": "too long", "model": TREATMENT},
        {"kind": "slow", "latency": 0.4, "match": "slow", "model": TREATMENT},
        {"kind": "slow", "latency": 1.2, "match": "never", "model": TREATMENT},
        {"kind": "slow", "latency": 0.4, "match": "late"},
        {"kind": "500", "match": "vector", "on": "embeddings"},
    ]
    once = {"kind": "500", "match": "busy", "model": TREATMENT, "times": 1}
    app_project.relay.control(faults=[once, *({"times": None, **fault} for fault in failing)])
    app_project.test_file(
        """
        import contextlib
        import threading
        import urllib.request
        from application import ask, post

        def attempt(*texts):
            for text in texts:
                with contextlib.suppress(OSError):
                    return ask(text)
            return "Please call us."

        @pytest.mark.graysplit
        def test_other_model(graysplit_app):
            ask("Plan")
            if "call us" in attempt("down"):
                graysplit_app.output = ask("down", model="gpt-4.1")
            assert True

        @pytest.mark.graysplit
        def test_no_answer(graysplit_app):
            assert attempt("down", "down") and ask("One?", model="gpt-4.1")

        @pytest.mark.graysplit
        def test_fixed_text(graysplit_app):
            assert attempt("down")
            assert ask("Go on")

        @pytest.mark.graysplit
        def test_shorter(graysplit_app):
            assert attempt("too long", "short")

        @pytest.mark.graysplit
        def test_again(graysplit_app):
            assert "busy" in attempt("busy", "busy")

        @pytest.mark.graysplit
        @pytest.mark.parametrize("text", ["slow", "never"])
        def test_gave_up(graysplit_app, monkeypatch, text):
            wait = urllib.request.urlopen
            monkeypatch.setattr(urllib.request, "urlopen", lambda request, timeout: wait(request, timeout=0.2))
            assert attempt(text)

        @pytest.mark.graysplit
        def test_left_behind(graysplit_app):
            threading.Thread(target=ask, args=["late"]).start()
            while not graysplit_app._calls.asked:
                pass
            assert graysplit_app

        @pytest.mark.graysplit
        def test_elsewhere(graysplit_app):
            assert ask("One?")
            post("/embeddings", {"model": "small-vectors", "input": "vector"})
        """
    )
    monkeypatch.setattr(app_case_run, "GRACE_S", 0.6)
    result = app_project.run("--graysplit-retries=0", "--graysplit-json=report.json", "--graysplit-gate=none")
    cases = {case["id"].removeprefix("test_"): case for case in app_project.report()["cases"]}
    both, lost = {"control": True, TREATMENT: True}, {"control": True, TREATMENT: False}
    assert {name: case["passed"] for name, case in cases.items()} == {
        **dict.fromkeys(("other_model", "no_answer", "fixed_text", "gave_up[slow]", "gave_up[never]"), lost),
        **dict.fromkeys(("shorter", "again"), both),
        "left_behind": {},
        "elsewhere": {},
    }
    slugs = [cases[name]["misses"][TREATMENT][0]["slug"] for name in ("other_model", "gave_up[slow]", "gave_up[never]")]
    assert slugs == ["relay-http-error", "app-gave-up", "app-gave-up"]
    assert "no answer after 1 attempt: " in cases["no_answer"]["misses"][TREATMENT][0]["problem"]
    result.stdout.fnmatch_lines_random(["*[[]app-other-failed[]]", "*[[]app-no-call[]]"])
    assert app_project.report()["arms"][1]["errors"] == 5
