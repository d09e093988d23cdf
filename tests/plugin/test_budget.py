"""The cost cap of a run: by the relay's own count it is never exceeded, and the run says what it skipped."""

from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
CAP = Decimal("0.05")
PRICE = {"input": "3", "output": "150"}
PRICES = "\n".join(
    ["[tool.graysplit.prices]", *(f'"{name}" = {{ input = 3, output = 150 }}' for name in (CONTROL, TREATMENT))]
)
LIMITED = "--graysplit-param=max_tokens=6"  # the length of the relay's answers
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
    """Sixty cases at about $0.0018 per pair, which $0.05 cannot cover, with sixteen requests in flight."""
    monkeypatch.setenv("GRAYSPLIT_CONCURRENCY", "16")
    project.relay.control(latency=0.01, prices=dict.fromkeys((CONTROL, TREATMENT), PRICE))
    project.write("pyproject.toml", PRICES)
    project.test_file(SUITE)
    return project


def billed_usd(project):
    return Decimal(project.relay.stats()["billed"]["cost_usd"])


@pytest.mark.parametrize(
    "workers",
    [["-n0"], pytest.param(["-n2"], marks=pytest.mark.xdist), ["--maxfail=99"]],
    ids=["one process", "two workers", "window"],
)
@pytest.mark.parametrize("faults", FAULTS)
def test_cost_cap_is_never_exceeded(suite, workers, faults):
    """The relay's own count stays below the cap under every network failure, and most of the cap is used."""
    suite.relay.control(faults=FAULTS[faults])
    result = suite.run(*workers, LIMITED, "--graysplit-max-cost=0.05", "--graysplit-timeout=0.2")
    assert CAP / 2 < billed_usd(suite) <= CAP
    counted = result.parseoutcomes()
    assert counted["skipped"] >= 60 - 30
    assert sum(counted.values()) == 61
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_cost_cap_that_is_not_reached_is_not_mentioned(suite):
    """The run passes, and the worst-case estimate is not part of its cost."""
    result = suite.run(LIMITED, "--graysplit-max-cost=1")
    result.assert_outcomes(passed=60)
    assert "cap of" not in result.stdout.str()
    assert "graysplit::" not in result.stdout.str()


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_cost_cap_skips_the_rest_and_keeps_paid_replies(suite, workers):
    """A second run with a higher cap fetches only the rest, and every case is judged."""
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


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_used_up_cost_cap_fails_the_run_with_an_item(suite, section_of, workers):
    """The item is in the terminal, in JUnit XML and in the exit code; --lf does not select it."""
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
    assert again.parseoutcomes().get("failed", 0) == counted["skipped"]  # exactly the cases without a recording


def test_budget_item_has_its_own_line(suite):
    """The line of the item stands below those of the tests."""
    lines = suite.run(LIMITED, "--graysplit-max-cost=0.05", "-v").outlines
    [line] = [line for line in lines if line.startswith("graysplit::budget")]
    assert line.split()[:2] == ["graysplit::budget", "FAILED"]


def test_gate_none_only_notes_the_used_up_cost_cap(suite):
    """The session passes, and the note is there."""
    result = suite.run(LIMITED, "--graysplit-max-cost=0.05", "--graysplit-gate=none")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["the cap of $0.05 is used up: *"])
    assert "graysplit::" not in result.stdout.str()


def test_cost_cap_below_one_request_sends_nothing(suite, section_of):
    """The summary gives the reason and the possible cost of one request."""
    result = suite.run(LIMITED, "--graysplit-max-cost=0.001")
    assert suite.sent() == 0
    assert result.parseoutcomes() == {"failed": 1, "skipped": 60}
    assert section_of(result, "= graysplit =", "= ") == (
        "the cap of $0.001 is used up: $0.0000 spent, 60 of 60 cases were not asked\n"
        "  hint: the next request may cost $0.0013; raise --graysplit-max-cost and run again: what was answered is kept"
        "  [budget-used-up]"
    )


@pytest.mark.xdist
def test_replay_needs_no_budget(suite):
    """A replay needs neither money nor price, token limit or ledger."""
    suite.run(LIMITED).assert_outcomes(passed=60)
    suite.write("pyproject.toml", "")
    for workers in ([], ["-n2"], ["-x"]):
        result = suite.run(*workers, LIMITED, "--graysplit-max-cost=0.000001", "--graysplit-record=none")
        result.assert_outcomes(passed=60)
    assert suite.sent() == 120


def test_cost_cap_skips_one_arm_of_a_reply_test(project):
    """With `graysplit_reply` the arm with a reply passes, and the arm without one is skipped."""
    project.record(
        "test_x", "One?", model=CONTROL, body={"messages": [{"role": "user", "content": "One?"}], "max_tokens": 6}
    )
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit_reply): assert graysplit_reply.text')
    result = project.run(LIMITED, "--graysplit-max-cost=0.00000001", "--graysplit-json=report.json")
    assert result.parseoutcomes() == {"passed": 1, "skipped": 1, "failed": 1}
    assert [arm["cases"] for arm in project.report()["arms"]] == [1, 0]
    assert project.sent() == 0


def test_cost_of_a_case_without_a_result_is_counted(project):
    """The cost of its one reply is in the table, but half a case is not judged, so it has no miss."""
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
def test_cost_cap_covers_prompts_of_a_test_body(project, body):
    """The test is skipped also where the body never reads the reply."""
    project.test_file(f"def test_x(graysplit_relay): {body}")
    result = project.run(LIMITED, "--graysplit-max-cost=0.00000001", "-rs")
    assert result.parseoutcomes() == {"skipped": 1, "failed": 1}
    result.stdout.fnmatch_lines(["SKIPPED * not asked: the cap of $0.00000001 is used up"])
    assert project.sent() == 0


