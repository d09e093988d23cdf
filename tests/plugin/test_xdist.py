"""Runs under xdist: the results are those of one process, and each message appears once."""

import pytest

from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.recordings import Journal
from pytest_graysplit.types import Reply, ReplyKey

pytestmark = pytest.mark.xdist
CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"


@pytest.fixture
def suite(project):
    """Recorded cases that pass, miss, fail in their body, and run once per arm."""
    for number in range(6):
        project.record(f"test_x[Prompt {number}]", f"Prompt {number}", text=f"It is answer {number}.")
    project.record("test_miss", "Blue?", model=CONTROL, text="The sky is blue.")
    project.record("test_miss", "Blue?", model=TREATMENT, text="Grass grows in spring.")
    project.record("test_body", "Body?")
    project.record("test_arm", "Arm?")
    project.record("a", "File?", file="support", text="Yes.")
    project.write("support.graysplit.jsonl", '{"id": "a", "prompt": "File?"}')
    project.test_file(
        """
        @pytest.mark.graysplit(min_similarity=0.5)
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(6)])
        def test_x(graysplit, prompt): pass

        @pytest.mark.graysplit(prompt="Blue?", min_similarity=0.75)
        def test_miss(graysplit): pass

        @pytest.mark.graysplit(prompt="Body?")
        def test_body(graysplit): assert graysplit.treatment.text == "Rome"

        @pytest.mark.graysplit(prompt="Arm?")
        def test_arm(graysplit_reply): assert graysplit_reply.text == "Paris"
        """
    )
    return project


def test_xdist_gives_the_results_of_one_process(suite, section_of):
    """Arms, comparisons, cases and the summary are equal."""
    one = suite.run("--graysplit-record=none", "--graysplit-json=one.json")
    two = suite.run("--graysplit-record=none", "--graysplit-json=two.json", "-n2")
    assert one.parseoutcomes() == two.parseoutcomes() == {"failed": 2, "passed": 9}
    first, second = suite.report("one.json"), suite.report("two.json")
    for key in ("arms", "comparisons", "cases"):
        assert first[key] == second[key]
    assert first["run"]["complete"] is second["run"]["complete"] is True
    assert section_of(one, "= graysplit =") == section_of(two, "= graysplit =")
    assert suite.sent() == 0


def test_xdist_miss_names_the_users_command(project, section_of):
    """The message has the typed command, not that of the worker."""
    project.record("test_y", "Two?")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="Two?")
        def test_y(graysplit): pass
        """
    )
    result = project.run("--graysplit-record=none", "-n2")
    assert "  hint: run once with pytest --graysplit-record=new  [recording-missing]" in result.outlines


def test_xdist_workers_fetch_missing_replies_once(project, section_of):
    """Each reply is requested, recorded and counted once."""
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(10)])
        def test_x(graysplit, prompt): assert prompt in graysplit.treatment.text
        """
    )
    result = project.run("-n2", "--graysplit-json=report.json")
    result.assert_outcomes(passed=10)
    assert project.sent() == len(project.recorded()) == 20
    assert [arm["passed"] for arm in project.report()["arms"]] == [10, 10]
    assert project.report()["run"]["complete"] is True
    assert result.stdout.str().count("= graysplit =") == 1
    result.stdout.fnmatch_lines(["recorded 20 replies in __graysplit__/test_it.jsonl"])


def test_xdist_workers_share_the_concurrency(project):
    """Four requests in flight are the total, not the number per worker."""
    project.relay.control(latency=0.05)
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(10)])
        def test_x(graysplit, prompt): pass
        """
    )
    project.run("-n2", "--graysplit-concurrency=4").assert_outcomes(passed=10)
    assert project.relay.stats()["peak_in_flight"] <= 4


def test_xdist_crashed_worker_leaves_one_summary(project):
    """The run is incomplete, names the crash, and keeps every reply."""
    project.test_file(
        """
        import os

        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(8)])
        def test_x(graysplit, prompt):
            if prompt == "Prompt 3":
                os._exit(1)
        """
    )
    result = project.run("-n2", "--graysplit-json=report.json")
    assert result.parseoutcomes()["failed"] == 1
    assert result.parseoutcomes()["passed"] == 7
    assert result.stdout.str().count("= graysplit =") == 1
    result.stdout.fnmatch_lines(["1 test crashed a worker and is in no rate"])
    report = project.report()
    assert report["run"]["complete"] is False
    assert [arm["cases"] for arm in report["arms"]] == [7, 7]
    assert len(project.recorded()) == 16
    assert 16 <= project.sent() <= 16 + 4


def test_xdist_refused_key_is_reported_once(project, section_of):
    """Both workers get the error, the summary shows it once, and the run fails."""
    project.relay.control(key="the right one")
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(8)])
        def test_x(graysplit, prompt): pass
        """
    )
    result = project.run("-n2")
    assert result.ret != pytest.ExitCode.OK
    assert section_of(result, "= graysplit =").replace(project.relay.url, "URL") == (
        "URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert project.sent() <= 2  # at most one per worker


def test_xdist_replay_without_recordings_is_reported_once(project, monkeypatch, section_of):
    """Each worker would only replay, and there are no recordings."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(8)])
        def test_x(graysplit, prompt): pass
        """
    )
    result = project.run("-n2")
    assert result.ret != pytest.ExitCode.OK
    assert section_of(result, "= graysplit =", "! xdist") == (
        "nothing is recorded yet, and this run only replays, because GRAYSPLIT_API_KEY is not set\n"
        "  hint: record once, with your key: GRAYSPLIT_API_KEY=... pytest --graysplit-record=new  [nothing-recorded]"
    )


def test_xdist_controller_recovers_replies_before_the_workers_start(project):
    """The controller merges the journals of an interrupted run, so no worker requests them again."""
    body = {"messages": [{"role": "user", "content": "One?"}]}
    journal = Journal(project.path, mode="new", run_id="killed")
    for model in (CONTROL, TREATMENT):
        key = ReplyKey("test_x", model, request_hash(body), 0)
        reply = Reply(model=model, outcome="ok", text="Paris")
        journal.append(project.path / "__graysplit__/test_it.jsonl", key, body, reply)
    journal.close()
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    result = project.run("-n2")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["recovered 2 replies from an interrupted run"])
    assert project.sent() == 0


@pytest.mark.parametrize("dist", ["loadscope", "worksteal", "each"])
def test_xdist_distribution_modes_give_equal_rates(suite, dist):
    """One mode runs every test on both workers."""
    suite.run(f"--dist={dist}", "--tx=2*popen", "--graysplit-json=report.json")
    assert [(arm["cases"], arm["passed"]) for arm in suite.report()["arms"]] == [(10, 10), (10, 8)]


def test_xdist_results_stay_serialised_in_receiver_threads(project):
    """Each worker has a receiver thread in the controller; deserialising there once registered our hooks twice."""
    project.record("test_x", "One?")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit): pass
        """
    )
    project.write(
        "conftest.py",
        """
        import pytest

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_report_from_serializable(config):
            report = yield
            if hasattr(report, "graysplit"):
                with open(config.rootpath / "received.txt", "a") as file:
                    file.write(type(report.graysplit).__name__)
            return report
        """,
    )
    project.run("-n2").assert_outcomes(passed=1)
    assert (project.path / "received.txt").read_text() == "bytes"
