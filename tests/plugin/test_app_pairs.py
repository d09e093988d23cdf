"""Runs of an application on both arms: the comparison, its failures on the right test, and runs that lack a side."""

import json
import socket
import xml.etree.ElementTree as ET

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
# An application that knows only the usual environment variables.
AGENT = '''
import json, os, urllib.request


def ask(text, model="claude-sonnet-4.5"):
    """Return the text with which the model answers."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    address = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())["choices"][0]["message"]["content"]
'''
# The seeded order runs the treatment first in some of these cases.
TICKETS = """
    from agent import ask

    @pytest.mark.graysplit(min_similarity=0.7)
    @pytest.mark.parametrize("ticket", ["one", "two", "three", "four"])
    def test_agent(graysplit_app, ticket):
        ask("Think about " + ticket)
        graysplit_app.output = ask(ticket)
"""
FAR = [{"model": TREATMENT, "match": "two", "text": "Green cheese"}, {"text": "It takes 30 days."}]
FAR_IN_ALL = [{"model": TREATMENT, "text": "Green cheese"}, {"text": "It takes 30 days."}]


@pytest.fixture
def app(project):
    """A project with an application; the treatment answers one ticket in another way."""
    project.write("agent.py", AGENT)
    project.relay.control(script=FAR)
    project.test_file(TICKETS)
    return project


def junit_of(project):
    """Return the outcome and the properties of each entry of the JUnit report, by name."""
    found = {}
    for entry in ET.parse(project.path / "junit.xml").iter("testcase"):
        assert entry.get("name") not in found
        outcomes = [child.tag for child in entry if child.tag != "properties"]
        properties = {one.get("name"): one.get("value") for one in entry.iter("property")}
        found[entry.get("name")] = outcomes, properties
    return found


def failed_in_junit(project):
    return {name for name, (outcomes, _) in junit_of(project).items() if outcomes == ["failure"]}


def test_missed_threshold_fails_the_test_of_the_treatment(app):
    result = app.run("--graysplit-json=report.json", "--junitxml=junit.xml")
    assert result.parseoutcomes() == {"failed": 1, "passed": 7}
    [line] = [line for line in result.outlines if line.startswith("FAILED")]
    assert line.startswith(f"FAILED test_it.py::test_agent[two-{TREATMENT}] - treatment {TREATMENT}: lexical")
    assert failed_in_junit(app) == {f"test_agent[two-{TREATMENT}]"}
    _, properties = junit_of(app)[f"test_agent[two-{TREATMENT}]"]
    assert properties[f"graysplit_passed[{TREATMENT}]"] == "false"
    assert (properties["graysplit_passed[control]"], properties[f"graysplit_calls[{TREATMENT}]"]) == ("true", "2")
    assert float(properties["graysplit_similarity"]) < 0.7
    report = app.report()
    assert [arm["pass_rate"] for arm in report["arms"]] == [1.0, 0.75]
    assert all(case["app"] and set(case["comparisons"]) == {TREATMENT} for case in report["cases"])
    assert (report["run"]["complete"], report["run"]["tests"]["with_result"]) == (True, 8)


