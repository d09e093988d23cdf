"""The pytest session of `graysplit suite check`: wrong answers stand in for the control's recorded ones."""

import json

import pytest
from quiet import QUIET

PLUGIN = "pytest_graysplit.plugin.suite_check"
CONTROL = "claude-sonnet-4.5"
WEAK = "deepseek-v3.2"


@pytest.fixture
def check(project):
    """Return a function that checks the suite of the project, and returns the findings by case id."""

    def run(*arguments, control=CONTROL, code=None):
        path = project.path / "findings.json"
        named = [f"--graysplit-control={control}"] if control else []
        options = ["-p", PLUGIN, f"--graysplit-suite-check={path}", *named]
        result = project.pytester.runpytest_inprocess(*QUIET, *options, *arguments)
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        if code is not None:
            assert result.ret == code, result.stdout.str() + result.stderr.str()
        assert project.sent() == 0
        return found

    return run


def cases_of(found):
    return {case["name"]: case for case in found["cases"]}


def states_of(case, kind):
    return {mutant["what"]: mutant["state"] for mutant in case["mutants"] if mutant["kind"] == kind}


def caught_kinds(case):
    return {mutant["kind"] for mutant in case["mutants"] if mutant["state"] == "caught"}


def test_case_file_notices_by_its_expectations(project, check):
    """The number is expected, the negation is not, and nothing is sent, recorded or reported."""
    project.write(
        "shop.graysplit.yaml",
        """
        - {id: window, prompt: "How long?", expect: {contains: "30 days"}}
        - {id: idle, prompt: "Why?"}
    """,
    )
    project.record("window", "How long?", file="shop", text="You can return it within 30 days.", model=CONTROL)
    project.record("idle", "Why?", file="shop", text="Shipping is free for you above 60 euros.", model=CONTROL)
    before = sorted(path for path in project.path.rglob("*.jsonl"))
    found = check("--graysplit-json=report.json", code=0)
    cases = cases_of(found)
    window, idle = cases["window"], cases["idle"]
    assert (window["state"], window["asserted"], window["passes"]) == ("checked", True, True)
    assert caught_kinds(window) == {"number", "refusal", "cut-off", "neighbour"}
    assert set(states_of(window, "negation").values()) == {"missed"}
    assert window["mutants"][0]["checks"] == ["expect.contains[0]"]
    assert (idle["state"], idle["asserted"], caught_kinds(idle)) == ("checked", False, set())
    assert not (project.path / "report.json").exists()
    assert sorted(path for path in project.path.rglob("*.jsonl")) == before


def test_body_judges_every_wrong_answer(project, check):
    """Asserts of both fixtures count; a bug that only a wrong answer shows counts for no model."""
    project.test_file("""
        import json

        @pytest.mark.graysplit(prompt="one")
        def test_pair(graysplit):
            assert "30" in graysplit.treatment.text

        @pytest.mark.graysplit(prompt="two")
        def test_arm(graysplit_reply):
            assert graysplit_reply.json()["id"] == 5
    """)
    project.record("test_pair", "one", text="It is 30 days.", model=CONTROL)
    project.record("test_arm", "two", text='{"id": 5, "to": "Ada"}', model=CONTROL)
    cases = cases_of(check(code=0))
    assert "number" in caught_kinds(cases["test_pair"])
    assert states_of(cases["test_arm"], "number") == {next(iter(states_of(cases["test_arm"], "number"))): "caught"}
    assert states_of(cases["test_arm"], "json-field") == {'without "id"': "broke", 'without "to"': "missed"}


def test_threshold_and_guards_notice(project, check):
    """With a threshold the guards veto a changed number that similarity alone would let pass."""
    project.write(
        "shop.graysplit.yaml",
        """
        - {id: window, prompt: "How long?", min_similarity: 0.5, max_latency_ratio: 0.1, max_latency_s: 0.001}
    """,
    )
    project.record("window", "How long?", file="shop", text="You can return the lamp within 30 days.", model=CONTROL)
    window = cases_of(check(code=0))["window"]
    assert (window["state"], caught_kinds(window)) == ("checked", {"number", "negation", "refusal"})
    assert {"guard.number-changed"} <= {check for mutant in window["mutants"] for check in mutant["checks"]}


