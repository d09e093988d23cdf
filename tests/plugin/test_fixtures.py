"""The fixtures of the plugin: the values that they give, and their messages."""

import pytest

from pytest_graysplit.cases.fields import MARKER_FIELDS


def test_graysplit_fixture_gives_the_comparison(project):
    """Both replies, their similarity and their ratios are ready before the body runs."""
    project.record("test_x", "Capital of France?", model="claude-sonnet-4.5", text="Paris, the capital.", latency_s=2.0)
    project.record("test_x", "Capital of France?", model="deepseek-v3.2", text="It is Paris.", latency_s=1.0)
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="Capital of France?")
        def test_x(graysplit):
            assert (graysplit.control.text, graysplit.treatment.text) == ("Paris, the capital.", "It is Paris.")
            assert 0 < graysplit.similarity < 1
            assert graysplit.threshold is None
            assert graysplit.latency_ratio == 0.5
            assert 0 < graysplit.cost_ratio < 1
            assert graysplit.flags == ()
            assert graysplit.treatment.replayed and graysplit.treatment.served_model == "deepseek-v3.2"
            assert graysplit.treatment.usage.prompt == 10
        """
    )
    project.run().assert_outcomes(passed=1)


def test_graysplit_reply_fixture_runs_once_per_arm(project):
    """Plain asserts give each model its own pass rate, also with several treatments."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit_reply):
            assert graysplit_reply.model != "gpt-4.1"
        """
    )
    result = project.run("--graysplit-treatment=gpt-4.1", "--graysplit-json=report.json", "-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*[[]control[]] PASSED*", "*[[]deepseek-v3.2[]] PASSED*", "*[[]gpt-4.1[]] FAILED*"])
    rates = {arm["model"]: arm["pass_rate"] for arm in project.report()["arms"]}
    assert rates == {"claude-sonnet-4.5": 1.0, "deepseek-v3.2": 1.0, "gpt-4.1": 0.0}
    assert project.sent() == 3


def test_graysplit_relay_fixture_sends_prompts_of_the_body(project):
    """`compare` asks both arms, `reply` asks one; the replies are recorded under the test and replayed later."""
    project.test_file(
        """
        def test_x(graysplit_relay):
            first = graysplit_relay.compare("One?")
            assert first.treatment.text == "Answer of deepseek-v3.2 to: One?"
            second = graysplit_relay.reply([{"role": "user", "content": "Two?"}], arm="control", params={"seed": 1})
            assert second.text == "Answer of claude-sonnet-4.5 to: Two? (seed 1)"
            assert graysplit_relay.reply("Three?").model == "deepseek-v3.2"
        """
    )
    project.run().assert_outcomes(passed=1)
    project.run("--graysplit-record=none").assert_outcomes(passed=1)
    assert project.sent() == 4
    assert [reply["case"] for reply in project.recorded()] == ["test_x#1", "test_x#1", "test_x#2", "test_x#3"]


def test_graysplit_relay_fixture_asserts_thresholds_after_the_body(project, section_of):
    """The body runs to its end, and the test fails with every comparison that missed."""
    project.record("test_x#1", "One?", model="claude-sonnet-4.5", text="red")
    project.record("test_x#1", "One?", model="deepseek-v3.2", text="blue")
    project.record("named", "Two?", text="the same")
    project.test_file(
        """
        def test_x(graysplit_relay):
            graysplit_relay.compare("One?", min_similarity=0.9)
            graysplit_relay.compare("Two?", min_similarity=0.9, id="named")
            print("the body ended")
        """
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the body ended"])
    assert section_of(result, "___ test_x ___", "---- Captured") == (
        "treatment deepseek-v3.2: lexical similarity 0.10 is below 0.9\n"
        "  hint: where both answers are right, lower min_similarity, choose another metric, or use expect  [similarity-below]\n"
        "\n"
        "  case       test_x#1 (test_it.py)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: missed, ok 1.00 s <$0.0001 replayed\n"
        "  similarity 0.10 (lexical), threshold 0.9, length x1.33\n"
        "  answers    [-red-] {+blue+}"
    )


def test_graysplit_and_graysplit_reply_in_one_test_are_refused(project, section_of):
    """A test judges each model alone, or the treatment against the control."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit, graysplit_reply): pass')
    result = project.run()
    assert section_of(result, "ERROR collecting") == (
        "test_it.py:3: the test asks for graysplit and for graysplit_reply\n"
        "  hint: use graysplit_reply to judge each model alone, graysplit to judge the treatment against the control"
        "  [fixture-both]"
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize("fixture", ["graysplit", "graysplit_reply"])
def test_fixture_in_an_unmarked_test_is_refused(project, section_of, fixture):
    """The message names the test, and the fixture that needs no mark."""
    project.test_file(f"def test_x({fixture}): pass")
    result = project.run()
    result.assert_outcomes(errors=1)
    assert section_of(result, "ERROR at setup of test_x") == (
        f"the fixture {fixture} needs a marked test\n"
        '  hint: put @pytest.mark.graysplit(prompt="...") on test_x, or ask for graysplit_relay to call prompts from '
        "the body  [fixture-unmarked]"
    )


def test_user_fixture_may_use_our_fixtures(project):
    """It sees the replies before the body runs."""
    project.test_file(
        """
        @pytest.fixture
        def answer(graysplit):
            return graysplit.treatment.text

        @pytest.mark.graysplit(prompt="One?")
        def test_x(answer):
            assert answer == "Answer of deepseek-v3.2 to: One?"

        @pytest.fixture
        def own(graysplit_reply):
            return graysplit_reply.text

        @pytest.mark.graysplit(prompt="One?")
        def test_y(own):
            assert own.endswith("One?")
        """
    )
    project.run().assert_outcomes(passed=3)


def test_missing_recording_in_a_user_fixture_is_explained(project, section_of):
    """The error is our message, not an attribute error in the user's fixture."""
    project.record("test_other", "Other?")
    project.test_file(
        """
        @pytest.fixture
        def answer(graysplit):
            return graysplit.treatment.text

        @pytest.mark.graysplit(prompt="One?")
        def test_x(answer): pass

        @pytest.mark.graysplit(prompt="Other?")
        def test_other(answer): pass
        """
    )
    result = project.run("--graysplit-record=none")
    assert section_of(result, "ERROR at setup of test_x") == (
        "no recording for case 'test_x' (control, claude-sonnet-4.5)\n"
        "  __graysplit__/test_it.jsonl has one that differs:\n"
        "    case: 'test_other' -> 'test_x'\n"
        '    messages[0].content: "Other?" -> "One?"\n'
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            'compare("One?", min_similarty=1)',
            f"""
E   pytest_graysplit.errors.UsageError: test_it.py: min_similarty: unknown field, did you mean min_similarity?
E     hint: valid names: {", ".join(MARKER_FIELDS)}  [case-field-unknown]
""",
        ),
        (
            'compare("One?", metric="lexicl")',
            """
E   pytest_graysplit.errors.UsageError: test_it.py: unknown metric 'lexicl', did you mean lexical?
E     hint: built in are lexical, exact, json, semantic, judge; your own is a conftest.py function pytest_graysplit_score  [metric-unknown]
""",
        ),
        (
            'reply("One?", arm="deepseek-v3.2")',
            """
E   pytest_graysplit.errors.UsageError: test_it.py: arm: expected control or treatment, got 'deepseek-v3.2'
E     hint: the role, not the model: arm="control" or arm="treatment"  [arm-unknown]
""",
        ),
    ],
)
def test_invalid_graysplit_relay_call_shows_only_the_users_line(project, section_of, call, message):
    """The traceback has no frame of the plugin, and nothing is sent."""
    project.test_file(f"def test_x(graysplit_relay): graysplit_relay.{call}")
    result = project.run()
    result.assert_outcomes(failed=1)
    shown = section_of(result, "___ test_x ___").splitlines()
    assert shown[2] == f">   def test_x(graysplit_relay): graysplit_relay.{call}"
    assert shown[-1] == "test_it.py:3: UsageError"
    assert "\n".join(shown[4:-2]) == message.strip()
    assert project.sent() == 0


