"""Hooks of a conftest.py, and the API key, which no output contains."""

import pytest

KEY = "made-up-key-0123456789"
TEST = '@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass\n'


def all_written_text(project, result):
    """Return the output of a run and the text of every file below the project."""
    files = [path.read_text("utf-8", "replace") for path in project.path.rglob("*") if path.is_file()]
    return "\n".join([result.stdout.str(), result.stderr.str(), *files])


def test_modify_request_hook_changes_request_and_recording_key(project):
    """A recording of the changed request is not found without the hook."""
    project.write(
        "conftest.py",
        """
        def pytest_graysplit_modify_request(case, model, body):
            body["metadata"] = {"case": case.id, "model": model}
        """,
    )
    project.test_file(TEST)
    project.run().assert_outcomes(passed=1)
    assert sorted(body["metadata"]["model"] for body in project.relay.stats()["bodies"]) == [
        "claude-sonnet-4.5",
        "deepseek-v3.2",
    ]
    project.run("--graysplit-record=none").assert_outcomes(passed=1)
    (project.path / "conftest.py").unlink()
    project.run("--graysplit-record=none").assert_outcomes(failed=1)


def test_score_hook_adds_a_metric(project):
    """The metric has its own name and is compared with the threshold."""
    project.write(
        "conftest.py",
        """
        def pytest_graysplit_score(metric, case, control, treatment):
            return 0.25 if metric == "ours" else None
        """,
    )
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", metric="ours", min_similarity=0.25)
        def test_x(graysplit):
            assert (graysplit.similarity, graysplit.metric) == (0.25, "ours")

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit):
            assert graysplit.similarity != 0.25
        """
    )
    result = project.run("--graysplit-json=report.json")
    assert [case["similarity"]["deepseek-v3.2"] == 0.25 for case in project.report()["cases"]] == [True, False]
    assert "lexical" in result.stdout.str()


def test_metric_unknown_to_every_hook_is_a_message(project, section_of):
    """The hook returns None for the name, and there is no other hook."""
    project.write("conftest.py", "def pytest_graysplit_score(metric, case, control, treatment): return None")
    project.test_file('@pytest.mark.graysplit(prompt="One?", metric="theirs")\ndef test_x(graysplit): pass')
    result = project.run()
    result.assert_outcomes(failed=1)
    assert section_of(result, "___ test_x ___") == (
        "unknown metric 'theirs'\n"
        "  hint: built in are lexical, exact, json, semantic, judge; your own is a conftest.py function pytest_graysplit_score  [metric-unknown]"
    )


def test_error_in_a_hook_shows_its_traceback(project):
    """It is an error of the test, and other tests still run."""
    project.write(
        "conftest.py",
        """
        def pytest_graysplit_score(metric, case, control, treatment):
            return 1 / 0 if "One" in case.prompt else None
        """,
    )
    project.test_file(TEST + '\n@pytest.mark.graysplit(prompt="Two?")\ndef test_y(graysplit): pass')
    result = project.run()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E   *ZeroDivisionError: division by zero"])


def test_redact_hook_changes_recordings_and_replays(project):
    """Prompts and replies are redacted before they are stored, and a replay finds them."""
    project.write(
        "conftest.py",
        """
        def pytest_graysplit_redact(text):
            return text.replace("jane@example.com", "[mail]")
        """,
    )
    project.test_file('@pytest.mark.graysplit(prompt="Write to jane@example.com")\ndef test_x(graysplit): pass')
    project.run().assert_outcomes(passed=1)
    stored = (project.path / "__graysplit__/test_it.jsonl").read_text(encoding="utf-8")
    assert "jane@example.com" not in stored
    assert "[mail]" in stored
    project.run("--graysplit-record=none").assert_outcomes(passed=1)
    assert project.sent() == 2


def test_summary_hook_adds_a_line(project):
    """The hook reads the results; under -q its line is left out."""
    project.write("conftest.py", "def pytest_graysplit_summary(results): return f'cases so far: {len(results.rows)}'")
    project.test_file(TEST)
    assert "cases so far: 1" in project.run().outlines
    assert "cases so far: 1" not in project.run("-q").outlines


@pytest.mark.parametrize("gate", ["case", "none"])
@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_key_in_a_reply_is_written_nowhere(project, workers, gate):
    """Recordings, reports, failures, JUnit XML and output lack the key, although the relay repeats it in a reply."""
    project.relay.control(faults=[{"kind": "text", "text": f"Your key is {KEY}.", "times": None}])
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", expect={"contains": "Paris"})
        def test_x(graysplit):
            assert graysplit.treatment.text == "Rome"
        """
    )
    arguments = ["--graysplit-json=report.json", "--junitxml=junit.xml", f"--graysplit-gate={gate}", "-vv", "-l"]
    result = project.run(*arguments, *workers)
    assert project.sent() == 2
    assert KEY not in all_written_text(project, result)


ECHOED = {
    "model": f"gpt-{KEY}",
    "id": f"chatcmpl-{KEY}",
    "system_fingerprint": f"fp_{KEY}",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {
                "role": "assistant",
                "content": "Paris",
                "tool_calls": [
                    {"id": KEY, "type": "function", "function": {"name": KEY, "arguments": f'{{"a": "{KEY}"}}'}}
                ],
            },
        }
    ],
}


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_key_in_other_fields_of_a_response_is_written_nowhere(project, workers):
    """The relay repeats it in the served model, in ids, and in the arguments of tool calls."""
    project.relay.control(faults=[{"kind": "fields", "fields": ECHOED, "times": None}])
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", min_similarity=1.0)
        def test_x(graysplit):
            print(graysplit.treatment, graysplit.control)
            assert graysplit.treatment.tool_calls == graysplit.treatment.response_id
        """
    )
    result = project.run("--graysplit-json=report.json", "--junitxml=junit.xml", "-vv", "-l", "-rA", *workers)
    assert project.sent() == 2
    assert "answered: " in str(result.stdout)
    assert KEY not in all_written_text(project, result)
    assert project.report()["arms"][0]["served_models"] == {"gpt-[redacted]": 1}


def test_key_in_an_error_of_the_relay_is_written_nowhere(project):
    """The relay repeats the key in its error message."""
    project.relay.control(faults=[{"kind": "400", "message": f"bad key {KEY}", "times": None}])
    project.test_file(TEST)
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert KEY not in all_written_text(project, result)


def test_key_is_not_an_option(project):
    """A key on a command line would end up in logs."""
    result = project.run_without_models(f"--graysplit-api-key={KEY}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
