"""The hooks of a conftest.py, and secrets that are stored and shown nowhere."""

import pytest

KEY = "made-up-key-0123456789"
TEST = '@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass\n'


def everything_written(project, result):
    """All that a run has left behind: its output and every file below the project."""
    files = [path.read_text("utf-8", "replace") for path in project.path.rglob("*") if path.is_file()]
    return "\n".join([result.stdout.str(), result.stderr.str(), *files])


def test_a_request_may_be_changed_before_it_is_looked_up_or_sent(project):
    """The change is part of the recording's key: without it the recording is not found."""
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


def test_a_metric_of_ones_own_scores_pairs(project):
    """Under a name of its own, held to the threshold as any metric is."""
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


def test_a_metric_that_no_hook_knows_is_a_message(project, section):
    """The hook is there and leaves the name to the next, and there is none."""
    project.write("conftest.py", "def pytest_graysplit_score(metric, case, control, treatment): return None")
    project.test_file('@pytest.mark.graysplit(prompt="One?", metric="theirs")\ndef test_x(graysplit): pass')
    result = project.run()
    result.assert_outcomes(failed=1)
    assert section(result, "___ test_x ___") == (
        "unknown metric 'theirs'\n"
        "  hint: built in are lexical, exact, json, semantic, judge; your own is a conftest.py function pytest_graysplit_score  [metric-unknown]"
    )


def test_a_hook_that_breaks_shows_its_own_traceback(project):
    """What the user's code raises is the test's to show, and stops nothing else."""
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


def test_what_must_not_be_stored_is_taken_out(project):
    """Prompts and answers pass through the hook on their way to the disk, and are found again afterwards."""
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


def test_a_line_may_be_added_to_the_summary(project):
    """The hook reads the results; under -q it is left out."""
    project.write("conftest.py", "def pytest_graysplit_summary(results): return f'cases so far: {len(results.rows)}'")
    project.test_file(TEST)
    assert "cases so far: 1" in project.run().outlines
    assert "cases so far: 1" not in project.run("-q").outlines


@pytest.mark.parametrize("gate", ["case", "none"])
@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_the_key_is_nowhere_even_if_a_model_says_it(project, workers, gate):
    """Not in recordings, reports, failures, JUnit or output, though the relay echoes it in an answer."""
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
    assert KEY not in everything_written(project, result)


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


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_the_key_is_nowhere_even_if_a_relay_writes_it_into_other_fields(project, workers):
    """Into the served model, which the summary names, into ids and into the arguments of calls."""
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
    assert KEY not in everything_written(project, result)
    assert project.report()["arms"][0]["served_models"] == {"gpt-[redacted]": 1}


def test_the_key_is_not_in_an_error_of_the_relay(project):
    """A relay that repeats the key in its refusal."""
    project.relay.control(faults=[{"kind": "400", "message": f"bad key {KEY}", "times": None}])
    project.test_file(TEST)
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert KEY not in everything_written(project, result)


def test_the_key_cannot_be_an_option(project):
    """A key on a command line ends up in logs."""
    result = project.bare(f"--graysplit-api-key={KEY}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