def test_graysplit_relay_fixture_skips_without_a_treatment(project):
    """An unmarked test is skipped with the same reason as a marked one."""
    project.test_file('def test_x(graysplit_relay): graysplit_relay.compare("One?")')
    result = project.run_without_models("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * no treatment model: name the candidate with --graysplit-treatment=MODEL"])


def test_graysplit_relay_fixture_works_in_a_marked_test(project):
    """Its prompts are separate cases beside the marked one."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit, graysplit_relay):
            assert graysplit_relay.compare(f"More than {graysplit.control.text}").similarity > 0
        """
    )
    project.run("--graysplit-json=report.json").assert_outcomes(passed=1)
    assert [case["id"] for case in project.report()["cases"]] == ["test_x", "test_x#1"]
    assert project.sent() == 4


def test_arms_with_different_parameters_stay_one_case(project):
    """Each arm is an item, and the treatment has another temperature; the replies are one case and one pair."""
    project.write("pyproject.toml", '[tool.graysplit.models."deepseek-v3.2".params]\ntemperature = 1\n')
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit_reply): pass
        """
    )
    project.run("--graysplit-json=report.json").assert_outcomes(passed=2)
    report = project.report()
    assert [case["id"] for case in report["cases"]] == ["test_x"]
    assert report["comparisons"][0]["n"] == 1
