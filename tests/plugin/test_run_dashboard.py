"""The dashboard of a run, read over real sockets during the run and at its end."""

import json
import re
import signal
import socket
import subprocess
import time
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
LINE = re.compile(r"graysplit: live page at (http://127\.0\.0\.1:\d+/)\n")
# Waits at most a minute for a file that the test writes, so that a failing test ends by itself.
WAIT = """
import time
from pathlib import Path

def wait_for(name):
    Path(f"{name}-begun").touch()
    for _ in range(1200):
        if Path(name).exists():
            return
        time.sleep(0.05)
"""
SUITE = f"""
from waiting import wait_for

@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", ["One?", "My key is {KEY}", "Three?"])
def test_x(graysplit, prompt):
    assert graysplit.treatment.text
    if prompt == "Three?":
        wait_for("middle")
"""
# The dashboard is served until it has been read once after the summary.
AT_THE_END = """
import json, os, pytest
from pathlib import Path
from urllib.request import ProxyHandler, build_opener
from waiting import wait_for

@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(config):
    if os.environ.get("READ_PAGE"):
        page = build_opener(ProxyHandler({})).open(os.environ["READ_PAGE"] + "metrics/dashboard", timeout=10)
        Path("page.json").write_bytes(page.read())
    else:
        wait_for("end")
"""


def read_text(url, path="metrics/dashboard"):
    with build_opener(ProxyHandler({})).open(url + path, timeout=30) as answer:
        return answer.read().decode()


def wait_until(url, holds):
    """Read the dashboard until it shows the awaited state."""
    for _ in range(600):
        if holds(shown := json.loads(read_text(url))):
            return shown
        time.sleep(0.05)
    raise AssertionError(shown)


@pytest.fixture
def suite(project):
    """Three cases; the last one and the end of the run each wait for a file of the test."""
    project.write("waiting.py", WAIT)
    project.write("conftest.py", AT_THE_END)
    project.test_file(SUITE)
    return project


