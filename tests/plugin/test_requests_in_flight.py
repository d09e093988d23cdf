"""Latencies of live runs: the number of requests in flight, a server that queues them, and old recordings."""

import pytest

CONTROL = "claude-sonnet-4.5"

SUITE = """
    @pytest.mark.graysplit
    @pytest.mark.parametrize("prompt", [f"Question {n}?" for n in range(30)])
    def test_x(graysplit, prompt): pass
"""
RISES = "*latency rises with the number in flight (*): lower --graysplit-concurrency for a local server"


@pytest.mark.parametrize("one_at_a_time", [True, False], ids=["one-at-a-time", "constant"])
def test_queueing_server_is_noted_live_and_in_replay(project, one_at_a_time):
    """The numbers in flight are recorded, so a replay repeats the note; a server without a queue gets no note."""
    project.relay.control(one_at_a_time=one_at_a_time, latency=0.02 if one_at_a_time else 0.2)
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
    reported = [reply["in_flight"] for case in report["cases"] for some in case["replies"].values() for reply in some]
    assert sorted(reported) == sorted(stored)


def test_concurrency_of_one_has_one_request_in_flight(project):
    """Each request waits in this process, where the wait is not part of its latency."""
    project.relay.control(one_at_a_time=True, latency=0.002)
    project.test_file(SUITE.replace("range(30)", "range(5)"))
    project.run("--graysplit-concurrency=1", "--graysplit-record=new").stdout.fnmatch_lines(["*up to 1 in flight*"])
    assert {reply["in_flight"] for reply in project.recorded()} == {1}


def test_latency_is_not_compared_with_an_old_recording(project):
    """The control is a year old and the treatment is new; recording both again gives a latency to compare."""
    project.test_file(SUITE)
    for number in range(30):
        prompt = f"Question {number}?"
        project.record(f"test_x[{prompt}]", prompt, model=CONTROL, at="2025-11-23T10:00:00Z")
    arguments = ["--graysplit-json=report.json", "--graysplit-max-latency-ratio=0.0001"]
    result = project.run("--graysplit-record=new", *arguments)
    result.assert_outcomes(passed=30)
    hint = "--graysplit-record=all measures both again"
    result.stdout.fnmatch_lines(
        [
            f"max_latency_ratio was not judged in 30 of 30 cases: *, {hint}",
            f"  latency * not measured side by side: 0 pairs within an hour, {hint}",
            "*HOLD*",
        ]
    )
    assert latency_row(project) == {"state": None, "n": 0, "remark": "not measured side by side"}
    project.run("--graysplit-record=all", *arguments).assert_outcomes(failed=30)
    assert latency_row(project)["n"] == 30


def latency_row(project):
    [row] = [row for row in project.report()["comparisons"][0]["rows"] if row["name"] == "latency"]
    return {name: row[name] for name in ("state", "n", "remark")}
