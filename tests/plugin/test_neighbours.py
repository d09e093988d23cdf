"""Other plugins in the same run: nothing of ours overlaps a test, so nothing of theirs breaks."""

import pytest


def test_a_test_that_mocks_http_still_has_its_replies(project, monkeypatch):
    """Everything was fetched before the test began to mock, and its own calls are its own."""
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


def test_capturing_and_logging_are_the_tests_own(project):
    """Neither progress nor the client's log lines turn up in what a test captures."""
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


def test_warnings_as_errors_do_not_meet_any_of_ours(project):
    """A live run and a replay under -W error."""
    project.test_file('@pytest.mark.graysplit(prompt="One?", min_similarity=0)\ndef test_x(graysplit): pass')
    project.run("-W", "error").assert_outcomes(failed=1)  # the guard vetoes the two numbers, and nothing else
    project.spawn("-W", "error", "--graysplit-gate=none").assert_outcomes()
    assert project.sent() == 2


def test_the_users_event_loop_is_never_touched(project):
    """A test that runs asyncio of its own finds no loop of ours."""
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
def test_a_run_without_the_usual_plugins_works(project, arguments):
    """The terminal and the cache are plugins too."""
    project.test_file('@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass')
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.OK
    assert len(project.recorded()) == 2
