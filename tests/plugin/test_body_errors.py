"""Failed tests: an assertion counts against the model, a bug of the test counts for no model and is never forgiven."""

import json

import pytest

from pytest_graysplit.errors import ReplyNotJsonError
from pytest_graysplit.plugin.evaluate.body_errors import NoAnswer, in_one_line, is_failed_expectation

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
ANSWER = 'The order is ```json\n{"status": "open", "lines": [{"price": "12"}]}\n``` as asked'


def raised(call):
    with pytest.raises(BaseException) as caught:  # noqa: PT011 # any kind of error
        call()
    return caught.value


def refused_by_pydantic(value):
    pydantic = pytest.importorskip("pydantic")
    return raised(lambda: pydantic.TypeAdapter(int).validate_python(value))


def refused_by_jsonschema(value):
    import jsonschema

    return raised(lambda: jsonschema.validate(value, {"type": "boolean"}))


@pytest.mark.parametrize(
    "error",
    [
        AssertionError("x"),
        type("OwnError", (AssertionError,), {})("x"),
        pytest.fail.Exception("x"),
        ReplyNotJsonError("x", hint="", slug=""),
        ExceptionGroup("both", [AssertionError("x"), pytest.fail.Exception and AssertionError("y")]),
        BaseExceptionGroup("failed", [pytest.fail.Exception("x")]),
        raised(lambda: json.loads(ANSWER)),
        raised(lambda: json.loads("The order is")),
        refused_by_jsonschema("open"),
        refused_by_jsonschema({"price": "12"}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_assertions_and_rejected_replies_are_misses(error):
    """The model gave another reply than the test asked for."""
    assert is_failed_expectation(error, [ANSWER])


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyError("status"),
        NameError("x"),
        ZeroDivisionError(),
        SystemExit(1),
        NoAnswer("x"),
        ExceptionGroup("one of them", [AssertionError("x"), KeyError("y")]),
        raised(lambda: json.loads("not of the answer")),
        raised(lambda: json.loads(" ")),
        refused_by_jsonschema({"price": 13}),
        refused_by_jsonschema("closed"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_bugs(error):
    """Nothing in these errors points to the model."""
    assert not is_failed_expectation(error, [ANSWER])
    assert not is_failed_expectation(error, [])


def test_pydantic_error_about_a_reply_is_a_miss():
    """The rejected value is the reply or part of its JSON; a rejected value of the test itself is a bug."""
    assert is_failed_expectation(refused_by_pydantic("open"), [ANSWER])
    assert is_failed_expectation(refused_by_pydantic([{"price": "12"}]), [ANSWER])
    assert not is_failed_expectation(refused_by_pydantic("closed"), [ANSWER])


def test_error_line_names_the_kind_of_error():
    """An AssertionError is shown without its kind."""
    assert in_one_line(AssertionError("first\nsecond")) == "first"
    assert in_one_line(KeyError("status")) == "KeyError: 'status'"
    assert in_one_line(ZeroDivisionError()) == "ZeroDivisionError: ZeroDivisionError"


BUGS = {
    "value": "raise ValueError('no')",
    "zero": "1 / 0",
    "key": "{}['status']",
    "name": "nowhere",
    "exit": "raise SystemExit('no')",
    "cancelled": "raise asyncio.CancelledError",
    "ours": "graysplit_relay.reply('Two?', nonsense=1)",
}
MISSES = {
    "assert": "assert not answer",
    "fail": "pytest.fail('no')",
    "json": "getattr(answer, 'treatment', answer).json()",
    "loads": "json.loads(getattr(answer, 'treatment', answer).text)",
}
ONE = """
@pytest.mark.graysplit(prompt="One?")
def test_{name}_{fixture}({fixture}, graysplit_relay):
    answer = {fixture}
    {body}
"""
FIXTURES = ("graysplit", "graysplit_reply")


def write_suite(project, bodies):
    """Write a test of each body, for each of the two fixtures."""
    tests = [ONE.format(name=name, body=body, fixture=fixture) for name, body in bodies.items() for fixture in FIXTURES]
    project.test_file("import asyncio, json\n" + "".join(tests))


def pass_counts(project):
    return {arm["role"]: (arm["passed"], arm["cases"]) for arm in project.report()["arms"]}


def passed_by_case(project):
    return {case["id"]: case["passed"] for case in project.report()["cases"]}


def test_bug_in_the_body_counts_for_no_model(project):
    """The test fails even under the gate that forgives misses, and says why."""
    write_suite(project, BUGS)
    result = project.run("--graysplit-gate=none", "--graysplit-json=report.json", "--junitxml=junit.xml")
    result.assert_outcomes(failed=3 * len(BUGS))
    cases = project.report()["cases"]
    tests = [case for case in cases if "#" not in case["id"]]
    assert len(tests) == 2 * len(BUGS)
    assert [case["id"] for case in tests if case["passed"] or any(case["misses"].values())] == []
    assert result.stdout.str().count("[body-broken]") == 3 * len(BUGS)
    assert f"{len(tests)} cases in no rate: the test body raised CancelledError: CancelledError" in result.stdout.str()
    assert "graysplit_passed" not in (project.path / "junit.xml").read_text(encoding="utf-8")


def test_assertion_in_the_body_counts_against_the_model(project):
    """The gate `none` forgives it."""
    write_suite(project, MISSES)
    result = project.run("--graysplit-gate=none", "--graysplit-json=report.json")
    assert result.ret == pytest.ExitCode.OK
    assert pass_counts(project) == {"control": (len(MISSES), 2 * len(MISSES)), "treatment": (0, 2 * len(MISSES))}


@pytest.mark.parametrize(("gate", "fixture"), [("none", "graysplit"), ("verdict", "graysplit_reply")])
def test_suite_of_bugs_is_neither_promoted_nor_rejected(project, gate, fixture):
    """All of its 60 cases have a bug."""
    project.test_file(
        f"""
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"P{{n}}" for n in range(60)])
        def test_x({fixture}, prompt): assert {fixture}.nothing
        """
    )
    result = project.run(f"--graysplit-gate={gate}", "--graysplit-json=report.json", "--tb=no", "-q")
    [comparison] = project.report()["comparisons"]
    assert (result.ret, comparison["verdict"], comparison["n"]) == (pytest.ExitCode.TESTS_FAILED, "hold", 0)


BESIDE = """
    @pytest.mark.graysplit(prompt="One?")
    def test_one_model(graysplit_reply):
        if graysplit_reply.model == "deepseek-v3.2":
            {}["status"]

    @pytest.mark.graysplit(prompt="One?", expect={"contains": "Mars"})
    def test_miss(graysplit): {}["status"]

    def test_prompts(graysplit_relay):
        answers = [graysplit_relay.compare(prompt) for prompt in ("One?", "Two?")]
        assert answers
        answers[2]

    @pytest.mark.graysplit(prompt="One?")
    def test_skip(graysplit): pytest.skip("no")

    @pytest.mark.graysplit(prompt="One?")
    def test_other_skip(graysplit): raise __import__("unittest").SkipTest("no")
"""


def test_bug_in_the_body_leaves_no_pair(project):
    """The bug occurs for one model, beside a miss, and after several prompts; a skip in the body leaves no result either."""
    project.test_file(BESIDE)
    result = project.run("--graysplit-gate=none", "--graysplit-json=report.json")
    result.assert_outcomes(passed=1, failed=3, skipped=2)
    assert passed_by_case(project) == {
        "test_one_model": {"control": True},
        "test_miss": {},
        "test_prompts#1": {},
        "test_prompts#2": {},
    }
    assert project.report()["comparisons"][0]["n"] == 0
    assert "[expect-contains]" in result.stdout.str()


@pytest.mark.parametrize("model", [CONTROL, TREATMENT])
def test_failed_call_in_the_body_is_a_miss_of_its_model(project, model):
    """The body requested both replies at once, so it says nothing about the other model."""
    project.relay.control(faults=[{"kind": "400", "model": model, "times": None}])
    project.test_file("def test_x(graysplit_relay): assert graysplit_relay.compare('One?').treatment.text")
    result = project.run("--graysplit-gate=none", "--graysplit-json=report.json")
    result.assert_outcomes()
    expected = {"control": False} if model == CONTROL else {"control": True, TREATMENT: False}
    assert passed_by_case(project) == {"test_x#1": expected}


def test_missing_recording_in_the_body_is_not_a_miss(project):
    """A missing recording says nothing about a model."""
    project.test_file("def test_x(graysplit_relay): assert graysplit_relay.compare('One?').treatment.text")
    result = project.run("--graysplit-record=none", "--graysplit-gate=none", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert "[recording-missing]" in result.stdout.str()
    assert passed_by_case(project) == {"test_x#1": {}}


SUBTESTS = """
@pytest.mark.graysplit(prompt="One?"{fields})
def test_{name}_{fixture}({fixture}, subtests):
    for number in range(3):
        with subtests.test(number=number):
            {body}
"""
SUBTESTED = {
    "pass": ("", "pass", (True, True)),
    "miss": ("", "assert number != 1", (None, False)),
    "bug": ("", "number == 1 and {}['status']", ()),
    "both": ("", "assert number != 0; number == 1 and {}['status']", ()),
    "threshold": (", min_similarity=0.99", "pass", (True, False)),
    "expect": (", expect={'contains': 'Mars'}", "pass", (False, False)),
}


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 9 brings subtests")
@pytest.mark.parametrize("gate", ["case", "none"])
def test_subtests_are_counted_with_other_assertions(project, gate):
    """Passing subtests change nothing, and a miss or a bug in one of them is counted."""
    variants = [(name, fixture, *rest) for name, rest in SUBTESTED.items() for fixture in FIXTURES]
    project.test_file(
        "".join(
            SUBTESTS.format(name=name, fixture=own, fields=fields, body=body) for name, own, fields, body, _ in variants
        )
    )
    result = project.run(f"--graysplit-gate={gate}", "--graysplit-json=report.json", "--tb=no")
    expected = {}
    for name, fixture, _, _, passed in variants:
        alone = fixture == "graysplit_reply"
        both = [not alone if one is None else one for one in passed]
        expected[f"test_{name}_{fixture}"] = dict(zip(("control", TREATMENT), both, strict=False))
    assert passed_by_case(project) == expected
    failed = {line.split()[1].partition("[")[0] for line in result.outlines if line.startswith("FAILED")}
    names = [name for name in expected if gate == "case" or "bug" in name or "both" in name]
    assert failed == {f"test_it.py::{name}" for name in names if "pass" not in name}


def test_soft_assertions_of_pytest_check_are_misses(project):
    """They count against the model also under the gate that forgives them."""
    pytest.importorskip("pytest_check")
    project.test_file(
        """
        from pytest_check import check

        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): check.is_in("Mars", graysplit.treatment.text)

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit_reply):
            with check: assert "Mars" in graysplit_reply.text
        """
    )
    project.run("--graysplit-gate=none", "--graysplit-json=report.json").assert_outcomes()
    assert pass_counts(project) == {"control": (1, 2), "treatment": (0, 2)}
    assert all(case["asserted"] for case in project.report()["cases"])
