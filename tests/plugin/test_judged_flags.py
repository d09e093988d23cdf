"""The judge of flagged pairs in a run: asked with the other requests, recorded, replayed, counted and decisive."""

import json

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
JUDGES = ["judge-yes", "judge-words", "judge-garbled"]
SETTINGS = """
[tool.graysplit.judge]
model = "{judge}"

[tool.graysplit.guards]
judge = true
"""
ANSWERS = {
    "Price?": ("It costs 42 euros.", "It costs 24 euros."),
    "Window?": ("Within 30 days.", "Within 30 days, of course."),
}


@pytest.fixture
def suite(project):
    """A project whose relay gives the replies in ANSWERS, and whose judge decides about flagged pairs."""
    faults = [
        {
            "kind": "text",
            "text": text,
            "model": model,
            "match": f'[{{"role": "user", "content": "{prompt}"}}]',
            "times": None,
        }
        for prompt, texts in ANSWERS.items()
        for model, text in zip((CONTROL, TREATMENT), texts, strict=True)
    ]
    project.relay.control(models=[CONTROL, TREATMENT, *JUDGES], faults=faults)
    project.settings = lambda judge: project.write("pyproject.toml", SETTINGS.format(judge=judge))
    cases = [{"id": prompt.rstrip("?").lower(), "prompt": prompt, "min_similarity": 0.3} for prompt in ANSWERS]
    project.write("it.graysplit.jsonl", "\n".join(map(json.dumps, cases)))
    return project


def results(project):
    """Return whether the treatment passed and the flags of each case, and the calls of the judge."""
    report = project.report()
    cases = {
        case["id"]: (case["passed"][TREATMENT], [flag["name"] for flag in case["flags"]]) for case in report["cases"]
    }
    return cases, report["comparisons"][0]["metric_calls"].get("guards")


def test_judge_clears_a_flag_and_the_replay_agrees(suite):
    """One pair of two is flagged, so one request is sent; offline the recorded verdict decides."""
    suite.settings("judge-words")
    live = suite.run("--graysplit-json=report.json")
    live.assert_outcomes(passed=2)
    assert "graysplit: judging 1 flagged pair with judge-words, 0 of 1 answers are recorded" in live.outlines
    cases, calls = results(suite)
    assert cases == {"price": (True, []), "window": (True, [])}
    assert (calls["calls"], calls["overruled"]) == (1, 1)
    assert "  flags judged  judge-words: 1 call, cost unknown; 1 of them do not contradict" in live.outlines
    sent = suite.sent()
    suite.run("--graysplit-record=none", "--graysplit-json=report.json").assert_outcomes(passed=2)
    assert results(suite)[0] == cases
    assert suite.sent() == sent


@pytest.mark.parametrize("judge", ["judge-yes", "judge-garbled"])
def test_flag_stands_if_the_judge_agrees_or_says_nothing(suite, judge):
    """The test of the flagged pair fails, as without a judge."""
    suite.settings(judge)
    result = suite.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=1, failed=1)
    assert results(suite)[0] == {"price": (False, ["number-changed"]), "window": (True, [])}
    unread = "guards judge-garbled: 1 answer could not be read, and the flags of those pairs stand"
    assert (unread in result.stdout.str()) == (judge == "judge-garbled")


def test_flags_are_judged_by_a_configured_judge_alone(suite):
    """Without one the run ends with the lines to add."""
    suite.write("pyproject.toml", "[tool.graysplit.guards]\njudge = true\n")
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "guards.judge" in result.stderr.str()
    assert '[tool.graysplit.judge] model = "gpt-4.1"' in result.stderr.str()
