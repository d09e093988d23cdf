"""A run with a cap never spends more than it, by the relay's own count, and says what it left out."""

from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
CAP = Decimal("0.05")
PRICE = {"input": "3", "output": "150"}
PRICES = "\n".join(
    ["[tool.graysplit.prices]", *(f'"{name}" = {{ input = 3, output = 150 }}' for name in (CONTROL, TREATMENT))]
)
LIMITED = "--graysplit-param=max_tokens=6"  # as long as the relay's answers are
SUITE = """
@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(60)])
def test_x(graysplit, prompt): assert graysplit.treatment.text
"""
UNASKED = "not asked: the cap of $0.05 is used up"
FAULTS = {
    "none": [],
    "many": [
        *({"kind": "429", "times": 10, "retry_after": 0.01}, {"kind": "500", "times": 3}, {"kind": "drop", "times": 2}),
        *({"kind": "bill-drop", "times": 5}, {"kind": "cut", "times": 3}, {"kind": "hang", "times": 2}),
        {"kind": "slow", "latency": 0.4, "times": 4},
    ],
}


@pytest.fixture
def suite(project, monkeypatch):
    """Sixty cases of about $0.0018 a pair, for which $0.05 are not enough, and sixteen requests in flight."""
    monkeypatch.setenv("GRAYSPLIT_CONCURRENCY", "16")
    project.relay.control(latency=0.01, prices=dict.fromkeys((CONTROL, TREATMENT), PRICE))
    project.write("pyproject.toml", PRICES)
    project.test_file(SUITE)
    return project


def billed(project):
    return Decimal(project.relay.stats()["billed"]["cost_usd"])


@pytest.mark.parametrize("workers", [["-n0"], ["-n2"], ["--maxfail=99"]], ids=["one process", "two workers", "window"])
@pytest.mark.parametrize("faults", FAULTS)
def test_a_run_never_spends_more_than_its_cap(suite, workers, faults):
    """Whatever the network does: by the relay's own count it is not over the cap, and most of the cap was used."""
    suite.relay.control(faults=FAULTS[faults])
    result = suite.run(*workers, LIMITED, "--graysplit-max-cost=0.05", "--graysplit-timeout=0.2")
    assert CAP / 2 < billed(suite) <= CAP
    counted = result.parseoutcomes()
    assert counted["skipped"] >= 60 - 30
    assert sum(counted.values()) == 61
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_run_that_stays_within_its_cap_says_nothing_of_it(suite):
    """It is green, and its worst case is no part of what it cost."""
    result = suite.run(LIMITED, "--graysplit-max-cost=1")
    result.assert_outcomes(passed=60)
    assert "cap of" not in result.stdout.str()
    assert "graysplit::" not in result.stdout.str()


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_what_was_not_asked_is_skipped_and_what_was_answered_is_kept(suite, workers):
    """A higher cap fetches only the rest, and then every case is judged."""
    first = suite.run(*workers, LIMITED, "--graysplit-max-cost=0.05", "--graysplit-json=report.json")
    sent = suite.sent()
    assert sent == len(suite.recorded()) < 120
    assert suite.report()["run"]["complete"] is False
    assert len({arm["cases"] for arm in suite.report()["arms"]}) == 1
    assert suite.report()["arms"][0]["cases"] == first.parseoutcomes()["passed"]
    second = suite.run(*workers, LIMITED, "--graysplit-max-cost=0.2", "--graysplit-json=report.json")
    second.assert_outcomes(passed=60)
    assert suite.sent() == 120
    assert suite.report()["run"]["complete"] is True


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_the_run_fails_with_an_item_of_its_own(suite, section, workers):
    """In the terminal, in JUnit XML, in the exit code, and not in what --lf would run again."""
    result = suite.run(*workers, "-rsf", LIMITED, "--graysplit-max-cost=0.05", "--junit-xml=junit.xml")
    counted = result.parseoutcomes()
    assert counted["failed"] == 1
    hint = "  hint: the next request may cost $0.0013; raise --graysplit-max-cost and run again: what was answered is kept  [budget-used-up]"
    result.stdout.fnmatch_lines(
        [
            f"the cap of $0.05 is used up: $0.0* spent, {counted['skipped']} of 60 cases were not asked",
            hint.replace("[", "[[]"),
            f"SKIPPED [[]{counted['skipped']}[]] test_it.py:3: {UNASKED}",
            "FAILED graysplit::budget - the cap of $0.05 is used up: *",
        ]
    )
    cases = ET.parse(suite.path / "junit.xml").getroot().iter("testcase")
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["budget"]
    again = suite.run("--lf", "--graysplit-record=none", LIMITED)
    assert again.parseoutcomes().get("failed", 0) == counted["skipped"]  # what is not recorded; no more, no less


