"""Model-graded metrics: their requests are fetched with the others, recorded, replayed and counted separately."""

import json
import signal
import subprocess
import time

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
EMBEDDER = "text-embedding-3-small"
SETTINGS = """
[tool.graysplit.judge]
model = "{judge}"

[tool.graysplit.semantic]
model = "text-embedding-3-small"

[tool.graysplit.prices]
"judge-longer" = {{ input = 1, output = 2 }}
"text-embedding-3-small" = {{ input = 0.02, output = 0 }}
"""
# The treatment's answer is the longer one, the shorter one, and as long as the control's.
ANSWERS = {"Better?": ("Yes.", "Yes, within 30 days."), "Worse?": ("Within 30 days.", "No."), "Tie?": ("Red.", "Tan.")}
THREE = """
@pytest.mark.graysplit(metric="{metric}")
@pytest.mark.parametrize("prompt", ["Better?", "Worse?", "Tie?"])
def test_x(graysplit, prompt): pass
"""


@pytest.fixture
def suite(project):
    """A project whose relay gives the replies in ANSWERS, with a judge and an embedding model configured."""
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
    judges = [f"judge-{manner}" for manner in ("longer", "first", "garbled")]
    project.relay.control(models=[CONTROL, TREATMENT, *judges], faults=faults)
    project.settings = lambda judge: project.write("pyproject.toml", SETTINGS.format(judge=judge))
    project.settings("judge-longer")
    project.test_file(THREE.format(metric="judge"))
    return project


def similarities(project):
    """Return the similarity of each case in the report, by its prompt."""
    cases = project.report()["cases"]
    return {case["id"].partition("[")[2].rstrip("]"): case["similarity"][TREATMENT] for case in cases}


def metric_calls(project, name="report.json"):
    """Return the metric calls that the report counts."""
    return project.report(name)["comparisons"][0]["metric_calls"]


def bodies_for(project, model):
    """Return the request bodies that one model received."""
    return [body for body in project.relay.stats()["bodies"] if body["model"] == model]


def test_judge_sees_both_orders_and_replays_offline(suite, section_of):
    """Each pair makes two requests that mirror each other; a replay sends nothing and gives the same scores."""
    live = suite.run("--graysplit-json=report.json")
    live.assert_outcomes(passed=3)
    assert "graysplit: judging 3 pairs with judge-longer, 0 of 6 answers are recorded" in live.outlines
    assert similarities(suite) == {"Better?": 1.0, "Worse?": 0.0, "Tie?": 0.5}
    bodies = bodies_for(suite, "judge-longer")
    shown = [body["messages"][1]["content"].partition("[answer A ")[2] for body in bodies]
    first = [text.partition("]\n")[2].partition("\n")[0] for text in shown]
    assert sorted(first) == sorted(text for pair in ANSWERS.values() for text in pair)
    assert all(set(body) == {"model", "messages"} for body in bodies)
    sent = suite.sent()
    assert sent == 6 + 6

    replayed = suite.run("--graysplit-record=none", "--graysplit-json=report.json")
    replayed.assert_outcomes(passed=3)
    assert similarities(suite) == {"Better?": 1.0, "Worse?": 0.0, "Tie?": 0.5}
    assert suite.sent() == sent
    line = "  judge         judge-longer: 6 calls, $0.0011; 1 better, 1 tie, 1 worse"
    assert [one for one in section_of(live, "= graysplit =").splitlines() if "  judge  " in one] == [line]
    assert [one for one in section_of(replayed, "= graysplit =").splitlines() if "  judge  " in one] == [line]