def test_cost_cap_skips_a_test_whose_fixture_asks_first(project):
    """A missing reply in the setup is not an error of the test."""
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


@pytest.mark.xdist
def test_reservations_of_a_crashed_worker_stay_spent(suite):
    """The replacement continues with the rest of the cap and does not wait for the crashed worker."""
    suite.test_file(
        SUITE.replace("assert graysplit.treatment.text", "prompt == 'Prompt 5' and __import__('os')._exit(1)")
    )
    suite.relay.control(latency=0.05)
    result = suite.run("-n2", LIMITED, "--graysplit-max-cost=0.05")
    assert CAP / 2 < billed_usd(suite) <= CAP
    assert result.parseoutcomes()["skipped"] >= 25
    assert list((suite.path / ".graysplit" / "budget").iterdir()) == []


@pytest.mark.xdist
def test_remote_workers_get_a_share_of_the_cost_cap(suite):
    """Workers behind a proxy share no file with the controller: each gets half of the cap, and there is no ledger."""
    far = ["--dist=load", "--px=id=proxy//popen//execmodel=thread", "--tx=2*popen//via=proxy"]
    result = suite.run(*far, "-rs", LIMITED, "--graysplit-max-cost=0.05")
    result.stdout.fnmatch_lines([f"SKIPPED * {UNASKED}"])
    assert CAP / 2 < billed_usd(suite) <= CAP
    assert not (suite.path / ".graysplit" / "budget").exists()
    counted = result.parseoutcomes()
    assert (counted["failed"], result.ret) == (1, pytest.ExitCode.TESTS_FAILED)
    spent = next(line for line in result.outlines if line.startswith("the cap of $0.05 is used up"))
    assert f"${billed_usd(suite):.4f} spent, {counted['skipped']} of 60 cases" in spent


def test_price_overrun_of_the_relay_is_reported(suite):
    """The cap cannot be guaranteed then, and the summary says why and for which model."""
    reported = {"kind": "reported", "cost": "0.004", "model": TREATMENT, "times": None}
    suite.relay.control(faults=[reported])
    result = suite.run(LIMITED, "--graysplit-max-cost=0.05", "--graysplit-concurrency=1")
    assert result.parseoutcomes()["skipped"] > 45
    result.stdout.fnmatch_lines([f"{TREATMENT} cost x3.* of the maximum that its price and limit allow; *"])


@pytest.mark.parametrize("workers", [[], ["-x"], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_cost_cap_refuses_a_model_without_a_price(project, workers):
    """The message gives the lines to add to pyproject.toml, and nothing is sent."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    project.relay.control(models=[CONTROL, "my-model"])
    result = project.run(
        "--graysplit-treatment=my-model", LIMITED, "--graysplit-max-cost=1", "--graysplit-treatment=my-own", *workers
    )
    assert result.ret not in (pytest.ExitCode.OK, pytest.ExitCode.INTERNAL_ERROR)
    output = result.stdout.str() + result.stderr.str()
    assert "the cap of $1.00 cannot be kept: no price is known for my-model and my-own" in output
    assert '    "my-model" = { input = ..., output = ... }\n' in output
    assert "Traceback" not in output
    assert project.sent() == 0


@pytest.mark.parametrize("workers", [[], ["-x"]])
def test_cost_cap_refuses_a_request_without_a_token_limit(project, workers):
    """One of two cases has no limit, and nothing is sent."""
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
    output = result.stdout.str() + result.stderr.str()
    assert f"the cap of $1.00 cannot be kept: nothing limits what {CONTROL} may answer to 'test_y'" in output
    assert "hint: add --graysplit-param=max_tokens=500" in output
    assert project.sent() == 0


def test_cost_cap_fails_a_body_prompt_without_a_token_limit(project):
    """The prompt is unknown before the body runs."""
    project.test_file("def test_x(graysplit_relay): graysplit_relay.compare('New?')")
    result = project.run("--graysplit-max-cost=1")
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(["*the cap of $1.00 cannot be kept: nothing limits what *"])
    assert project.sent() == 0


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "much", "$1"])
def test_invalid_cost_cap_option_is_a_usage_error(project, text):
    """The message is that of every option."""
    project.test_file(SUITE)
    result = project.run(f"--graysplit-max-cost={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --graysplit-max-cost: {text!r} is not an amount of US dollars above 0, such as 0.50"]
    )


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_invalid_cost_cap_in_the_environment_is_one_message(project, monkeypatch, workers):
    """There is no traceback, with and without workers."""
    monkeypatch.setenv("GRAYSPLIT_MAX_COST", "much")
    project.test_file(SUITE)
    result = project.run(*workers)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    output = result.stdout.str() + result.stderr.str()
    assert "environment GRAYSPLIT_MAX_COST: 'much' is not an amount of US dollars above 0" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("source", "workers"), [pytest.param("environment", ["-n2"], marks=pytest.mark.xdist), ("ini", [])]
)
def test_cost_cap_in_environment_or_ini_file(suite, monkeypatch, source, workers):
    """The cap also holds for workers."""
    if source == "environment":
        monkeypatch.setenv("GRAYSPLIT_MAX_COST", "0.05")
    else:
        suite.write("pytest.ini", "[pytest]\ngraysplit_max_cost = 0.05\n")
    result = suite.run(LIMITED, *workers)
    assert result.parseoutcomes()["skipped"] > 25
    assert billed_usd(suite) <= CAP
