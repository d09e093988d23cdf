"""The JSON report of a run: requests, expectations, missed checks, redaction, and the same text from every process."""

import json
import re
from itertools import product

import pytest
from report_reader import configured_in, rebuilt

from pytest_graysplit.reporting.json_report import chunks

CONTROL, TREATMENT, OTHER = "claude-sonnet-4.5", "deepseek-v3.2", "gemini-2.5-flash"
KEY = "made-up-key-0123456789"
# The only parts of a report that differ between two runs with the same results.
OF_THE_RUN = re.compile(r'^  "(id|started|duration_s)": .*\n', re.MULTILINE)


def test_report_shows_the_request_as_sent_and_its_differences(project):
    """The system prompt, all parameters, the changes of a hook, and a parameter of one model."""
    project.write("pyproject.toml", f'[tool.graysplit.models."{TREATMENT}".params]\ntop_p = 0.5\n')
    project.write(
        "conftest.py",
        """
        def pytest_graysplit_modify_request(case, model, body):
            if model == "deepseek-v3.2":
                body["messages"][0] = {"role": "system", "content": "v2"}
                del body["max_tokens"]
            body["user"] = "tests"
        """,
    )
    turns = [{"role": "system", "content": "v1"}, {"role": "user", "content": "Hi?"}]
    case = {"id": "a", "messages": turns, "params": {"max_tokens": 9}, "expect": {"contains": "Hi"}, "tags": ["t"]}
    project.write("it.graysplit.jsonl", json.dumps(case))
    project.run("--graysplit-json=report.json", "--graysplit-param=temperature=0.5", "--graysplit-gate=none")
    [shown] = project.report()["cases"]
    assert shown["messages"] == turns
    assert shown["params"] == {"temperature": 0.5, "max_tokens": 9, "user": "tests"}
    difference = {"messages": [{"role": "system", "content": "v2"}, turns[1]], "params": {"top_p": 0.5}}
    assert shown["differs"] == {TREATMENT: {**difference, "unset": ["max_tokens"]}}
    assert shown["differing"] == {TREATMENT: ["max_tokens", "messages"]}
    assert (shown["where"], shown["expect"], shown["tags"]) == ("it.graysplit.jsonl:1", {"contains": ["Hi"]}, ["t"])
    sent = [{name: body[name] for name in body if name != "model"} for body in project.relay.stats()["bodies"]]
    assert {"messages": shown["messages"], **shown["params"]} in sent


def test_report_shows_the_configuration_of_each_arm(project):
    """Two prompts of one model: names, endpoints, parameters and the messages of each, without the values of headers."""
    table = '[tool.graysplit.arms.{}]\nmodel = "gpt-4.1"\nsystem = "{}"\n'
    low = 'params = {top_p = 0.5}\nunset = ["seed"]\nheaders = {X-Team = "secret-of-the-team"}\n'
    project.write("pyproject.toml", table.format("v1", "Be brief.") + table.format("v2", f"Be kind. {KEY}") + low)
    project.relay.control(models=["gpt-4.1"])
    project.write("it.graysplit.jsonl", '{"id": "a", "prompt": "Hi?", "params": {"seed": 1}}')
    arms = ["--graysplit-control=v1", "--graysplit-treatment=v2", "--graysplit-param=temperature=0"]
    project.run_without_models(*arms, "--graysplit-json=report.json")
    report, url = project.report(), project.relay.url
    control, treatment = report["arms"]
    assert [control[key] for key in ("name", "model", "params", "unset", "headers", "own_system")] == [
        *("v1", "gpt-4.1", {"temperature": 0}, [], [], True),
    ]
    assert [treatment[key] for key in ("name", "model", "params", "unset", "headers", "own_system")] == [
        *("v2", "gpt-4.1", {"temperature": 0, "top_p": 0.5}, ["seed"], ["X-Team"], True),
    ]
    assert control["base_url"] == treatment["base_url"] == url
    [case] = report["cases"]
    asked = {"role": "user", "content": "Hi?"}
    assert (case["params"], case["messages"][0]["content"]) == ({"temperature": 0, "seed": 1}, "Be brief.")
    system = {"role": "system", "content": "Be kind. [redacted]"}
    assert case["differs"]["v2"] == {"messages": [system, asked], "params": {"top_p": 0.5}, "unset": ["seed"]}
    assert (case["same_request"], case["same_arms"], case["differing"]) == ([], [], {})
    text = (project.path / "report.json").read_text(encoding="utf-8")
    assert KEY not in text
    assert "secret-of-the-team" not in text


def test_report_names_the_check_that_missed(project):
    """The place in `expect`, in a budget, and in the threshold, with the sample that missed it."""
    for sample, text in enumerate(["Paris 1", "Rome 2"]):
        project.record("test_x", model=CONTROL, text="Paris 1", sample=sample, latency_s=1.0)
        project.record("test_x", model=TREATMENT, text=text, sample=sample, latency_s=3.0)
    project.test_file(
        """
        EXPECT = {"contains": ["1", "Paris"], "regex": "P.*", "max_words": 5}

        @pytest.mark.graysplit(prompt="?", expect=EXPECT, max_latency_s=2, samples=2, min_similarity=0.99)
        def test_x(graysplit): assert "Paris" in graysplit.control.text
        """
    )
    project.run("--graysplit-json=report.json", "--graysplit-record=none", "--graysplit-gate=none")
    [case] = project.report()["cases"]
    assert [(miss["check"], miss["sample"]) for miss in case["misses"][TREATMENT]] == [
        ("max_latency_s", 0),
        *((check, 1) for check in ("expect.contains[0]", "expect.contains[1]", "expect.regex[0]", "max_latency_s")),
    ]
    pairs = case["comparisons"][TREATMENT]["pairs"]
    assert [(pair["control"], pair["treatment"]) for pair in pairs] == [([0], [0]), ([0], [1]), ([1], [0]), ([1], [1])]
    assert [pair["similarity"] == 1 for pair in pairs] == [True, False, True, False]