def test_judge_cost_is_not_in_the_cost_of_an_arm(suite):
    """The arms cost the same with and without a judge, and the report counts the judge's calls separately."""
    suite.run("--graysplit-json=with.json")
    suite.run("--graysplit-json=without.json", "--graysplit-record=none", "--graysplit-metric=lexical")
    suite.test_file(THREE.format(metric="lexical"))
    suite.run("--graysplit-json=without.json", "--graysplit-record=none")
    assert metric_calls(suite, "without.json") == {}
    for key in ("cost_usd", "tokens", "cost_per_pass_usd", "cases"):
        assert [arm[key] for arm in suite.report("with.json")["arms"]] == [
            arm[key] for arm in suite.report("without.json")["arms"]
        ]
    counted = metric_calls(suite, "with.json")["judge"]
    usages = [one["usage"] for one in suite.recorded() if one["model"] == "judge-longer"]
    billed = sum(usage["prompt"] * 1 + usage["completion"] * 2 for usage in usages) / 1_000_000
    assert counted.pop("cost_usd") == pytest.approx(billed)
    assert counted == {
        "model": "judge-longer", "calls": 6, "replayed": 0, "failed": 0, "unreadable": 0,
        "better": 1, "ties": 1, "worse": 1, "disagreements": 0, "overruled": 0,
    }  # fmt: skip


def test_judge_with_position_bias_gives_ties(suite):
    """The first answer wins in both orders, which is a tie, and the disagreement is counted."""
    suite.settings("judge-first")
    result = suite.run("--graysplit-json=report.json")
    assert similarities(suite) == {"Better?": 0.5, "Worse?": 0.5, "Tie?": 0.5}
    assert (
        "  judge         judge-first: 6 calls, cost unknown; 0 better, 3 ties, 0 worse; 3 orders disagreed"
        in result.outlines
    )
    assert metric_calls(suite)["judge"]["disagreements"] == 3
    assert metric_calls(suite)["judge"]["cost_usd"] is None


def test_unreadable_judge_reply_gives_no_score(suite, section_of):
    """The summary reports it; with a threshold the test fails with the reason, and the case counts for neither model."""
    suite.settings("judge-garbled")
    result = suite.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=3)
    assert similarities(suite) == {"Better?": None, "Worse?": None, "Tie?": None}
    assert "judge judge-garbled: 6 answers could not be read, and those pairs have no score" in result.outlines
    assert metric_calls(suite)["judge"]["unreadable"] == 6
    result = suite.run("--graysplit-json=report.json", "--graysplit-min-similarity=0.5", "--graysplit-record=none")
    result.assert_outcomes(failed=3)
    assert [arm["cases"] for arm in suite.report()["arms"]] == [0, 0]
    assert section_of(result, "___ test_x[Tie?] ___", "____").splitlines()[:2] == [
        "judge judge-garbled gave no score for case 'test_x[Tie?]': its answer cannot be read, it begins 'I would rather not say.'",
        "  hint: a call that failed is tried again by the next run; if the model cannot do it, name another one in [tool.graysplit.judge], or assert no similarity  [metric-silent]",
    ]


def test_failed_judge_call_is_retried_by_the_next_run(suite):
    """A failed call is not recorded, and recorded verdicts are not requested twice."""
    suite.relay.control(faults=[{"kind": "500", "model": "judge-longer", "times": 1}])
    result = suite.run("--graysplit-json=report.json", "--graysplit-retries=0")
    result.assert_outcomes(passed=3)
    assert "judge judge-longer: 1 call failed, and those pairs have no score" in result.outlines
    sent = suite.sent()
    suite.run("--graysplit-json=report.json").assert_outcomes(passed=3)
    assert (suite.sent() - sent, metric_calls(suite)["judge"]["failed"], metric_calls(suite)["judge"]["replayed"]) == (
        1,
        0,
        5,
    )


def test_missing_verdict_recording_is_explained(suite, section_of):
    """The message is that of a missing reply, with the metric in place of the role."""
    suite.test_file(THREE.format(metric="lexical"))
    suite.run()
    suite.test_file(THREE.format(metric="judge"))
    result = suite.run("--graysplit-record=none")
    result.assert_outcomes(failed=3)
    lines = section_of(result, "___ test_x[Tie?] ___", "____").splitlines()
    assert lines[0] == "no recording for case 'test_x[Tie?]' (judge, judge-longer)"
    assert "  hint: run once with pytest --graysplit-record=new  [recording-missing]" in lines


@pytest.mark.parametrize("mode", ["all", "off"])
def test_record_modes_all_and_off_request_verdicts_again(suite, mode):
    """`all` records the new verdicts; `off` stores nothing."""
    suite.run()
    sent = suite.sent()
    suite.run(f"--graysplit-record={mode}", "--graysplit-json=report.json").assert_outcomes(passed=3)
    assert suite.sent() == sent + 12
    assert metric_calls(suite)["judge"]["replayed"] == 0
    assert len(suite.recorded()) == 12


