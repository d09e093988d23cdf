"""The graysplit marker: its fields, the order in which marks are merged, and the messages for invalid ones."""

import pytest

from pytest_graysplit.cases.fields import MARKER_FIELDS

KNOWN = ", ".join((*MARKER_FIELDS, "cases", "asserts", "swap"))


def sent_prompts(project):
    """Return the last message of every request, sorted and without duplicates."""
    return sorted({body["messages"][-1]["content"] for body in project.relay.stats()["bodies"]})


@pytest.mark.parametrize(
    ("source", "prompts"),
    [
        (
            """
            @pytest.mark.graysplit(prompt="Capital of France?")
            def test_x(graysplit):
                assert graysplit.control.text == "Answer of claude-sonnet-4.5 to: Capital of France?"
                assert graysplit.treatment.text == "Answer of deepseek-v3.2 to: Capital of France?"
            """,
            ["Capital of France?"],
        ),
        (
            """
            @pytest.mark.graysplit(
                messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
            def test_x(graysplit):
                assert graysplit.case.messages[0]["content"] == "Be brief."
            """,
            ["Hi"],
        ),
        (
            """
            @pytest.mark.graysplit
            @pytest.mark.parametrize("prompt", ["One?", "Two?"])
            def test_x(graysplit, prompt):
                assert prompt in graysplit.control.text
            """,
            ["One?", "Two?"],
        ),
        (
            """
            @pytest.mark.graysplit(system="Be brief.")
            @pytest.mark.parametrize("messages", [[{"role": "user", "content": "One?"}]])
            def test_x(graysplit, messages):
                assert [message["role"] for message in graysplit.case.messages] == ["system", "user"]
            """,
            ["One?"],
        ),
        (
            """
            @pytest.mark.graysplit(tags=["all"])
            @pytest.mark.parametrize("case", [{"id": "first", "prompt": "One?", "tags": ["own"]}, {"prompt": "Two?"}])
            def test_x(graysplit, case):
                assert (graysplit.case.id, graysplit.case.tags) == (
                    ("first", ("own",)) if "id" in case else ("test_x[case1]", ("all",)))
            """,
            ["One?", "Two?"],
        ),
        (
            """
            from pytest_graysplit import Case

            @pytest.mark.graysplit(max_latency_s=50)
            @pytest.mark.parametrize("case", [Case(id="made", messages=({"role": "user", "content": "One?"},))])
            def test_x(graysplit, case):
                assert (graysplit.case.id, graysplit.case.max_latency_s, case.max_latency_s) == ("made", 50, None)
            """,
            ["One?"],
        ),
    ],
    ids=[
        "prompt",
        "messages",
        "parametrized-prompt",
        "parametrized-messages",
        "parametrized-dict",
        "parametrized-case",
    ],
)
def test_marker_prompt_may_come_from_an_argument(project, source, prompts):
    """Every way to give a prompt sends it once to each model."""
    project.test_file(source)
    result = project.run()
    result.assert_outcomes(passed=len(prompts))
    assert sent_prompts(project) == prompts
    assert project.sent() == 2 * len(prompts)


def test_marker_with_a_case_file_gives_one_item_per_case(project):
    """`cases=` names a file beside the test file, and a `case` argument receives each case."""
    project.write("tests/support.jsonl", '{"id": "a", "prompt": "One?"}\n{"id": "b", "prompt": "Two?"}\n')
    project.test_file(
        """
        @pytest.mark.graysplit(cases="support.jsonl", max_latency_s=60)
        def test_x(graysplit, case):
            assert graysplit.case.id == case.id
            assert (graysplit.case.max_latency_s, case.max_latency_s) == (60, None)

        @pytest.mark.graysplit(cases="support.jsonl")
        def test_y(graysplit):
            assert graysplit.case.where.startswith("tests/support.jsonl:")
        """,
        "tests/test_it.py",
    )
    result = project.run("-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*::test_x[[]a[]] PASSED*", "*::test_y[[]b[]] PASSED*"])
    assert sent_prompts(project) == ["One?", "Two?"]
    assert project.sent() == 4


def test_marks_of_module_class_and_function_are_merged_by_field(project):
    """The nearest mark wins for each field."""
    project.test_file(
        """
        pytestmark = pytest.mark.graysplit(max_latency_ratio=1000, max_latency_s=50, tags=["module"])

        @pytest.mark.graysplit(max_latency_s=40, cluster="c")
        class TestAll:
            @pytest.mark.graysplit(prompt="One?", tags="own")
            def test_x(self, graysplit):
                case = graysplit.case
                assert (case.max_latency_ratio, case.max_latency_s) == (1000, 40)
                assert (case.tags, case.cluster) == (("own",), "c")

            @pytest.mark.graysplit(prompt="One?", max_latency_ratio=None)
            def test_none_takes_back(self, graysplit):
                assert graysplit.case.max_latency_ratio is None
        """
    )
    project.run().assert_outcomes(passed=2)


