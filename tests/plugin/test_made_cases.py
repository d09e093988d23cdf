"""Case files that `graysplit cases` has written run unchanged."""

import json

from pytest_graysplit.cli import main


def test_case_file_from_traffic_runs_unchanged(project, capsys):
    """Every case is sent to both models, with its tags and cluster."""
    split = {"kind": "split", "format": 1, "split": "s", "salt": "x", "at": "t", "arms": []}
    request = {
        "kind": "request",
        "id": "r",
        "at": "t",
        "split": "s",
        "arm": "control",
        "model": "m",
        "outcome": "ok",
        "unit": "ab" * 32,
    }
    asked = [
        {**request, "messages": [{"role": "user", "content": text}]}
        for text in ("One?", "Two, bob@example.com?", "one?")
    ]
    project.write("traffic.jsonl", "".join(f"{json.dumps(line)}\n" for line in (split, *asked)))
    assert main(["cases", "from-traffic", "traffic.jsonl"]) == 0
    assert capsys.readouterr().out.endswith("traffic.graysplit.jsonl\n")
    result = project.run("-v", "traffic.graysplit.jsonl")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::one-* PASSED*", "*::two-email-1-* PASSED*"])
    assert project.sent() == 4


def test_case_file_from_promptfoo_runs_unchanged(project, capsys):
    """The import and the run are two commands."""
    project.write(
        "promptfooconfig.yaml",
        """
        prompts: ["What about {{thing}}?"]
        tests: [{vars: {thing: [lamps, chairs]}, assert: [{type: regex, value: '[\\\\s\\\\S]'}]}]
        """,
    )
    assert main(["cases", "import", "promptfooconfig.yaml"]) == 0
    assert capsys.readouterr().out.endswith("promptfoo.graysplit.yaml\n")
    result = project.run("-v", "promptfoo.graysplit.yaml")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*::lamps PASSED*", "*::chairs PASSED*"])