@pytest.mark.parametrize(
    "arguments", [["-x"], pytest.param(["-n2"], marks=pytest.mark.xdist)], ids=["window", "workers"]
)
def test_prefetch_window_fetches_verdicts_with_each_test(suite, arguments):
    """Scores and requests are the same as in a run that fetches everything first."""
    suite.run(*arguments, "--graysplit-json=report.json").assert_outcomes(passed=3)
    assert similarities(suite) == {"Better?": 1.0, "Worse?": 0.0, "Tie?": 0.5}
    assert suite.sent() == 12
    assert len(suite.recorded()) == 12


def test_judge_compares_the_control_with_itself(suite):
    """Two control samples make one more pair per case, which is fetched with the others."""
    suite.relay.control(faults=[])
    result = suite.run("--graysplit-control-samples=2", "--graysplit-param=seed=1", "--graysplit-json=report.json")
    assert "graysplit: judging 9 pairs with judge-longer, 0 of 18 answers are recorded" in result.outlines
    sent = suite.sent()
    assert metric_calls(suite)["judge"]["calls"] == len(bodies_for(suite, "judge-longer")) == 18
    again = suite.run("--graysplit-control-samples=2", "--graysplit-param=seed=1", "--graysplit-record=none")
    assert "; control with itself 0.50;" in again.stdout.str()
    assert suite.sent() == sent


def test_judge_scores_answers_against_a_reference(suite):
    """Each arm is compared with the reference, and a tie is enough; the verdicts are fetched before the tests."""
    suite.test_file(
        """
        @pytest.mark.graysplit(prompt="Better?", metric="judge", expect={"reference": "Yes, you may."})
        def test_x(graysplit): pass
        """
    )
    result = suite.run("--graysplit-json=report.json")
    assert "graysplit: judging 3 pairs with judge-longer, 0 of 6 answers are recorded" in result.outlines
    assert suite.report()["cases"][0]["passed"] == {"control": False, TREATMENT: True}
    assert metric_calls(suite)["judge"] == {
        **metric_calls(suite)["judge"],
        "calls": 6,
        "better": 1,
        "ties": 0,
        "worse": 0,
    }


def test_judge_scores_a_prompt_of_a_test_body(suite):
    """`graysplit_relay` requests both orders, records them, and replays them."""
    suite.test_file(
        """
        def test_x(graysplit_relay):
            assert graysplit_relay.compare("Better?", metric="judge").similarity == 1.0
        """
    )
    suite.run().assert_outcomes(passed=1)
    assert suite.sent() == 4
    suite.run("--graysplit-record=none").assert_outcomes(passed=1)
    assert suite.sent() == 4


def test_judge_compares_tests_that_run_once_per_arm(suite):
    """The verdicts are fetched with the treatment's test, so nothing is requested at the end of the session."""
    suite.test_file(
        """
        @pytest.mark.graysplit(prompt="Better?", metric="judge")
        def test_x(graysplit_reply): assert graysplit_reply.text
        """
    )
    suite.run("--graysplit-json=report.json").assert_outcomes(passed=2)
    assert suite.report()["cases"][0]["similarity"] == {TREATMENT: 1.0}
    assert suite.sent() == 4


def test_score_hook_replaces_judge_calls(suite):
    """A pair that the user's function scores is not sent to the judge; the other pairs are."""
    suite.write(
        "conftest.py",
        """
        def pytest_graysplit_score(metric, case, control, treatment):
            return 0.25 if case.prompt != "Better?" else None
        """,
    )
    suite.run("--graysplit-json=report.json").assert_outcomes(passed=3)
    assert similarities(suite) == {"Better?": 1.0, "Worse?": 0.25, "Tie?": 0.25}
    assert len(bodies_for(suite, "judge-longer")) == 2