def test_failure_is_on_the_treatment_whichever_arm_ran_first(app):
    """Every ticket fails, so both orders of a pair occur; a test that had passed is counted once, as failed."""
    app.relay.control(script=FAR_IN_ALL)
    result = app.run("-v", "--junitxml=junit.xml")
    again = [line for line in result.outlines if f"-{TREATMENT}] PASSED" in line]
    assert 0 < len(again) < 4
    assert result.parseoutcomes() == {"failed": 4, "passed": 4}
    assert failed_in_junit(app) == {f"test_agent[{ticket}-{TREATMENT}]" for ticket in ("one", "two", "three", "four")}
    suite = ET.parse(app.path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("8", "4", "0")


def test_missed_threshold_is_forgiven_by_the_gate(app):
    app.relay.control(script=FAR_IN_ALL)
    result = app.run("--graysplit-gate=none", "--junitxml=junit.xml")
    assert (result.ret, result.parseoutcomes()) == (0, {"missed": 4, "passed": 4})
    missed = [line for line in result.outlines if line.startswith("MISS ")]
    assert len(missed) == 4
    assert all(f"-{TREATMENT}] - treatment {TREATMENT}: lexical similarity" in line for line in missed)
    assert failed_in_junit(app) == set()


def test_session_stops_at_the_first_missed_threshold(app):
    app.relay.control(script=FAR_IN_ALL)
    result = app.run("-x")
    assert result.parseoutcomes() == {"failed": 1, "passed": 1}
    assert "  verdict       HOLD: partial run: it stopped before its last test" in result.outlines


def test_test_that_is_expected_to_fail_may_miss_its_threshold(app):
    app.relay.control(script=FAR_IN_ALL)
    marked = TICKETS.replace("@pytest.mark.graysplit", "@pytest.mark.xfail(strict=False)\n    @pytest.mark.graysplit")
    app.test_file(marked)
    assert app.run().parseoutcomes() == {"xfailed": 4, "xpassed": 4}


def test_replay_without_a_key_gives_the_same_figures(app, monkeypatch):
    app.run("--graysplit-json=first.json")
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    sent = app.sent()
    app.run("--graysplit-record=none", "--graysplit-json=second.json")
    assert app.sent() == sent
    first, second = app.report("first.json"), app.report("second.json")
    for arm in (*first["arms"], *second["arms"]):
        arm.update(replayed=None, in_flight=None)
    assert first["arms"] == second["arms"]
    assert first["comparisons"] == second["comparisons"]


@pytest.mark.parametrize("kept", ["control", TREATMENT])
def test_one_arm_alone_is_not_compared(app, kept):
    """A selection of one arm is partial, and no verdict says anything about it."""
    result = app.run("-k", kept, "--graysplit-json=report.json", "--graysplit-gate=verdict", "--graysplit-on-hold=fail")
    report = app.report()
    assert (report["comparisons"], report["run"]["complete"]) == ([], False)
    assert [arm["cost_usd"] is not None for arm in report["arms"]] == [True]
    assert not any("PROMOTE" in line for line in result.outlines)


def test_selection_of_one_arm_in_some_cases_is_partial(app):
    app.run("-k", f"not three-{TREATMENT}", "--graysplit-json=report.json")
    [one] = app.report()["comparisons"]
    assert (one["n"], one["verdict"]) == (3, "hold")
    assert one["reasons"][:2] == [
        "partial run: 1 test left out by selection",
        "no result on both models for 1 of 4 cases: 1 one model without a result",
    ]


def test_samples_and_two_treatments_are_paired(app):
    models = (f"--graysplit-control={CONTROL}", f"--graysplit-treatment={TREATMENT}", "--graysplit-treatment=gpt-4.1")
    result = app.run_without_models(*models, "--graysplit-samples=2", "--graysplit-json=report.json")
    report = app.report()
    assert result.parseoutcomes() == {"failed": 1, "passed": 23}
    assert [(one["treatment"], one["n"]) for one in report["comparisons"]] == [(TREATMENT, 4), ("gpt-4.1", 4)]
    case = next(case for case in report["cases"] if "two" in case["id"])
    assert case["pass_share"] == {"control": 1.0, TREATMENT: 0.0, "gpt-4.1": 1.0}
    assert [len(case["replies"][arm]) for arm in ("control", TREATMENT, "gpt-4.1")] == [2, 2, 2]


def test_judge_compares_the_outputs_after_both_runs(app):
    """The metric asks its model when the last run of a pair has ended; its answers are recorded and replayed."""
    app.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "gpt-4.1"\n')
    app.relay.control(script=[{"model": "gpt-4.1", "text": '{"winner": "tie"}'}, *FAR_IN_ALL])
    app.test_file(TICKETS.replace("0.7", "0.4"))
    result = app.run("--graysplit-metric=judge", "--graysplit-json=report.json")
    assert result.parseoutcomes() == {"passed": 8}
    asked = [case["metric_calls"][TREATMENT]["calls"] for case in app.report()["cases"]]
    assert (asked, app.sent()) == ([2] * 4, 16 + 8)
    result = app.run("--graysplit-metric=judge", "--graysplit-json=report.json", "--graysplit-record=none")
    assert (result.parseoutcomes(), app.sent()) == ({"passed": 8}, 16 + 8)
    assert {case["similarity"][TREATMENT] for case in app.report()["cases"]} == {0.5}


def test_judge_that_is_not_recorded_leaves_the_case_without_a_judgement(app):
    app.test_file(TICKETS.replace("0.7", "0.4"))
    app.run("-q")
    app.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "gpt-4.1"\n')
    result = app.run("--graysplit-metric=judge", "--graysplit-json=report.json", "--graysplit-record=none")
    assert result.parseoutcomes() == {"failed": 1, "passed": 7}  # equal outputs need no judge
    assert any("[recording-missing]" in line for line in result.outlines)
    [one] = app.report()["comparisons"]
    assert one["n"] == 3


def test_hook_that_fails_leaves_the_case_without_a_judgement(app):
    app.write("conftest.py", "def pytest_graysplit_score(metric, case, control, treatment): return 1 / 0")
    result = app.run("--graysplit-json=report.json", "--graysplit-gate=none")
    assert result.parseoutcomes() == {"failed": 4, "passed": 4}
    assert [one["n"] for one in app.report()["comparisons"]] == [0]
    assert any("could not be compared: ZeroDivisionError" in line for line in result.outlines)


@pytest.mark.parametrize("thought", ["Think about", "Think again about"], ids=["all calls", "the second call"])
def test_calls_replayed_from_another_address_hold_a_promotion(app, monkeypatch, thought):
    """Of a run with a new first request, the second one may still be answered from the old address."""
    table = '[tool.graysplit.arms.ours]\nmodel = "deepseek-v3.2"\nbase_url = "{}"\napi_key_env = "OURS"\n'
    moved = "ours was recorded at an address or with headers that its table has no more: 4 replies"
    app.models[1] = "--graysplit-treatment=ours"
    monkeypatch.setenv("OURS", "another-key-0123456789")
    app.write("pyproject.toml", table.format(app.relay.url))
    app.run("--graysplit-json=first.json")
    assert moved not in "".join(app.report("first.json")["comparisons"][0]["reasons"])
    app.write("pyproject.toml", table.format(app.relay.url.replace("127.0.0.1", "localhost")))
    app.test_file(TICKETS.replace("Think about", thought))
    app.run("--graysplit-json=second.json")
    [one] = app.report("second.json")["comparisons"]
    assert (one["verdict"], one["reasons"][0]) == ("hold", moved)


def test_early_stop_waits_for_both_arms_of_a_case(app):
    """The case that decides is complete; one more case shows that it is, and no test beyond that makes a call."""
    app.relay.control(script=FAR_IN_ALL)
    app.test_file("""
        from agent import ask

        @pytest.mark.graysplit
        @pytest.mark.parametrize("ticket", range(60))
        def test_agent(graysplit_app, ticket):
            graysplit_app.output = ask(str(ticket))
            assert "days" in graysplit_app.output
    """)
    result = app.run("--graysplit-early-stop=harm", "--graysplit-gate=none", "--graysplit-json=report.json")
    report = app.report()
    [one] = report["comparisons"]
    stop = report["run"]["coverage"]["stops"][TREATMENT]
    assert (one["verdict"], stop["side"], one["n"]) == ("reject", "harm", stop["after"])
    assert 2 < one["n"] < 20
    assert [arm["runs"] for arm in report["arms"]] == [one["n"]] * 2
    assert app.sent() == 2 * one["n"] + 2
    assert result.parseoutcomes()["skipped"] == 120 - app.sent()


def test_application_that_remembers_answers_holds_a_promotion(app):
    """Whichever arm runs second gets the other model's answer to the first request, and both seem alike."""
    app.test_file("""
        from functools import lru_cache
        from agent import ask

        think = lru_cache(ask)

        @pytest.mark.graysplit
        @pytest.mark.parametrize("ticket", range(8))
        def test_agent(graysplit_app, ticket):
            graysplit_app.output = think(f"Think about {ticket}") + ask("Go on")
            assert graysplit_app.output
    """)
    app.run("--graysplit-json=report.json", "-q")
    [one] = app.report()["comparisons"]
    assert any(reason.startswith("the arm that ran second made fewer calls in 8 of 8") for reason in one["reasons"])


READ_PAGE = """
import json, pytest
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

def read(path):
    with build_opener(ProxyHandler({})).open("http://127.0.0.1:PORT/" + path, timeout=10) as answer:
        return json.loads(answer.read())

@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(config):
    snapshot = read("metrics/dashboard")
    case = read("cases/" + snapshot["worst"][0]["id"])
    Path("page.json").write_text(json.dumps([snapshot, case]))
"""


def test_live_page_shows_the_calls_of_a_case(app):
    """The page counts a case with two runs once, and each of its calls has the answers of both arms."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    app.write("conftest.py", READ_PAGE.replace("PORT", str(port)))
    app.run(f"--graysplit-dashboard={port}")
    snapshot, case = json.loads((app.path / "page.json").read_text(encoding="utf-8"))
    assert (snapshot["progress"]["done"], snapshot["progress"]["total"]) == (4, 4)
    assert [sum(arm["outcomes"].values()) for arm in snapshot["arms"]] == [4, 4]
    assert case["name"] == "test_it.py::test_agent[two]"
    assert [step["title"] for step in case["page"]["steps"]] == ["Call 1", "Call 2"]
    assert [len(step["arms"]) for step in case["steps"]] == [2, 2]


@pytest.mark.xdist
def test_workers_give_the_results_of_one_process(app, section_of):
    """The arms of a case may run in two processes, and the main process compares them."""
    app.run("-q")
    one = app.run("--graysplit-record=none", "--graysplit-json=one.json", "--junitxml=junit.xml")
    alone = {name: outcomes for name, (outcomes, _) in junit_of(app).items()}
    two = app.run("--graysplit-record=none", "--graysplit-json=two.json", "--junitxml=junit.xml", "-n2")
    assert {name: outcomes for name, (outcomes, _) in junit_of(app).items()} == alone
    assert one.parseoutcomes() == two.parseoutcomes() == {"failed": 1, "passed": 7}
    first, second = app.report("one.json"), app.report("two.json")
    for case in (*first["cases"], *second["cases"]):
        case["nodeid"] = None  # that of the run which ended last
    for key in ("arms", "comparisons", "cases"):
        assert first[key] == second[key]
    assert section_of(one, "= graysplit =") == section_of(two, "= graysplit =")


@pytest.mark.xdist
def test_crash_of_a_worker_leaves_its_case_unjudged(app):
    """A treatment that kills its process has no result, and the other cases do not speak for it."""
    app.test_file("""
        import os
        from agent import ask

        @pytest.mark.graysplit
        @pytest.mark.parametrize("ticket", ["one", "two", "three", "four"])
        def test_agent(graysplit_app, ticket):
            graysplit_app.output = ask(ticket)
            if graysplit_app.role == "treatment" and ticket == "three":
                os._exit(1)
            assert graysplit_app.output
    """)
    app.run("-n1", "--graysplit-json=report.json")
    report = app.report()
    [one] = report["comparisons"]
    assert (one["n"], one["verdict"]) == (3, "hold")
    assert report["run"]["tests"]["crashed"] == 1
    assert "no result on both models" in one["reasons"][0]