def test_report_has_what_the_judge_said_about_each_pair(project):
    """Both orders of every pair, also of further samples."""
    project.write("pyproject.toml", '[tool.graysplit.judge]\nmodel = "judge-longer"\n')
    project.relay.control(models=[CONTROL, TREATMENT, "judge-longer"])
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="?", metric="judge", samples=2)
        def test_x(graysplit): assert graysplit.control.text
        """
    )
    project.run("--graysplit-json=report.json", "--graysplit-param=seed=1")
    [case] = project.report()["cases"]
    remarks = case["comparisons"][TREATMENT]["remarks"]
    assert all(len(one["texts"]) == 2 and one["texts"][0].startswith("A is the control's answer") for one in remarks)
    assert {(one["control"], one["treatment"]) for one in remarks} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert case["metric_calls"][TREATMENT]["metric"] == "judge"


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_secrets_in_the_request_are_not_in_the_report(project, workers):
    """The key in a prompt, a parameter, an id, `expect` and an error, and a word that the hook of a folder names."""
    project.write("inner/conftest.py", "def pytest_graysplit_redact(text): return text.replace('Alice', 'NAME')")
    project.relay.control(faults=[{"kind": "400", "message": f"bad key {KEY}", "model": TREATMENT, "times": None}])
    project.test_file(
        f"""
        EXPECT = {{"contains": ["Alice {KEY}"], "json_schema": {{"const": "Alice {KEY}"}}}}

        @pytest.mark.graysplit(expect=EXPECT, params={{"user": "Alice {KEY}", "stop": ["{KEY}"]}}, tags=["{KEY}"])
        @pytest.mark.parametrize("prompt", ["I am Alice, my key is {KEY}"])
        def test_x(graysplit, prompt): assert graysplit
        """,
        "inner/test_it.py",
    )
    project.run("--graysplit-json=report.json", f"--graysplit-param=metadata=about {KEY}", *workers)
    assert KEY not in (project.path / "report.json").read_text(encoding="utf-8")
    [case] = project.report()["cases"]
    assert case["messages"] == [{"role": "user", "content": "I am NAME, my key is [redacted]"}]
    assert case["params"]["user"] == "NAME [redacted]"
    assert case["expect"]["contains"] == ["NAME [redacted]"]
    assert case["expect"]["json_schema"] == {"const": "NAME [redacted]"}
    assert "NAME [redacted]" in case["misses"]["control"][0]["problem"]
    assert "bad key" in case["replies"][TREATMENT][0]["error"]


@pytest.fixture
def recorded(project):
    """A recorded suite with several arms, samples, files, misses, failed calls and tests of one arm."""
    project.models.append(f"--graysplit-treatment={OTHER}")
    for model, sample in product((CONTROL, TREATMENT, OTHER), range(3)):
        for number in range(8):
            text = f"Answer {number % 3} in {len(model) % (2 + sample)} words"
            project.record(f"test_x[{number}?]", f"{number}?", model=model, text=text, sample=sample)
        project.record("b", "File?", file="a_file", model=model, text=f"From {model}.", sample=sample)
        project.record("test_arm", "Arm?", model=model, text=f"Arm of {model}.", sample=sample)
    project.write("a_file.graysplit.jsonl", '{"id": "b", "prompt": "File?", "expect": {"contains": "deepseek"}}')
    project.test_file(
        """
        @pytest.mark.graysplit(expect={"contains": "Answer 1"}, tags=["x"], max_latency_ratio=0.6)
        @pytest.mark.parametrize("prompt", [f"{n}?" for n in range(8)])
        def test_x(graysplit, prompt): pass

        @pytest.mark.graysplit(prompt="Arm?", samples=1)
        def test_arm(graysplit_reply): assert "claude" in graysplit_reply.text
        """
    )
    return project


@pytest.mark.xdist
def test_equal_results_give_the_same_report(recorded):
    """Twice in one process and with two workers: only the run's id, its start and its duration differ."""
    options = ["--graysplit-record=none", "--graysplit-gate=none", "--graysplit-min-similarity=0.5"]
    texts = []
    for number, workers in enumerate([[], [], ["-n2"], ["-n2", "--dist=loadfile"]]):
        recorded.run(*options, "--graysplit-control-samples=3", f"--graysplit-json={number}.json", *workers)
        report = recorded.report(f"{number}.json")
        assert (len(report["cases"]), report["run"]["complete"]) == (10, True)
        texts.append(OF_THE_RUN.sub("", (recorded.path / f"{number}.json").read_text(encoding="utf-8")))
    assert texts[1:] == texts[:1] * 3


@pytest.mark.parametrize("more", [[], ["--graysplit-min-similarity=auto"], ["-k", "x or b"], ["-x", "--maxfail=2"]])
def test_report_of_a_run_is_enough_for_its_verdict(recorded, more):
    """Sums and verdicts that are made from the file alone give the same file again."""
    recorded.run("--graysplit-record=none", "--graysplit-control-samples=3", "--graysplit-json=report.json", *more)
    report = recorded.report()
    assert [one["n"] > 0 for one in report["comparisons"]] == [True, True]
    text = "".join(chunks(*rebuilt(report), report["run"], configured=configured_in(report)))
    assert text == (recorded.path / "report.json").read_text("utf-8")
