"""Case files are collected like test modules, and the error of a broken one names file and line."""

import json

import pytest
from factories import SONNET

from pytest_graysplit.cli import main

JSONL = '{"id": "first", "prompt": "One?", "tags": ["slow"]}\n{"id": "second", "prompt": "Two?"}\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("support.graysplit.jsonl", JSONL),
        ("support.graysplit.yaml", "- id: first\n  prompt: One?\n  tags: [slow]\n- id: second\n  prompt: Two?\n"),
        ("support.graysplit.yml", "- id: first\n  prompt: One?\n  tags: [slow]\n- id: second\n  prompt: Two?\n"),
        ("support.graysplit.csv", "id,prompt,tags\nfirst,One?,slow\nsecond,Two?,\n"),
    ],
)
def test_case_file_is_collected_without_python(project, name, text):
    """Every format gives the same items, and the replies are recorded beside the file."""
    project.write(f"cases/{name}", text)
    result = project.run("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"cases/{name}::first PASSED*", f"cases/{name}::second PASSED*"])
    assert (project.path / "cases" / "__graysplit__" / "support.jsonl").is_file()
    assert project.sent() == 4


def test_files_of_other_names_are_not_collected(project):
    """A file without `.graysplit.` in its name, or with another extension, is not a case file."""
    project.write("support.jsonl", JSONL)
    project.write("support.graysplit.txt", JSONL)
    result = project.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "s.graysplit.jsonl",
            '{"prompt": "One?"}\n{"prompt": \n',
            (
                "s.graysplit.jsonl:2: not valid JSON at column 12: Expecting value\n"
                '  hint: write each case on one line, such as {"prompt": "your text"}  [case-file-syntax]'
            ),
        ),
        (
            "s.graysplit.jsonl",
            "",
            (
                "s.graysplit.jsonl: holds no case\n"
                '  hint: write at least one, such as {"prompt": "your text"} in a .jsonl file  [case-file-empty]'
            ),
        ),
        (
            "s.graysplit.jsonl",
            '{"id": "a", "prompt": "One?"}\n{"id": "a", "prompt": "Two?"}\n',
            (
                "s.graysplit.jsonl:2: id: 'a' is the id of s.graysplit.jsonl:1 too\n"
                "  hint: give each case its own id, by which recordings are found (or none: it is then made from the messages)  [case-id-twice]"
            ),
        ),
        (
            "s.graysplit.jsonl",
            '{"prompt": "One?", "min_similarty": 1}\n',
            (
                "s.graysplit.jsonl:1: min_similarty: unknown field, did you mean min_similarity?\n"
                "  hint: valid names: id, prompt, messages, system, params, expect, rubric, min_similarity, metric, json_fields, max_latency_s, max_ttft_s, max_latency_ratio, max_cost_usd, samples, tags, cluster, must_pass, turns  [case-field-unknown]"
            ),
        ),
        (
            "s.graysplit.yaml",
            "- prompt: One?\n- promt: Two?\n",
            (
                "s.graysplit.yaml:2: promt: unknown field, did you mean prompt?\n"
                "  hint: valid names: id, prompt, messages, system, params, expect, rubric, min_similarity, metric, json_fields, max_latency_s, max_ttft_s, max_latency_ratio, max_cost_usd, samples, tags, cluster, must_pass, turns  [case-field-unknown]"
            ),
        ),
        (
            "s.graysplit.csv",
            "prompt,min_similarity\nOne?,high\n",
            (
                "s.graysplit.csv:2: min_similarity: expected a number from 0 to 1, or auto, got 'high'\n"
                "  hint: write a plain number such as 3 or 0.75, without quotes  [case-field-type]"
            ),
        ),
        (
            "s.graysplit.jsonl",
            '{"prompt": "One?", "metric": "exat"}\n',
            (
                "s.graysplit.jsonl:1: unknown metric 'exat', did you mean exact?\n"
                "  hint: built in are lexical, exact, json, semantic, judge; your own is a conftest.py function pytest_graysplit_score  [metric-unknown]"
            ),
        ),
    ],
)
def test_broken_case_file_is_one_collection_error(project, section_of, name, text, message):
    """The message names file, line and field; pytest exits with 2, and nothing is sent."""
    project.write(name, text)
    result = project.run()
    assert section_of(result, "ERROR collecting") == message
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert project.sent() == 0