def test_the_item_has_a_line_of_its_own(suite):
    """Below the tests, and neither line is mixed up with the other."""
    lines = suite.run(LIMITED, "--graysplit-max-cost=0.05", "-v").outlines
    [line] = [line for line in lines if line.startswith("graysplit::budget")]
    assert line.split()[:2] == ["graysplit::budget", "FAILED"]


def test_the_gate_none_only_says_it(suite):
    """Nothing fails the session, and the note is there."""
    result = suite.run(LIMITED, "--graysplit-max-cost=0.05", "--graysplit-gate=none")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["the cap of $0.05 is used up: *"])
    assert "graysplit::" not in result.stdout.str()


def test_a_cap_below_one_request_sends_nothing(suite, section):
    """The reason, and what one request may cost, is all there is to say."""
    result = suite.run(LIMITED, "--graysplit-max-cost=0.001")
    assert suite.sent() == 0
    assert result.parseoutcomes() == {"failed": 1, "skipped": 60}
    assert section(result, "= graysplit =", "= ") == (
        "the cap of $0.001 is used up: $0.0000 spent, 60 of 60 cases were not asked\n"
        "  hint: the next request may cost $0.0013; raise --graysplit-max-cost and run again: what was answered is kept"
        "  [budget-used-up]"
    )


def test_what_is_recorded_is_judged_for_nothing(suite):
    """A replay needs neither money nor price, limit or ledger."""
    suite.run(LIMITED).assert_outcomes(passed=60)
    suite.write("pyproject.toml", "")
    for workers in ([], ["-n2"], ["-x"]):
        result = suite.run(*workers, LIMITED, "--graysplit-max-cost=0.000001", "--graysplit-record=none")
        result.assert_outcomes(passed=60)
    assert suite.sent() == 120


def test_a_reply_alone_is_judged_alone(project):
    """`graysplit_reply`: the arm that was answered passes, the one that was not asked is skipped."""
    project.record(
        "test_x", "One?", model=CONTROL, body={"messages": [{"role": "user", "content": "One?"}], "max_tokens": 6}
    )
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit_reply): assert graysplit_reply.text')
    result = project.run(LIMITED, "--graysplit-max-cost=0.00000001", "--graysplit-json=report.json")
    assert result.parseoutcomes() == {"passed": 1, "skipped": 1, "failed": 1}
    assert [arm["cases"] for arm in project.report()["arms"]] == [1, 0]
    assert project.sent() == 0


def test_what_was_answered_of_a_case_that_is_not_judged_is_paid_for(project):
    """Its cost stays in the table, and its misses are no misses: nobody judges half a case."""
    body = {"messages": [{"role": "user", "content": "One?"}], "max_tokens": 6}
    project.record("test_x", "One?", model=CONTROL, body=body)
    project.test_file(
        '@pytest.mark.graysplit(prompt="One?", expect={"contains": "never"})\ndef test_x(graysplit): pass'
    )
    result = project.run(LIMITED, "--graysplit-max-cost=0.00000001", "--graysplit-json=report.json")
    assert result.parseoutcomes() == {"skipped": 1, "failed": 1}
    [control] = [arm for arm in project.report()["arms"] if arm["role"] == "control"]
    assert (control["cases"], control["cost_usd"]) == (0, 0.00033)


@pytest.mark.parametrize(
    "body",
    [
        "graysplit_relay.compare('New?')",
        "graysplit_relay.compare('New?').control.text",
        "graysplit_relay.reply('New?').text",
    ],
)
def test_prompts_of_a_body_are_capped_too(project, body):
    """Also where the body never looks at the answer."""
    project.test_file(f"def test_x(graysplit_relay): {body}")
    result = project.run(LIMITED, "--graysplit-max-cost=0.00000001", "-rs")
    assert result.parseoutcomes() == {"skipped": 1, "failed": 1}
    result.stdout.fnmatch_lines(["SKIPPED * not asked: the cap of $0.00000001 is used up"])
    assert project.sent() == 0


def test_a_fixture_that_asks_too_early_is_skipped(project):
    """In its setup nothing is wrong with the test either."""
    project.test_file(
        """
        @pytest.fixture
        def text(graysplit): return graysplit.treatment.text

        @pytest.mark.graysplit(prompt="One?")
        def test_x(text): assert text
        """
    )
    result = project.run(LIMITED, "--graysplit-max-cost=0.00000001")
    assert result.parseoutcomes() == {"skipped": 1, "failed": 1}


def test_a_crashed_workers_reservations_stay_spent(suite):
    """Its replacement goes on with what is left, the cap holds, and nobody waits for the dead."""
    suite.test_file(
        SUITE.replace("assert graysplit.treatment.text", "prompt == 'Prompt 5' and __import__('os')._exit(1)")
    )
    suite.relay.control(latency=0.05)
    result = suite.run("-n2", LIMITED, "--graysplit-max-cost=0.05")
    assert CAP / 2 < billed(suite) <= CAP
    assert result.parseoutcomes()["skipped"] >= 25
    assert list((suite.path / ".graysplit" / "budget").iterdir()) == []