@pytest.mark.xdist
def test_judge_summary_is_equal_with_workers(suite, section_of):
    """The same recordings give the same lines byte for byte, including the line of the judge."""
    suite.run()
    one = suite.run("--graysplit-record=none", "--graysplit-json=one.json")
    two = suite.run("--graysplit-record=none", "--graysplit-json=two.json", "-n2")
    assert section_of(one, "= graysplit =") == section_of(two, "= graysplit =")
    assert "judge-longer: 6 calls" in section_of(one, "= graysplit =")
    assert suite.report("one.json")["comparisons"] == suite.report("two.json")["comparisons"]


def test_embeddings_are_recorded_and_replay_to_the_same_score(suite, section_of):
    """Each text is one request on the embeddings route; live and replayed scores are equal to the last digit."""
    suite.test_file(THREE.format(metric="semantic"))
    result = suite.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=3)
    assert "graysplit: embedding 6 texts with text-embedding-3-small, 0 of 6 answers are recorded" in result.outlines
    assert suite.relay.stats()["paths"]["POST /v1/embeddings"] == 6
    assert sorted(body["input"] for body in bodies_for(suite, EMBEDDER)) == sorted(
        text for pair in ANSWERS.values() for text in pair
    )
    live, sent = similarities(suite), suite.sent()
    assert 0 < live["Better?"] < 1
    assert live["Tie?"] == 0.0
    suite.run("--graysplit-record=none", "--graysplit-json=report.json").assert_outcomes(passed=3)
    assert similarities(suite) == live
    assert suite.sent() == sent
    lines = section_of(result, "= graysplit =").splitlines()
    assert "  embeddings    text-embedding-3-small: 6 calls, <$0.0001" in lines
    # Many relays list no embedding model, so the run only warns.
    assert "the relay lists no model 'text-embedding-3-small'; it may serve it all the same" in lines


def test_unknown_judge_model_stops_at_its_first_request(suite):
    """The replies of the arms are kept, and no second pair is judged."""
    suite.settings("judge-longr")
    suite.relay.control(faults=[{"kind": "404", "model": "judge-longr", "message": "no such model", "times": None}])
    result = suite.run()
    assert "the relay knows no model 'judge-longr', did you mean judge-longer?" in result.stderr.str()
    assert suite.sent() == 6 + 1
    suite.test_file(THREE.format(metric="lexical"))
    suite.run().assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (
            "judge",
            """--graysplit-metric: judge needs a model that judges
  hint: name it in pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1"  [metric-model-missing]""",
        ),
    ],
)
def test_judge_metric_without_a_model_is_refused(suite, metric, message):
    """The message says how to name a model, and nothing is sent."""
    (suite.path / "pyproject.toml").unlink()
    suite.test_file(THREE.replace('metric="{metric}"', ""))
    result = suite.run(f"--graysplit-metric={metric}")
    assert message in result.stdout.str()
    assert suite.sent() == 0


def test_judge_model_may_be_an_alias_with_its_own_parameters(suite):
    """The judge receives the parameters of its own table, and none of those of the arms."""
    text = '[tool.graysplit.judge]\nmodel = "umpire"\ncriteria = "the kinder answer"\nparams = { temperature = 0 }\n'
    suite.write("pyproject.toml", text + '[tool.graysplit.aliases]\numpire = "judge-longer"\n')
    suite.run("--graysplit-param=top_p=0.5").assert_outcomes(passed=3)
    bodies = bodies_for(suite, "judge-longer")
    assert {body["temperature"] for body in bodies} == {0}
    assert not any("top_p" in body for body in bodies)
    assert all("Better means: the kinder answer\n" in body["messages"][0]["content"] for body in bodies)


def test_verdict_recordings_are_used_while_their_case_exists(suite, monkeypatch):
    """They stay used when the case is renamed and replayed, and become unused when the case is deleted."""
    from pytest_graysplit.cli import main

    suite.run()
    models = ["--", f"--graysplit-control={CONTROL}", f"--graysplit-treatment={TREATMENT}"]
    assert main(["recordings", "check", *models]) == 0
    renamed = THREE.format(metric="judge").replace("test_x", "test_y")
    suite.test_file(renamed)
    assert main(["recordings", "check", *models]) == 0
    suite.test_file(renamed.replace(', "Tie?"', ""))
    assert main(["recordings", "check", *models]) == 1
    assert main(["recordings", "tidy", "--drop-orphans", *models]) == 0
    assert sorted({one["case"] for one in suite.recorded()}) == ["test_x[Better?]", "test_x[Worse?]"]
    suite.run("--graysplit-record=none").assert_outcomes(passed=2)