def test_case_file_has_one_item_per_treatment(project):
    """The control is requested once for all treatments."""
    project.write("support.graysplit.jsonl", JSONL)
    result = project.run("--graysplit-treatment=gpt-4.1", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*::first[[]deepseek-v3.2[]] PASSED*", "*::first[[]gpt-4.1[]] PASSED*"])
    assert project.relay.stats()["requests"] == {"claude-sonnet-4.5": 2, "deepseek-v3.2": 2, "gpt-4.1": 2}


@pytest.mark.parametrize("arguments", [["-k", "first"], ["-k", "slow"], ["support.graysplit.jsonl::first"]])
def test_case_is_selected_by_id_tag_and_node_id(project, arguments):
    """Only selected cases are paid for."""
    project.write("support.graysplit.jsonl", JSONL)
    result = project.run(*arguments)
    assert result.parseoutcomes()["passed"] == 1
    assert project.sent() == 2


def test_collect_only_lists_the_cases_of_a_file(project):
    """Nothing is sent or written."""
    project.write("support.graysplit.jsonl", JSONL)
    result = project.run("--co", "-q")
    assert result.outlines[:2] == ["support.graysplit.jsonl::first", "support.graysplit.jsonl::second"]
    assert result.ret == pytest.ExitCode.OK
    assert project.sent() == 0
    assert not (project.path / ".graysplit").exists()


def test_last_failed_option_runs_a_failed_case_again(project):
    """`--lf` selects the case that missed, and replays it."""
    project.write(
        "support.graysplit.jsonl",
        '{"id": "bad", "prompt": "One?", "expect": {"contains": "Paris"}}\n{"id": "good", "prompt": "Two?"}\n',
    )
    project.run().assert_outcomes(passed=1, failed=1)
    result = project.run("--lf", "-v")
    assert result.parseoutcomes()["failed"] == 1
    assert "passed" not in result.parseoutcomes()
    assert project.sent() == 4


def test_failed_case_of_a_file_shows_its_line(project, section_of):
    """The failure is a message without a traceback."""
    project.record("bad", "One?", file="support")
    project.write("support.graysplit.jsonl", '\n{"id": "bad", "prompt": "One?", "expect": {"contains": "Rome"}}\n')
    result = project.run()
    assert section_of(result, "___ bad ___") == (
        "treatment deepseek-v3.2: expected to contain 'Rome', found 'Paris'\n"
        "  hint: contains is case-sensitive and literal; a regex can match more than one wording  [expect-contains]\n"
        "control claude-sonnet-4.5: expected to contain 'Rome', found 'Paris'\n"
        "  hint: contains is case-sensitive and literal; a regex can match more than one wording  [expect-contains]\n"
        "\n"
        "  case       bad (support.graysplit.jsonl:1)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: missed, ok 1.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: missed, ok 0.50 s <$0.0001 replayed\n"
        "  similarity 1.00 (lexical), length x1.00\n"
        "  answers    identical"
    )


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
        {**request, "id": text, "messages": [{"role": "user", "content": text}]}
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


@pytest.mark.parametrize("known", [True, False], ids=["with parameters", "without parameters"])
def test_imported_log_answers_for_the_control(project, capsys, known):
    """The control costs no call. Without its parameters the pair may not be asked alike, and the verdict holds."""
    entries = []
    for number in range(3):
        messages = [{"role": "user", "content": f"Question {number}?"}]
        message = {"role": "assistant", "content": f"Answer {number}"}
        request = {"model": SONNET, "messages": messages, "temperature": 0}
        response = {"model": SONNET, "created": 1793527200, "choices": [{"finish_reason": "stop", "message": message}]}
        entries.append({"request": request, "response": response} if known else {"messages": [*messages, message]})
    project.write("log.jsonl", "".join(f"{json.dumps(entry)}\n" for entry in entries))
    assert main(["cases", "import", "log.jsonl", f"--control={SONNET}"]) == 0
    assert capsys.readouterr().out.endswith("log.graysplit.jsonl\n")
    result = project.run("--graysplit-json=report.json", "log.graysplit.jsonl")
    result.assert_outcomes(passed=3)
    assert project.sent() == 3  # those of the treatment
    [compared] = project.report()["comparisons"]
    reason = "may have been asked with other parameters, its log does not tell them: 3 replies"
    assert compared["verdict"] == "hold"
    assert any(reason in text for text in compared["reasons"]) is not known
