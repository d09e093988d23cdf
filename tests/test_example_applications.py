"""The examples that run an application: they replay as their pages say, tools and subprocesses included."""

import json
import os
import re
import shutil
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from relay_server.client import RunningRelay
from report_schema import checked
from test_examples import EXAMPLES, GATE_NONE, contents, run_pytest

AGENT, RETRIEVAL, SUBPROCESS = "support-agent", "retrieval", "subprocess"
NEEDED = {AGENT: ("openai",), RETRIEVAL: ("langchain_openai", "numpy"), SUBPROCESS: ()}
# The cases of each application, and its calls to models that are not under test.
EXPECTED = {AGENT: (12, {}), RETRIEVAL: (10, {"multilingual-e5-small": 10}), SUBPROCESS: (6, {})}


@pytest.fixture(params=NEEDED)
def application(request, tmp_path):
    """A copy of one example, or of the one that a test names; the test is skipped where its packages are missing."""
    lacking = [package for package in NEEDED[request.param] if find_spec(package) is None]
    if request.param == SUBPROCESS and shutil.which("node") is None:
        lacking.append("node")
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{request.param}: not installed: {', '.join(lacking)}")
    left = shutil.ignore_patterns(".graysplit", ".pytest_cache", "__pycache__")
    return shutil.copytree(EXAMPLES / "applications" / request.param, tmp_path / request.param, ignore=left)


def only(name):
    """Run a test with one application."""
    return pytest.mark.parametrize("application", [name], indirect=True)


def test_application_prints_the_output_on_its_page(application):
    """The block of text is in the output to the letter, no test fails, and no file is left behind.

    The report has one row per case, and counts the calls to models that are not under test on both arms alike.
    """
    before, report = contents(application), application.parent / "report.json"
    code, output = run_pytest(application, GATE_NONE, f"--graysplit-json={report}")
    [shown] = re.findall(r"```text\n(.*?)```", (application / "README.md").read_text(), re.DOTALL)
    assert (code, shown in output) == (0, True), output
    assert contents(application) == before
    arms = checked(json.loads(report.read_text(encoding="utf-8")))["arms"]
    cases, other = EXPECTED[application.name]
    assert [arm["cases"] for arm in arms] == [cases, cases]
    assert [{name: calls["calls"] for name, calls in arm["other_calls"].items()} for arm in arms] == [other, other]


@only(AGENT)
def test_agent_shows_each_call_of_a_broken_ticket(application):
    """Under the gate `case` the ticket fails on the treatment alone, with the calls on the page and in the report."""
    code, output = run_pytest(application, "-k", "unwanted", "--graysplit-json=r.json")
    [shown] = re.findall(r"```console\n(.*?)```", (application / "README.md").read_text(), re.DOTALL)
    assert (code, shown in output) == (1, True), output
    report = checked(json.loads((application / "r.json").read_text(encoding="utf-8")))
    [case] = report["cases"]
    assert list(case["passed"].values()) == [True, False]
    calls = {arm: [call["tool_calls"] for call in reply["calls"]] for arm, [reply] in case["replies"].items()}
    named = {arm: [call["name"] for some in made for call in some] for arm, made in calls.items()}
    assert named == {"control": ["refund"], "qwen2.5-coder-0.5b": ["refund"] * 5}
    assert len(calls["control"]) == 2  # the second one answers the customer
    assert case["parting_calls"] == {"qwen2.5-coder-0.5b": 1}


def test_embeddings_are_recorded_once_for_both_arms():
    """Each of ten questions has one recorded request for embeddings, and one for each model under test."""
    recording = EXAMPLES / "applications" / RETRIEVAL / "__graysplit__" / "test_assistant.jsonl"
    lines = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines()]
    routes = Counter((line.get("route", "chat"), line["model"]) for line in lines if "case" in line)
    assert routes == {
        ("embeddings", "multilingual-e5-small"): 10,
        ("chat", "qwen2.5-coder-1.5b"): 10,
        ("chat", "qwen2.5-coder-0.5b"): 10,
    }


@only(SUBPROCESS)
def test_changed_program_is_not_judged(application):
    """A request that is not recorded fails the test under every gate, although the program reports it as its own error.

    The message names the field that differs from the recorded request.
    """
    program = application / "summarise.mjs"
    program.write_text(program.read_text().replace("max_tokens: 60", "max_tokens: 61"))
    code, output = run_pytest(application, GATE_NONE, "-k", "dimmer")
    assert (code, "max_tokens: 60 -> 61" in output, "[recording-missing]" in output) == (1, True, True), output
    assert ("2 runs of your application not judged" in output, "verdict" in output) == (True, False), output


def test_no_application_knows_the_plugin():
    """Only the tests do: an example whose code needs changes for the plugin would show something else."""
    folders = [EXAMPLES / "applications" / name for name in NEEDED]
    programs = [path for folder in folders for path in folder.iterdir() if path.suffix in {".py", ".mjs"}]
    code = {path.name: path.read_text() for path in programs if not path.name.startswith("test_")}
    assert {name for name, text in code.items() if re.search("graysplit|GRAYSPLIT", text)} == set()
    assert len(code) == 4


def test_recordings_hold_no_path_and_no_key():
    """The answers come from a server on a machine whose paths are of no interest."""
    recorded = "".join(path.read_text() for path in Path(EXAMPLES, "applications").rglob("__graysplit__/*.jsonl"))
    assert re.findall(r"/(?:work|home|tmp|root)/|Bearer |127\.0\.0\.1", recorded) == []
    assert recorded.count('"case":') == 93 + 30 + 12


AGENT_OF_THE_PAGE = """
import json
import os
from urllib.request import Request, urlopen


def answer(ticket):
    messages = [{"role": "user", "content": ticket}]
    body = json.dumps({"model": "claude-sonnet-4.5", "messages": messages, "max_tokens": 20}).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    with urlopen(Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", body, headers)) as response:
        return json.load(response)["choices"][0]["message"]["content"] + " Sorry."
"""


def test_quickstart_of_the_page_runs(tmp_path):
    """The code and the command are those of docs/applications.md; both models answer each ticket, and are compared."""
    page = (EXAMPLES.parent / "docs" / "applications.md").read_text(encoding="utf-8")
    test, command = re.search(r"```python\n(.*?)```\n\n```\npytest (.*?)\n```", page, re.DOTALL).groups()
    (tmp_path / "test_page.py").write_text(test, encoding="utf-8")
    (tmp_path / "agent.py").write_text(AGENT_OF_THE_PAGE, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    with RunningRelay() as relay:
        code, output = run_pytest(tmp_path, *command.split(), f"--graysplit-base-url={relay.url}", GATE_NONE)
        asked = relay.stats()["requests"]
    assert code == 0, output
    assert asked == {"claude-sonnet-4.5": 2, "deepseek-v3.2": 2}
    rates = re.findall(r"^(\S+) +(\d/\d) ", output, re.MULTILINE)
    assert rates == [("claude-sonnet-4.5", "2/2"), ("deepseek-v3.2", "0/2")], output  # the relay's answers differ
    assert ("2 cases below 0.7" in output, "2 passed, 2 missed" in output) == (True, True), output