def test_cases_that_cannot_be_checked_say_why(project, check):
    """Not recorded, wrong already, judged by a model, sent from a body, skipped, broken: none of them counts."""
    project.write(
        "pyproject.toml",
        """
        [tool.graysplit.judge]
        model = "gpt-4.1"
    """,
    )
    project.write(
        "shop.graysplit.yaml",
        """
        - {id: unrecorded, prompt: "a", expect: {contains: x}}
        - {id: fails, prompt: "b", expect: {contains: x}}
        - {id: judged, prompt: "c", metric: judge, min_similarity: 0.5}
        - {id: shown, prompt: "h", metric: judge, expect: {contains: "no"}}
    """,
    )
    project.test_file("""
        def test_relay(graysplit_relay):
            assert graysplit_relay.compare("d").treatment.text

        @pytest.mark.graysplit(samples=2)
        def test_app(graysplit_app):
            raise RuntimeError("never run")

        @pytest.mark.skip
        @pytest.mark.graysplit(prompt="e")
        def test_skipped(graysplit):
            assert graysplit

        @pytest.mark.graysplit(prompt="f")
        def test_broken(graysplit):
            assert graysplit.treatment.texts

        @pytest.mark.graysplit(prompt="g")
        def test_flaky(graysplit, seen=[]):
            seen.append(1)
            assert len(seen) == 1

        def test_of_others():
            raise RuntimeError("never run")
    """)
    for case, prompt in (("fails", "b"), ("judged", "c"), ("shown", "h")):
        project.record(case, prompt, file="shop", text="no", model=CONTROL)
    for case, prompt in (("test_broken", "f"), ("test_flaky", "g")):
        project.record(case, prompt, text="It is 30 days.", model=CONTROL)
    cases = cases_of(check(code=0))
    assert caught_kinds(cases.pop("shown")) == {"negation", "refusal", "neighbour"}  # its judge decides nothing
    assert {name: (case["state"], case["mutants"]) for name, case in cases.items()} == {
        "unrecorded": ("unrecorded", []),
        "fails": ("fails", []),
        "judged": ("judged", []),
        "test_it.py::test_relay": ("from-body", []),
        "test_app": ("application", []),
        "test_skipped": ("skipped", []),
        "test_broken": ("broken", []),
        "test_flaky": ("unstable", []),
    }


def test_prompt_of_a_fixture_and_scopes(project, check):
    """The plan is known only during the test; fixtures of a module are set up for each pass, not for each answer."""
    project.test_file("""
        @pytest.fixture(scope="module")
        def counted():
            with open("setups.txt", "a") as file:
                file.write("x")

        @pytest.fixture
        def prompt(request):
            return request.param

        @pytest.mark.graysplit(min_similarity=0.9)
        @pytest.mark.parametrize("prompt", ["a", "b"], indirect=True)
        def test_it(graysplit, counted, prompt):
            assert graysplit.treatment.text
    """)
    project.record("test_it[a]", "a", text="It is 30 days.", model=CONTROL)
    project.record("test_it[b]", "b", text="Shipping is free for you.", model=CONTROL)
    cases = cases_of(check(code=0))
    assert {name: case["state"] for name, case in cases.items()} == {"test_it[a]": "checked", "test_it[b]": "checked"}
    assert "neighbour" in caught_kinds(cases["test_it[a]"])
    assert (project.path / "setups.txt").read_text() == "xx"


def test_other_recorded_answers_are_counted_apart(project, check):
    """The control's second answer and another model's: they may be right, so they are not tried as wrong answers."""
    project.write(
        "shop.graysplit.yaml",
        """
        - {id: one, prompt: "a", expect: {contains: "30"}}
        - {id: two, prompt: "b", expect: {contains: "free"}}
    """,
    )
    for case, prompt, text, again, other in (
        ("one", "a", "30 days.", "31 days.", "30!"),
        ("two", "b", "It is free.", "It is free.", "No."),
    ):
        project.record(case, prompt, file="shop", text=text, model=CONTROL)
        project.record(case, prompt, file="shop", text=again, model=CONTROL, sample=1)
        project.record(case, prompt, file="shop", text=other, model=WEAK)
    found = check(code=0)
    assert found["again"] == {"model": "", "cases": 2, "lost": 1, "won": 0}
    assert found["others"] == [{"model": WEAK, "cases": 2, "lost": 1, "won": 0}]
    assert found["control"] == CONTROL


def test_findings_do_not_depend_on_options_of_a_usual_run(project, check):
    """An own treatment, an early stop, -x, workers, and tests in another order give the same findings."""
    project.write(
        "shop.graysplit.yaml",
        """
        - {id: one, prompt: "a", expect: {contains: "30"}}
        - {id: two, prompt: "b", expect: {contains: "free"}}
    """,
    )
    project.record("one", "a", file="shop", text="It is 30 days.", model=CONTROL)
    project.record("two", "b", file="shop", text="It is free.", model=CONTROL)
    usual = check(code=0)
    project.write(
        "conftest.py",
        """
        def pytest_collection_modifyitems(items):
            items.reverse()
    """,
    )
    others = [f"--graysplit-treatment={WEAK}", "--graysplit-early-stop", "--graysplit-record=all", "-x", "-n2"]
    assert check(*others, "--graysplit-gate=verdict", "--junitxml=junit.xml", code=0) == usual
    assert not (project.path / "junit.xml").exists()


def test_control_must_be_named(project, check):
    """The error names the option, and goes into the file for the command."""
    project.write(
        "shop.graysplit.yaml",
        """
        - {id: one, prompt: "a", expect: {contains: "30"}}
    """,
    )
    found = check(control=None, code=4)
    assert found["error"][2] == "control-missing"