def test_workers_of_another_machine_get_their_part(suite):
    """Reached through a proxy, they share no file with the controller: half of the cap each, and no ledger."""
    far = ["--dist=load", "--px=id=proxy//popen//execmodel=thread", "--tx=2*popen//via=proxy"]
    result = suite.run(*far, "-rs", LIMITED, "--graysplit-max-cost=0.05")
    result.stdout.fnmatch_lines([f"SKIPPED * {UNASKED}"])
    assert CAP / 2 < billed(suite) <= CAP
    assert not (suite.path / ".graysplit" / "budget").exists()
    counted = result.parseoutcomes()
    assert (counted["failed"], result.ret) == (1, pytest.ExitCode.TESTS_FAILED)
    spent = next(line for line in result.outlines if line.startswith("the cap of $0.05 is used up"))
    assert f"${billed(suite):.4f} spent, {counted['skipped']} of 60 cases" in spent


def test_a_relay_that_bills_more_than_its_price_is_told(suite):
    """The cap cannot be promised then, and the summary says why and for which model."""
    reported = {"kind": "reported", "cost": "0.004", "model": TREATMENT, "times": None}
    suite.relay.control(faults=[reported])
    result = suite.run(LIMITED, "--graysplit-max-cost=0.05", "--graysplit-concurrency=1")
    assert result.parseoutcomes()["skipped"] > 45
    result.stdout.fnmatch_lines([f"{TREATMENT} cost x3.* of the maximum that its price and limit allow; *"])


@pytest.mark.parametrize("workers", [[], ["-x"], ["-n2"]])
def test_a_model_without_a_price_is_refused_before_anything_is_sent(project, workers):
    """With the lines to add to pyproject.toml."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    project.relay.control(models=[CONTROL, "my-model"])
    result = project.run(
        "--graysplit-treatment=my-model", LIMITED, "--graysplit-max-cost=1", "--graysplit-treatment=my-own", *workers
    )
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    told = result.stdout.str() + result.stderr.str()
    assert "the cap of $1.00 cannot be kept: no price is known for my-model and my-own" in told
    assert '    "my-model" = { input = ..., output = ... }\n' in told
    assert "Traceback" not in told
    assert project.sent() == 0


@pytest.mark.parametrize("workers", [[], ["-x"]])
def test_a_request_without_a_limit_is_refused_before_anything_is_sent(project, workers):
    """One case of several has none."""
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", params={"max_completion_tokens": 50})
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): pass
        """
    )
    result = project.run("--graysplit-max-cost=1", *workers)
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    told = result.stdout.str() + result.stderr.str()
    assert f"the cap of $1.00 cannot be kept: nothing limits what {CONTROL} may answer to 'test_y'" in told
    assert "hint: add --graysplit-param=max_tokens=500" in told
    assert project.sent() == 0


def test_a_prompt_of_a_body_without_a_limit_fails_its_test(project):
    """Nobody could know of it before the body ran."""
    project.test_file("def test_x(graysplit_relay): graysplit_relay.compare('New?')")
    result = project.run("--graysplit-max-cost=1")
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["*the cap of $1.00 cannot be kept: nothing limits what *"])
    assert project.sent() == 0


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much", "$1"])
def test_a_cap_is_an_amount(project, text):
    """Anything else is refused as every option refuses it."""
    project.test_file(SUITE)
    result = project.run(f"--graysplit-max-cost={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --graysplit-max-cost: {text!r} is not an amount of US dollars above 0, such as 0.50"]
    )


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_cap_in_the_environment_that_is_no_amount_is_one_message(project, monkeypatch, workers):
    """No traceback of ours, whoever looks first."""
    monkeypatch.setenv("GRAYSPLIT_MAX_COST", "much")
    project.test_file(SUITE)
    result = project.run(*workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = result.stdout.str() + result.stderr.str()
    assert "environment GRAYSPLIT_MAX_COST: 'much' is not an amount of US dollars above 0" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("source", "workers"), [("environment", ["-n2"]), ("ini", [])])
def test_the_cap_may_stand_elsewhere(suite, monkeypatch, source, workers):
    """In the environment or in the ini file, also for workers."""
    if source == "environment":
        monkeypatch.setenv("GRAYSPLIT_MAX_COST", "0.05")
    else:
        suite.write("pytest.ini", "[pytest]\ngraysplit_max_cost = 0.05\n")
    result = suite.run(LIMITED, *workers)
    assert result.parseoutcomes()["skipped"] > 25
    assert billed(suite) <= CAP
