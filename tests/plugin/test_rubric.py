"""Rubrics: each criterion is judged for each answer of both arms, recorded, replayed and counted separately."""

import json

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
SETTINGS = """
[tool.graysplit.judge]
model = "{judge}"

[tool.graysplit.prices]
"judge-words" = {{ input = 1, output = 2 }}
"""
JUDGES = [f"judge-{manner}" for manner in ("words", "yes", "garbled")]
CASES = [
    {"id": "both", "prompt": "Both?", "rubric": ["names the window of 30 days", "is polite, so it says please"]},
    {"id": "worse", "prompt": "Worse?", "rubric": ["names the window of 30 days"]},
    {"id": "cut", "prompt": "Cut?", "rubric": ["names the window of 30 days"], "expect": {"contains": "Yes"}},
]
ANSWERS = {
    "Both?": ("Within 30 days, please.", "30 days, please."),
    "Worse?": ("Within 30 days.", "Within two weeks."),
    "Cut?": ("Yes, within 30 days.", "No, 30 days."),
}


@pytest.fixture
def suite(project):
    """A project with a case file, a relay that gives the replies in ANSWERS, and a judge that reads them."""
    project.answers = lambda answers: project.relay.control(
        models=[CONTROL, TREATMENT, *JUDGES],
        faults=[
            {
                "kind": "text",
                "text": text,
                "model": model,
                "match": f'[{{"role": "user", "content": "{prompt}"}}]',
                "times": None,
            }
            for prompt, texts in answers.items()
            for model, text in zip((CONTROL, TREATMENT), texts, strict=True)
        ],
    )
    project.answers(ANSWERS)
    project.settings = lambda judge: project.write("pyproject.toml", SETTINGS.format(judge=judge))
    project.settings("judge-words")
    project.cases = lambda cases: project.write("it.graysplit.jsonl", "\n".join(map(json.dumps, cases)))
    project.cases(CASES)
    return project


def bodies_for(project, model):
    """Return the request bodies that one model received."""
    return [body for body in project.relay.stats()["bodies"] if body["model"] == model]


def test_criteria_decide_which_answers_pass(suite, section_of):
    """Each criterion of each answer that passes its checks is one request; a replay sends nothing and is the same."""
    live = suite.run("--graysplit-json=report.json")
    live.assert_outcomes(passed=1, failed=2)
    assert "graysplit: judging 7 criteria with judge-words, 0 of 7 answers are recorded" in live.outlines
    assert section_of(live, "___ worse ___", "____").splitlines()[:2] == [
        "treatment deepseek-v3.2: rubric: 'names the window of 30 days' does not hold: The word 'days' is missing.",
        "  hint: read the answer; if the judge is wrong, name in the criterion what the answer must say  [expect-rubric]",
    ]
    assert len(bodies_for(suite, "judge-words")) == 7  # nothing about the answer that misses expect
    sent = suite.sent()
    replayed = suite.run("--graysplit-record=none", "--graysplit-json=again.json")
    replayed.assert_outcomes(passed=1, failed=2)
    assert suite.sent() == sent
    assert [case["passed"] for case in suite.report("again.json")["cases"]] == [
        case["passed"] for case in suite.report("report.json")["cases"]
    ]
    assert suite.report("again.json")["comparisons"][0]["cases"]["broken"] == 2