def test_marker_fields_reach_the_case_and_the_request(project):
    """Parameters are sent, samples are requested, and the other fields are in the case."""
    project.test_file(
        """
        @pytest.mark.graysplit(
            prompt="One?", system="Be brief.", params={"temperature": 0, "top_p": None}, samples=2, tags=["t"],
            cluster="c", must_pass=True, expect={"contains": "Answer"}, metric="exact", max_cost_usd=1,
            max_latency_ratio=1000, max_latency_s=50)
        def test_x(graysplit):
            case = graysplit.case
            assert (case.tags, case.cluster, case.must_pass, case.samples) == (("t",), "c", True, 2)
            assert case.expect.contains == ("Answer",)
            assert (graysplit.metric, graysplit.similarity) == ("exact", 0.0)
            assert len(graysplit.control_samples) == len(graysplit.treatment_samples) == 2
        """
    )
    project.run().assert_outcomes(passed=1)
    bodies = project.relay.stats()["bodies"]
    assert len(bodies) == 4
    assert all(set(body) == {"model", "messages", "temperature"} for body in bodies)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (
            'promt="One?"',
            (
                f"test_it.py:3: promt: unknown field, did you mean prompt?\n"
                f"  hint: valid names: {KNOWN}  [case-field-unknown]"
            ),
        ),
        (
            'prompt="One?", temperature=0',
            (
                "test_it.py:3: temperature: unknown field\n"
                '  hint: it is a request parameter: write params: {"temperature": ...}  [case-field-unknown]'
            ),
        ),
        (
            'prompt="One?", min_similarity="high"',
            (
                "test_it.py:3: min_similarity: expected a number from 0 to 1, or auto, got 'high'\n"
                "  hint: write a plain number such as 3 or 0.75, without quotes  [case-field-type]"
            ),
        ),
        (
            '"One?"',
            (
                "test_it.py:3: @pytest.mark.graysplit takes names only, got 'One?'\n"
                f"  hint: write @pytest.mark.graysplit(prompt=...) or another of: {KNOWN}  [marker-positional]"
            ),
        ),
        (
            "max_latency_s=3",
            (
                "test_it.py:3: the marked test has no prompt\n"
                '  hint: give one: @pytest.mark.graysplit(prompt="..."), cases="file.jsonl", or parametrize "prompt"'
                "  [case-prompt-missing]"
            ),
        ),
        (
            "prompt=7",
            "test_it.py:3: prompt: expected a text, got 7\n  hint: put the value in quotes  [case-field-type]",
        ),
        (
            'prompt=" "',
            "test_it.py:3: prompt: is blank\n  hint: write the text, or leave the field out  [case-field-type]",
        ),
        (
            "cases=7",
            (
                "test_it.py:3: cases: expected the path of a case file, got 7\n"
                '  hint: write cases="support.jsonl", relative to the test file  [case-field-type]'
            ),
        ),
        (
            'cases="support.jsonl"',
            "support.jsonl: no such file\n  hint: case files there: none  [case-file-missing]",
        ),
        (
            'cases="support.jsonl", prompt="One?"',
            (
                "test_it.py:3: both cases and prompt\n"
                "  hint: the prompts are in the case file; keep one of the two  [case-field-clash]"
            ),
        ),
        (
            'prompt="One?", metric="lexicl"',
            (
                "test_it.py:3: unknown metric 'lexicl', did you mean lexical?\n"
                "  hint: built in are lexical, exact, json, semantic, judge; your own is a conftest.py function "
                "pytest_graysplit_score  [metric-unknown]"
            ),
        ),
    ],
)
def test_invalid_marker_is_one_collection_error(project, section_of, mark, message):
    """The message is place, problem and remedy without a traceback, and nothing is sent."""
    project.test_file(f"@pytest.mark.graysplit({mark})\ndef test_x(graysplit): pass")
    result = project.run()
    assert section_of(result, "ERROR collecting") == message
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.sent() == 0


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        (
            "prompt",
            "7",
            "[test_x[7]]: prompt: expected a text, got 7\n  hint: put the value in quotes  [case-field-type]",
        ),
        (
            "prompt",
            "''",
            "[test_x[]]: prompt: is blank\n  hint: write the text, or leave the field out  [case-field-type]",
        ),
        (
            "messages",
            "[[]]",
            (
                "[test_x[messages0]]: messages[0]: expected an object, got []\n"
                '  hint: write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
                "  [case-field-type]"
            ),
        ),
        (
            "case",
            "{'id': 'a'}",
            (
                "[test_x[case0]]: no prompt\n"
                '  hint: write prompt: "your text", or messages: [{"role": "user", "content": "your text"}]'
                "  [case-prompt-missing]"
            ),
        ),
        (
            "case",
            "'One?'",
            (
                "[test_x[One?]]: case: expected a dict of fields or a Case, got 'One?'\n"
                '  hint: write {"prompt": "..."}, or call the argument prompt  [case-field-type]'
            ),
        ),
    ],
)
def test_invalid_parametrized_value_is_named_with_its_item(project, section_of, argument, value, message):
    """The message names the line of the test and the item, once per function."""
    project.test_file(
        f"""
        @pytest.mark.graysplit
        @pytest.mark.parametrize({argument!r}, ["fine", {value}] if {argument!r} == "prompt" else [{value}])
        def test_x(graysplit, {argument}): pass
        """
    )
    result = project.run()
    assert section_of(result, "ERROR collecting") == f"test_it.py:3{message}"
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_tags_of_marker_and_case_file_select_tests(project):
    """`-k` finds a test by its tags."""
    project.write("support.jsonl", '{"id": "a", "prompt": "One?", "tags": ["slow"]}\n{"id": "b", "prompt": "Two?"}\n')
    project.test_file(
        """
        @pytest.mark.graysplit(cases="support.jsonl")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Three?", tags=["slow"])
        def test_y(graysplit): pass
        """
    )
    result = project.run("-k", "slow", "-v")
    assert result.parseoutcomes() == {"passed": 2, "deselected": 1}
    assert sent_prompts(project) == ["One?", "Three?"]


def test_marked_test_needs_no_fixture_of_ours(project):
    """A test with only the marker is fetched, compared and checked against its thresholds."""
    project.test_file('@pytest.mark.graysplit(prompt="One?", max_latency_s=60)\ndef test_x(): pass')
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=1)
    assert [arm["passed"] for arm in project.report()["arms"]] == [1, 1]
