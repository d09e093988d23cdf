"""How many requests were in flight is kept beside each reply, and a server that makes them wait is told."""

import pytest

SUITE = """
    @pytest.mark.graysplit
    @pytest.mark.parametrize("prompt", [f"Question {n}?" for n in range(30)])
    def test_x(graysplit, prompt): pass
"""
RISES = "*latency rises with the number in flight (*): lower --graysplit-concurrency for a local server"


@pytest.mark.parametrize("one_at_a_time", [True, False], ids=["one-at-a-time", "constant"])
def test_a_server_that_answers_one_at_a_time_is_told_live_and_in_replay(project, one_at_a_time):
    """The numbers are recorded, so a replay says what the live run said; a relay with places for all is not told."""
    project.relay.control(one_at_a_time=one_at_a_time, latency=0.03)
    project.test_file(SUITE)
    for mode in ("new", "none"):
        result = project.run("--graysplit-concurrency=16", f"--graysplit-record={mode}", "--graysplit-json=report.json")
        result.assert_outcomes(passed=30)
        result.stdout.fnmatch_lines(["30 cases*up to 16 in flight*"])
        (result.stdout.fnmatch_lines if one_at_a_time else result.stdout.no_fnmatch_line)(
            [RISES] if one_at_a_time else RISES
        )
    stored = [reply["in_flight"] for reply in project.recorded()]
    assert (len(stored), min(stored), max(stored)) == (60, 1, 16)
    report = project.report()
    assert [arm["in_flight"]["max"] for arm in report["arms"]] == [16, 16]
    told = [reply["in_flight"] for case in report["cases"] for some in case["replies"].values() for reply in some]
    assert sorted(told) == sorted(stored)


def test_one_at_a_time_is_one_in_flight(project):
    """The remedy: each request waits in this process, where its waiting is no part of its latency."""
    project.relay.control(one_at_a_time=True, latency=0.002)
    project.test_file(SUITE)
    result = project.run("--graysplit-concurrency=1", "--graysplit-record=new")
    result.stdout.no_fnmatch_line(RISES)
    assert {reply["in_flight"] for reply in project.recorded()} == {1}