def test_killed_run_keeps_its_verdicts(suite):
    """Verdicts are written to the journal one by one, so the next run requests only the rest."""
    suite.relay.control(latencies={"judge-longer": 0.3})
    command = [*suite.python(), *suite.options("--graysplit-concurrency=1")]
    with subprocess.Popen(command, cwd=suite.path, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        while (stats := suite.relay.stats())["requests"].get("judge-longer", 0) - stats["in_flight"] < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    suite.relay.control(latencies={})
    before = suite.relay.stats()["requests"]
    result = suite.run("--graysplit-json=report.json")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["recovered * replies from an interrupted run"])
    after = suite.relay.stats()["requests"]
    assert after[CONTROL] == before[CONTROL] == 3
    assert after["judge-longer"] - before["judge-longer"] <= 5  # the kill may lose one verdict
    assert similarities(suite) == {"Better?": 1.0, "Worse?": 0.0, "Tie?": 0.5}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tool.graysplit.judge]\nmodle = "m"', "judge.modle: unknown setting, did you mean model?"),
        ('[tool.graysplit.judge]\ncriteria = "kind"', "judge: names no model"),
        ("[tool.graysplit.judge]\nmodel = 4", "judge.model: 4 is blank, or not a text"),
        (
            '[tool.graysplit.judge]\nmodel = "m"\ncriteria = " "',
            "judge.criteria: ' ' is blank, or not a text",
        ),
        ('[tool.graysplit]\njudge = "gpt-4.1"', "judge: 'gpt-4.1' is not a table"),
        ('[tool.graysplit.semantic]\nmodel = "m"\ncriteria = "x"', "semantic.criteria: unknown setting"),
        ('[tool.graysplit.semantic]\nmodel = "m"\nparams = {input = "x"}', "semantic.params.input: sets input"),
    ],
)
def test_invalid_judge_settings_are_named(suite, text, message):
    """The message gives the dotted name of the setting."""
    suite.write("pyproject.toml", text)
    assert f"ERROR: pyproject.toml [tool.graysplit] {message}" in suite.run().stderr.str()


def test_verdicts_are_recorded_as_replies_of_their_case(suite):
    """The judge's text is stored unchanged under the case that it judged."""
    suite.run()
    lines = [one for one in suite.recorded() if one["model"] == "judge-longer" and one["case"] == "test_x[Tie?]"]
    assert [json.loads(one["text"])["winner"] for one in lines] == ["tie", "tie"]
    assert {one["sample"] for one in lines} == {0}


def test_failure_shows_the_verdicts_of_the_judge(suite, section_of):
    """The verdicts of both orders are shown beside the score, each with the answer that was shown as A."""
    result = suite.run("--graysplit-min-similarity=0.5")
    result.assert_outcomes(passed=2, failed=1)
    message = section_of(result, "___ test_x[Worse?] ___", "=== graysplit")
    assert "deepseek-v3.2: judge similarity 0.00 is below 0.5" in message
    assert (
        "  judge      A is the control's answer: A is better. {'A': 15, 'B': 3}\n"
        "  judge      A is the treatment's answer: B is better. {'A': 3, 'B': 15}\n"
    ) in message


def test_reference_without_a_verdict_fails_neither_model(suite):
    """The test fails and says why, and the case is in no pass rate."""
    suite.settings("judge-garbled")
    suite.test_file(
        """
        @pytest.mark.graysplit(prompt="Better?", metric="judge", expect={"reference": "Yes, you may."})
        def test_x(graysplit_reply): pass
        """
    )
    result = suite.run("--graysplit-json=report.json")
    result.assert_outcomes(failed=2)
    assert [(arm["cases"], arm["passed"]) for arm in suite.report()["arms"]] == [(0, 0), (0, 0)]
    assert "judge judge-garbled gave no score for case 'test_x'" in result.stdout.str()