@pytest.fixture
def start_run(suite):
    """Return a function that starts a run in its own process, and returns it and the address of its dashboard."""
    running = []

    def start_run(*arguments):
        command = [*suite.python(), *suite.options("--graysplit-dashboard", *arguments)]
        process = subprocess.Popen(command, cwd=suite.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        for line in process.stdout:
            if announced := LINE.fullmatch(line):
                return process, announced[1]
        raise AssertionError("no page was announced")

    yield start_run
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def port():
    """A free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_dashboard_shows_a_run_during_and_after_it(suite, start_run):
    """Replies count at once and verdicts at the end, open pages get both as events, and no text contains the key."""
    process, url = start_run()
    running = wait_until(url, lambda shown: shown["progress"]["done"] == 2)
    assert (running["state"], running["title"]) == ("running", "3 cases")
    assert running["subtitle"] == f"control {CONTROL}, treatment {TREATMENT}, metric lexical"
    assert {key: running["progress"][key] for key in ("unit", "total", "fetched", "to_fetch")} == {
        "unit": "cases", "total": 3, "fetched": 6, "to_fetch": 6
    }  # fmt: skip
    assert running["progress"]["spent_usd"] > 0
    assert [(arm["arm"], arm["n"], arm["latency_s"]["n"]) for arm in running["arms"]] == [
        ("control", 2, 3),
        (TREATMENT, 2, 3),
    ]
    (comparison,) = running["comparisons"]
    assert (comparison["verdict"], comparison["reasons"]) == ("collecting", ["1 of 3 cases are left"])

    events = []
    reader = Thread(target=lambda: events.append(read_text(url, "events")))
    reader.start()
    (suite.path / "middle").touch()
    ended = wait_until(url, lambda shown: shown["state"] == "ended")
    (comparison,) = ended["comparisons"]
    assert comparison["verdict"] == "hold"
    assert comparison["reasons"][0] == "only 3 cases; a verdict needs at least 30"
    assert [(arm["n"], arm["latency_s"]["n"]) for arm in ended["arms"]] == [(3, 3), (3, 3)]
    assert (ended["progress"]["done"], ended["progress"]["total"]) == (3, 3)

    case = json.loads(read_text(url, f"cases/{ended['worst'][0]['id']}"))
    assert (case["name"], [arm["arm"] for arm in case["arms"]]) == (ended["worst"][0]["name"], ["control", TREATMENT])
    assert case["diff"]
    with pytest.raises(HTTPError):
        read_text(url, "cases/0")
    texts = [
        json.dumps(running),
        json.dumps(ended),
        *(read_text(url, f"cases/{each['id']}") for each in ended["worst"]),
    ]
    assert not any(KEY in text for text in texts)

    (suite.path / "end").touch()
    reader.join()
    assert process.wait() == 0
    assert "event: end" in events[0]
    assert '"state":"ended"' in events[0]
    with pytest.raises(URLError):
        read_text(url)


def test_dashboard_shows_an_interrupted_run_as_ended(suite, start_run):
    """After Ctrl-C the verdict is hold, and the process exits as usual."""
    process, url = start_run()
    wait_until(url, lambda shown: shown["progress"]["done"] == 2)
    process.send_signal(signal.SIGINT)
    ended = wait_until(url, lambda shown: shown["state"] == "ended")
    (comparison,) = ended["comparisons"]
    assert comparison["verdict"] == "hold"
    assert comparison["reasons"][0].startswith("interrupted: ")
    (suite.path / "end").touch()
    output, _ = process.communicate()
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "live-page" not in output
    assert "exception" not in output.lower()


@pytest.mark.parametrize("arguments", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)], ids=["one", "two workers"])
def test_dashboard_does_not_change_a_run(suite, port, monkeypatch, section_of, arguments):
    """Results, summary and exit code are the same as without it, and it shows the numbers of the report."""
    (suite.path / "middle").touch()
    (suite.path / "end").touch()
    suite.run()  # records
    plain = suite.run("--graysplit-record=none", "--graysplit-json=plain.json", *arguments)
    monkeypatch.setenv("READ_PAGE", f"http://127.0.0.1:{port}/")
    paged = suite.run(
        "--graysplit-record=none", "--graysplit-json=paged.json", f"--graysplit-dashboard={port}", *arguments
    )
    assert paged.outlines.count(f"graysplit: live page at http://127.0.0.1:{port}/") == 1
    assert paged.ret == plain.ret == 0
    assert section_of(paged, "= graysplit =") == section_of(plain, "= graysplit =")
    plain_report, report = suite.report("plain.json"), suite.report("paged.json")
    page = json.loads((suite.path / "page.json").read_text(encoding="utf-8"))
    for key in ("arms", "comparisons", "cases"):
        assert report[key] == plain_report[key]
    assert (page["state"], page["progress"]["done"], page["progress"]["total"]) == ("ended", 3, 3)
    for shown, arm in zip(page["arms"], report["arms"], strict=True):
        assert shown["n"] == arm["cases"]
        assert {key: shown[key] for key in ("passed", "pass_rate", "tokens", "cost_usd", "outcomes")} == {
            key: arm[key] for key in ("passed", "pass_rate", "tokens", "cost_usd", "outcomes")
        }
    for shown, one in zip(page["comparisons"], report["comparisons"], strict=True):
        assert (shown["verdict"], shown["reasons"]) == (one["verdict"], one["reasons"])
        assert [row["estimate"] for row in shown["rows"]] == [row["estimate"] for row in one["rows"]]


@pytest.mark.parametrize("arguments", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)], ids=["one", "two workers"])
def test_dashboard_port_in_use_ends_the_run_before_it_sends(suite, port, arguments):
    """There is one message, and the exit code is that of a usage error."""
    (suite.path / "end").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        result = suite.run(f"--graysplit-dashboard={port}", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in result.errlines + result.outlines if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert str(port) in errors[0]
    assert suite.sent() == 0


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["-q"], True),
        (["-qq"], False),
        (["--co"], False),
        pytest.param(["--co", "-n2"], False, marks=pytest.mark.xdist),
        (["-k", "own"], False),
    ],
)
def test_dashboard_address_is_printed_when_our_tests_run(suite, arguments, printed):
    """It is printed under -q as well, because the page could not be found otherwise."""
    (suite.path / "middle").touch()
    (suite.path / "end").touch()
    suite.test_file("def test_own(): pass", "test_own.py")
    result = suite.run("--graysplit-dashboard", *arguments)
    assert result.ret == 0
    assert sum("live page at" in line for line in result.outlines) == printed


def test_dashboard_server_is_not_imported_without_the_option(project):
    """A run without the option must not pay for its import."""
    project.record("test_x", "One?")
    project.test_file(
        """
        import sys

        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit):
            assert {"starlette", "uvicorn", "anyio", "pytest_graysplit.reporting.dashboard"}.isdisjoint(sys.modules)
        """
    )
    project.run_in_subprocess("--graysplit-record=none", "-pno:xdist").assert_outcomes(passed=1)
