"""Other plugins in the same run: the requests of the plugin never overlap a test, so neither disturbs the other."""

import os

import pytest


def test_http_mock_in_a_test_does_not_reach_its_replies(project, monkeypatch):
    """The replies were fetched before the mock began, and the mock sees only the test's own requests."""
    pytest.importorskip("respx")
    project.test_file(
        """
        import httpx
        import respx

        @pytest.mark.graysplit(prompt="One?")
        @respx.mock
        def test_x(graysplit):
            route = respx.get("https://example.org").respond(204)
            assert httpx.get("https://example.org").status_code == 204
            assert route.called
            assert graysplit.control.text == "Answer of claude-sonnet-4.5 to: One?"
        """
    )
    project.run().assert_outcomes(passed=1)


def test_capturing_and_logging_see_only_the_test(project):
    """Neither the progress line nor log lines of the client appear in captured output."""
    project.test_file(
        """
        import logging

        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit, caplog, capsys):
            logging.getLogger("own").warning("mine")
            assert [record.name for record in caplog.records] == ["own"]
            assert capsys.readouterr() == ("", "")
        """
    )
    project.run("--log-level=DEBUG").assert_outcomes(passed=1)


def test_warnings_as_errors_find_none_of_ours(project):
    """A live run and a replay pass under -W error."""
    project.test_file('@pytest.mark.graysplit(prompt="One?", min_similarity=0.99)\ndef test_x(graysplit): pass')
    project.run("-W", "error").assert_outcomes(failed=1)  # only because the answers differ
    project.run_in_subprocess("-W", "error", "--graysplit-gate=none").assert_outcomes()
    assert project.sent() == 2


def test_event_loop_of_the_user_is_not_touched(project):
    """A test that runs asyncio itself finds no loop of the plugin."""
    project.test_file(
        """
        import asyncio

        async def two():
            await asyncio.sleep(0)
            return 2

        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit, graysplit_relay):
            assert asyncio.run(two()) == 2
            assert graysplit_relay.reply("Two?").text.endswith("Two?")
            assert asyncio.run(two()) == 2

        @pytest.mark.graysplit(prompt="Three?")
        def test_y(graysplit_relay):
            async def ask():
                return graysplit_relay.reply("Four?").outcome

            assert asyncio.run(ask()) == "ok"
        """
    )
    project.run().assert_outcomes(passed=2)
    assert project.sent() == 6


@pytest.mark.parametrize("arguments", [["-p", "no:terminal"], ["-p", "no:cacheprovider"], ["--tb=no", "--no-summary"]])
def test_run_without_builtin_plugins_works(project, arguments):
    """The terminal and the cache are plugins too."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.OK
    assert len(project.recorded()) == 2


REPLACED = """
    import os, pathlib, socket, sys, time, types

    @pytest.fixture(scope="session", autouse=True)
    def everything_replaced():
        \"\"\"Replace network, files and clock, as mocks, blockers, fakes and freezers do.\"\"\"

        def refuse(*args, **kwargs):
            raise AssertionError("a request of the run used a patched function")

        fake_os = types.SimpleNamespace(getpid=os.getpid, path=os.path, environ=os.environ, write=refuse)
        with pytest.MonkeyPatch.context() as patch:
            for module in [module for name, module in sys.modules.items() if name.startswith("pytest_graysplit.")]:
                if getattr(module, "os", None) is os:
                    patch.setattr(module, "os", fake_os)
                if getattr(module, "Path", None) is pathlib.Path:
                    patch.setattr(module, "Path", pathlib.PurePath)  # which reads and writes nothing
            patch.setattr(os, "write", refuse)
            for name in ("getaddrinfo", "create_connection", "socketpair"):
                patch.setattr(socket, name, refuse)
            for name in ("connect", "connect_ex"):
                patch.setattr(socket.socket, name, refuse)
            for name in ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns"):
                patch.setattr(time, name, lambda: 7)
            yield
"""


@pytest.mark.parametrize("arguments", [(), ("-x",)], ids=["before the tests", "ahead of the tests"])
def test_patches_of_a_test_do_not_reach_the_requests_of_the_run(project, arguments):
    """Network, files and clock are bound before the first fixture; retries after a busy relay still wait."""
    project.relay.control(faults=[{"kind": "503", "times": 3}])
    project.test_file(
        REPLACED
        + """
    @pytest.mark.graysplit
    @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(20)])
    def test_x(graysplit, prompt):
        assert graysplit.treatment.text.endswith(prompt)

    def test_body(graysplit_relay):
        assert graysplit_relay.compare("In the body?").treatment.text.endswith("body?")
    """
    )
    project.run_in_subprocess(*arguments, "-p", "no:xdist").assert_outcomes(passed=21)
    assert len(project.recorded()) == 42
    assert project.sent() == 45
    assert all(line["at"] > "2026" for line in project.recorded())
    project.run_in_subprocess(*arguments, "-p", "no:xdist").assert_outcomes(passed=21)
    assert project.sent() == 45


def test_journal_without_requests_is_deleted(project):
    """It was opened for a test that could have sent a request."""
    project.test_file("def test_body(graysplit_relay): pass")
    project.run().assert_outcomes(passed=1)
    assert list((project.path / ".graysplit" / "journal").glob("*.jsonl")) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks are a thing of POSIX")
def test_forked_process_sends_with_its_own_thread(project):
    """A fork has the memory of its parent but none of its threads, so it must not wait for one of them."""
    project.test_file(
        """
        import os

        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit, graysplit_relay):
            child = os.fork()
            if child == 0:
                same = graysplit_relay.reply("In the fork?").text.endswith("fork?")
                os._exit(0 if same else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        """
    )
    project.run_in_subprocess().assert_outcomes(passed=1)