def test_judge_compares_each_treatment_with_the_control(suite):
    """Each treatment has its own verdicts and its own count in one run."""
    suite.relay.control(models=[CONTROL, TREATMENT, "gemini-2.5-flash", "judge-longer"])
    suite.run("--graysplit-treatment=gemini-2.5-flash", "--graysplit-json=report.json").assert_outcomes(passed=6)
    calls_by_model = {one["treatment"]: one["metric_calls"]["judge"] for one in suite.report()["comparisons"]}
    assert {model: (one["calls"], one["better"]) for model, one in calls_by_model.items()} == {
        TREATMENT: (6, 1),
        "gemini-2.5-flash": (6, 3),
    }
    assert suite.sent() == 9 + 12


def test_control_embeddings_are_shared_by_two_treatments(suite):
    """Both comparisons need the same request, which is sent once."""
    suite.relay.control(models=[])
    suite.test_file(THREE.format(metric="semantic"))
    suite.run("--graysplit-treatment=gemini-2.5-flash").assert_outcomes(passed=6)
    assert suite.relay.stats()["requests"][EMBEDDER] == 9


def test_judge_sees_redacted_texts(suite):
    """The judge sees the text that the recording holds, so a replay finds the same request."""
    suite.write(
        "conftest.py",
        """
        import re

        def pytest_graysplit_redact(text):
            return re.sub("30|[0-9]{2}", "NN", text)
        """,
    )
    suite.test_file(
        """
        @pytest.mark.graysplit(metric="judge", expect={"reference": "Within 30 days, or 14.", "min_similarity": 0})
        @pytest.mark.parametrize("prompt", ["Better?", "Worse?"])
        def test_x(graysplit, prompt): pass

        @pytest.mark.graysplit(metric="semantic")
        @pytest.mark.parametrize("prompt", ["Better?", "Worse?"])
        def test_y(graysplit, prompt): pass
        """
    )
    suite.run("--graysplit-json=live.json").assert_outcomes(passed=4)
    assert not any("30" in body["input"] for body in bodies_for(suite, EMBEDDER))
    sent = suite.sent()
    suite.run("--graysplit-record=none", "--graysplit-json=replay.json").assert_outcomes(passed=4)
    assert suite.sent() == sent
    similarities = [
        [case["similarity"] for case in suite.report(name)["cases"]] for name in ("live.json", "replay.json")
    ]
    assert similarities[0] == similarities[1]


def test_prefetch_window_limits_verdicts_ahead_of_a_failure(suite):
    """Verdicts of the next tests are fetched while one runs; verdicts far behind a failure are never paid for."""
    suite.relay.control(faults=[])
    test = """
        @pytest.mark.graysplit(metric="{metric}")
        @pytest.mark.parametrize("prompt", [f"Prompt {{n}}" for n in range(30)])
        def test_x(graysplit, prompt):
            if prompt == "Prompt 5":
                import time
                time.sleep(0.5)
                assert False
        """
    suite.test_file(test.format(metric="lexical"))
    suite.run().assert_outcomes(passed=29, failed=1)
    suite.test_file(test.format(metric="judge"))
    suite.run("-x", "--graysplit-concurrency=2").assert_outcomes(passed=5, failed=1)
    six_tests, ahead = 6 * 2, 2 * 2
    assert six_tests < len(bodies_for(suite, "judge-longer")) <= six_tests + ahead


def test_recorded_embedding_that_is_invalid_gives_no_score(suite):
    """The file was edited by hand: the pairs of that text have no score, and the summary says so."""
    suite.test_file(THREE.format(metric="semantic"))
    suite.run()
    path = suite.path / "__graysplit__" / "test_it.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    vector = next(line for line in lines if line.get("model") == EMBEDDER and "Tie?" in line["case"])
    vector["text"] = "no vector"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = suite.run("--graysplit-record=none", "--graysplit-json=report.json")
    result.assert_outcomes(passed=3)
    assert (similarities(suite)["Tie?"], metric_calls(suite)["semantic"]["unreadable"]) == (None, 1)
    assert (
        "semantic text-embedding-3-small: 1 answer could not be read, and those pairs have no score" in result.outlines
    )
