"""Rubrics: each criterion is judged for each answer of both arms, recorded, replayed and counted separately."""

import json
import re

import pytest
from report_reader import configured_in, rebuilt

from pytest_graysplit.reporting.json_report import chunks

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


WINDOW, PLEASE = "names the window of 30 days", "is polite, so it says please"


class Suite:
    """A project with a case file, a relay that gives the answers of both arms, and a judge that reads them."""

    def __init__(self, project):
        self.project = project
        self.faults = []
        self.answers(ANSWERS)
        self.judge("judge-words")
        self.cases(CASES)

    def __getattr__(self, name):
        return getattr(self.project, name)

    def answers(self, answers):
        """Let the relay give these answers of control and treatment, by prompt."""
        arms = (CONTROL, TREATMENT)
        self.faults = [
            self.text(model, f'[{{"role": "user", "content": "{prompt}"}}]', text)
            for prompt, texts in answers.items()
            for model, text in zip(arms, texts, strict=True)
        ]
        self.relay.control(models=[*arms, *JUDGES], faults=self.faults)

    @staticmethod
    def text(model, match, text):
        return {"kind": "text", "model": model, "match": match, "text": text, "times": None}

    def break_judge(self, match, kind="text", text="Well."):
        """Let the judge give no verdict where its request contains a text."""
        fault = {**self.text("judge-words", match, text), "kind": kind}
        self.relay.control(models=[CONTROL, TREATMENT, *JUDGES], faults=[fault, *self.faults])

    def judge(self, model, more=""):
        self.write("pyproject.toml", SETTINGS.format(judge=model) + more)

    def cases(self, cases):
        self.write("it.graysplit.jsonl", "\n".join(map(json.dumps, cases)))

    def judged(self):
        """Return the number of requests that the judge has received."""
        return sum(body["model"] in JUDGES for body in self.relay.stats()["bodies"])

    def reported(self, *arguments):
        """Run, and return the result with the cases of its report by id."""
        result = self.run("--graysplit-json=report.json", *arguments)
        return result, {case["id"]: case for case in self.report()["cases"]}


@pytest.fixture
def suite(project):
    return Suite(project)


def holds(case, arm):
    """Return the verdicts on an arm's answers, by criterion and sample."""
    return [(one["criterion"], one["sample"], one["holds"]) for one in case["rubric_results"].get(arm, [])]


def test_criteria_decide_which_answers_pass(suite, section_of):
    """Each criterion of each answer that passes its checks is one request; a replay sends nothing and is the same."""
    live, cases = suite.reported()
    live.assert_outcomes(passed=1, failed=2)
    assert "graysplit: judging 7 criteria with judge-words, 0 of 7 answers are recorded" in live.outlines
    assert section_of(live, "___ worse ___", "____").splitlines()[:2] == [
        "treatment deepseek-v3.2: rubric: 'names the window of 30 days' does not hold: The word 'days' is missing.",
        "  hint: read the answer; if the judge is wrong, name in the criterion what the answer must say  [expect-rubric]",
    ]
    assert suite.judged() == 7  # nothing about the answer that misses expect
    assert cases["both"]["rubric"] == [WINDOW, PLEASE]
    assert holds(cases["both"], TREATMENT) == [(WINDOW, 0, True), (PLEASE, 0, True)]
    assert holds(cases["worse"], TREATMENT) == [(WINDOW, 0, False)]
    assert holds(cases["cut"], TREATMENT) == []
    assert [case["passed"][TREATMENT] for case in cases.values()] == [True, False, False]
    assert cases["worse"]["checks_share"] == {"control": 1.0, TREATMENT: 1.0}
    assert cases["cut"]["checks_share"] == {"control": 1.0, TREATMENT: 0.0}
    (miss,) = cases["worse"]["misses"][TREATMENT]
    assert (miss["kind"], miss["check"], miss["sample"]) == ("rubric", "rubric[0]", 0)

    sent = suite.sent()
    replayed, again = suite.reported("--graysplit-record=none")
    replayed.assert_outcomes(passed=1, failed=2)
    assert suite.sent() == sent
    kept = ("passed", "rubric_results", "checks_share", "misses")
    assert [[case[key] for key in kept] for case in again.values()] == [
        [case[key] for key in kept] for case in cases.values()
    ]


def test_judge_of_a_rubric_is_paid_for_apart(suite, section_of):
    """Its calls are in no arm's cost, and have a line of their own with the criteria that fail most."""
    result, cases = suite.reported()
    lines = section_of(result, "= graysplit =").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("  rubric"))
    assert lines[at : at + 3] == [
        "  rubric        judge-words: 7 calls, $0.0016",
        "  criteria      claude-sonnet-4.5 fails 0 of 4",
        "                deepseek-v3.2 fails 1 of 3: 'names the window of 30 days' 1 of 2",
    ]
    report = suite.report()
    usages = [one["usage"] for one in suite.recorded("it") if one["model"] == "judge-words"]
    billed = sum(usage["prompt"] * 1 + usage["completion"] * 2 for usage in usages) / 1_000_000
    counted = report["comparisons"][0]["metric_calls"]["rubric"]
    assert counted["cost_usd"] == pytest.approx(billed)
    assert (counted["model"], counted["calls"], counted["replayed"]) == ("judge-words", 7, 0)
    assert sum(case["rubric_calls"][TREATMENT]["calls"] for case in cases.values()) == 7
    assert all(case["metric_calls"] == {} for case in cases.values())
    assert [arm["priced"] for arm in report["arms"]] == [3, 3]
    again = "".join(chunks(*rebuilt(report), report["run"], configured=configured_in(report)))
    assert again == (suite.path / "report.json").read_text("utf-8")


def test_equal_answers_of_both_arms_share_their_verdicts(suite):
    """The request names no arm, so the same words cost once and get the same verdict."""
    suite.answers({"Both?": ("30 days, please.",) * 2, "Worse?": ("Two weeks.",) * 2, "Cut?": ("Yes, 30 days.",) * 2})
    _, cases = suite.reported()
    assert suite.judged() == 4
    for case in cases.values():
        assert holds(case, "control") == holds(case, TREATMENT)
        assert case["passed"]["control"] == case["passed"][TREATMENT]


def test_no_arm_counts_where_the_judge_gives_no_verdict(suite, section_of):
    """No answer can be read: no case is judged, the tests fail with the judge's words, and the verdict holds."""
    suite.judge("judge-garbled")
    suite.cases(CASES[:2])
    result, cases = suite.reported("--graysplit-gate=verdict", "--graysplit-on-hold=fail")
    assert [(case["passed"], case["pass_share"], case["checks_share"]) for case in cases.values()] == [({}, {}, {})] * 2
    assert cases["worse"]["unjudged"]["control"]["because"] == "without a verdict of the judge"
    assert section_of(result, "___ worse ___", "____").splitlines()[:2] == [
        "judge judge-garbled gave no verdict for case 'worse' on 'names the window of 30 days': its answer cannot be read, it begins 'I would rather not say.'",
        "  hint: a call that failed is tried again by the next run; if the judge cannot do it, name another one in [tool.graysplit.judge], or give it more tokens in its params  [rubric-silent]",
    ]
    assert "4 answers without a verdict of the judge on both models: in no rate" in result.outlines
    note = "rubric judge-garbled: 6 answers could not be read, and where the verdict was needed, the case counts for "
    assert note + "neither model" in result.outlines
    comparison = suite.report()["comparisons"][0]
    assert (comparison["verdict"], comparison["reasons"][:2]) == (
        "hold",
        [
            "no case was judged on both models",
            "no result on both models for 2 of 2 cases: 2 without a verdict of the judge",
        ],
    )


@pytest.mark.parametrize("answer", ["Within 30 days.", "Within two weeks."])
def test_no_arm_passes_or_fails_alone(suite, answer):
    """A verdict that is missing on one arm's answer takes the other arm's verdict out as well, pass or miss."""
    suite.break_judge(answer)
    result, cases = suite.reported()
    assert cases["worse"]["passed"] == {}
    assert cases["worse"]["misses"] == {"control": [], TREATMENT: []}
    assert [arm["cases"] for arm in suite.report()["arms"]] == [2, 2]
    assert cases["both"]["passed"] == {"control": True, TREATMENT: True}
    result.assert_outcomes(passed=1, failed=2)


def test_a_criterion_that_fails_needs_no_other_verdict(suite):
    """An answer is decided by one criterion that does not hold, also if the judge is silent on another one."""
    suite.answers({"Both?": ("Please ask.", "Please wait.")})
    suite.break_judge("so it says please\\n[end of criterion")
    suite.cases(CASES[:1])
    result, cases = suite.reported()
    assert holds(cases["both"], TREATMENT) == [(WINDOW, 0, False), (PLEASE, 0, None)]
    assert cases["both"]["passed"] == {"control": False, TREATMENT: False}
    result.assert_outcomes(failed=1)


def test_judge_is_looked_up_in_the_list_of_the_relay(suite):
    """With the models of the arms, before the first request."""
    suite.judge("judge-nowhere")
    suite.cases(CASES[:1])
    result = suite.run()
    assert (
        "the relay lists no model 'judge-nowhere', did you mean judge-words?; it may serve it all the same"
        in result.outlines
    )


def test_failed_call_of_the_judge_is_tried_again_by_the_next_run(suite):
    """It is not recorded, and until then the case counts for neither arm."""
    suite.break_judge("Within two weeks.", kind="500")
    _, cases = suite.reported("--graysplit-retries=0")
    assert cases["worse"]["passed"] == {}
    assert cases["worse"]["rubric_calls"][TREATMENT]["failed"] == 1
    suite.answers(ANSWERS)
    judged = suite.judged()
    _, cases = suite.reported()
    assert cases["worse"]["passed"] == {"control": True, TREATMENT: False}
    assert suite.judged() == judged + 1


def test_failed_checks_stand_without_a_verdict(suite):
    """The treatment misses `expect`, so its miss needs no judge; the control's answer is unknown, so there is no pair."""
    suite.break_judge("Yes, within 30 days.")
    _, cases = suite.reported()
    assert cases["cut"]["passed"] == {TREATMENT: False}
    assert cases["cut"]["unjudged"]["control"]["because"] == "without a verdict of the judge"
    assert suite.report()["comparisons"][0]["n"] == 2


def test_every_sample_is_judged_and_the_spare_ones_of_the_control(suite):
    """One answer in two fails the rubric, so half of the arm's answers pass; the control's third counts as well."""
    suite.relay.control(faults=[])
    suite.cases([{"id": "seeds", "prompt": "?", "rubric": ["ends with (seed 5)"], "params": {"seed": 5}}])
    _, cases = suite.reported("--graysplit-samples=2", "--graysplit-control-samples=3")
    found = [("ends with (seed 5)", sample, sample == 0) for sample in range(3)]
    assert (holds(cases["seeds"], "control"), holds(cases["seeds"], TREATMENT)) == (found, found[:2])
    assert cases["seeds"]["pass_share"] == {"control": pytest.approx(1 / 3), TREATMENT: 0.5}
    assert cases["seeds"]["checks_share"] == {"control": 1.0, TREATMENT: 1.0}


def test_one_sample_without_a_verdict_leaves_the_case_unjudged(suite):
    """A missing verdict is not half a pass."""
    suite.relay.control(faults=[Suite.text("judge-words", "(seed 6)\\n[end of answer", "Well.")])
    suite.cases([{"id": "seeds", "prompt": "?", "rubric": ["names a seed"], "params": {"seed": 5}}])
    _, cases = suite.reported("--graysplit-samples=2")
    assert cases["seeds"]["pass_share"] == {}


def test_changed_criterion_or_judge_is_not_replayed(suite):
    """A replay finds no verdict for it and says so; it does not take another one."""
    suite.run()
    suite.cases([{**CASES[1], "rubric": ["names the window of 14 days"]}])
    result, cases = suite.reported("--graysplit-record=none")
    assert cases["worse"]["passed"] == {}
    assert "no recording for case 'worse' (rubric, judge-words)" in result.stdout.str()
    suite.cases(CASES[1:2])
    suite.judge("judge-yes")
    result, cases = suite.reported("--graysplit-record=none")
    assert cases["worse"]["passed"] == {}
    assert cases["worse"]["unjudged"]["control"]["because"] == "not recorded"


def test_rubric_without_a_judge_is_a_usage_error(suite):
    """The message has the lines to add, and nothing is sent."""
    suite.write("pyproject.toml", "")
    result = suite.run()
    assert (
        "it.graysplit.jsonl:1: a rubric needs a model that judges\n"
        '  hint: add to pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1" (a model, or the name of an arm)  '
        "[metric-model-missing]"
    ) in result.stdout.str() + result.stderr.str()
    assert suite.sent() == 0


def test_cap_needs_a_limit_of_the_judge_and_holds(suite):
    """Its answers are bounded and reserved like others; a case that the cap leaves out is judged for neither arm."""
    prices = '"claude-sonnet-4.5" = { input = 1, output = 2 }\n"deepseek-v3.2" = { input = 1, output = 2 }\n'
    limited = ["--graysplit-param=max_tokens=50", "--graysplit-max-cost=0.0015"]
    suite.judge("judge-words", prices)
    refused = suite.run(*limited)
    assert "nothing limits what the judge judge-words may answer" in refused.stdout.str() + refused.stderr.str()
    assert suite.sent() == 0
    suite.judge("judge-words", f"{prices}[tool.graysplit.judge.params]\nmax_tokens = 50\n")
    result, cases = suite.reported(*limited)
    unjudged = [case for case in cases.values() if case["unjudged"]]
    assert unjudged
    assert all(case["passed"] == {} for case in unjudged)
    assert {because["unasked"] for case in unjudged for because in case["unjudged"].values()} == {True}
    assert "FAILED graysplit::budget" in result.stdout.str()


def test_prefetch_window_fetches_verdicts_with_each_test(suite):
    """The results are those of a run that fetches everything first."""
    suite.answers({**ANSWERS, "Worse?": ("30 days.", "In 30 days."), "Cut?": ("Yes: 30 days.", "Yes, 30 days.")})
    result, cases = suite.reported("-x")
    result.assert_outcomes(passed=3)
    assert [case["passed"][TREATMENT] for case in cases.values()] == [True, True, True]
    assert suite.judged() == len([one for one in suite.recorded("it") if one["model"] == "judge-words"]) == 8


def test_rubric_of_a_marker_and_of_a_prompt_in_a_body(suite):
    """Both run the same checks, and the body is one more."""
    suite.cases([])
    suite.test_file(
        f"""
        @pytest.mark.graysplit(prompt="Worse?", rubric="{WINDOW}")
        def test_marked(graysplit): pass

        def test_in_body(graysplit_relay):
            graysplit_relay.compare("Both?", rubric=["{WINDOW}", "{PLEASE}"])
        """
    )
    (suite.path / "it.graysplit.jsonl").unlink()
    result, cases = suite.reported()
    result.assert_outcomes(passed=1, failed=1)
    assert cases["test_marked"]["passed"] == {"control": True, TREATMENT: False}
    assert cases["test_marked"]["asserted"]
    assert cases["test_in_body#1"]["passed"] == {"control": True, TREATMENT: True}


def test_tests_that_run_once_per_arm_are_settled_together(suite):
    """Each arm has its own test; a verdict that one lacks takes the case out for both."""
    (suite.path / "it.graysplit.jsonl").unlink()
    suite.test_file(
        f"""
        @pytest.mark.graysplit(prompt="Worse?", rubric="{WINDOW}")
        def test_x(graysplit_reply): assert graysplit_reply.text
        """
    )
    _, cases = suite.reported()
    assert cases["test_x"]["passed"] == {"control": True, TREATMENT: False}
    suite.break_judge("Within 30 days.")
    _, cases = suite.reported("--graysplit-record=all")
    assert (cases["test_x"]["passed"], cases["test_x"]["misses"][TREATMENT]) == ({}, [])


def test_judge_is_asked_about_answers_that_a_reference_lets_pass(suite):
    """Where a model scores the reference, the rubric waits for it: one more round of requests, before the tests."""
    suite.judge("judge-longer")
    suite.relay.control(models=[CONTROL, TREATMENT, "judge-longer"], faults=suite.faults)
    reference = {"reference": "Within 300 days."}
    suite.cases([{**CASES[1], "metric": "judge", "expect": reference}])
    result, cases = suite.reported()
    assert "graysplit: judging 1 criterion with judge-longer, 6 of 7 answers are recorded" in result.outlines
    assert cases["worse"]["misses"][TREATMENT] == []
    assert [len(cases["worse"]["rubric_results"].get(arm, [])) for arm in ("control", TREATMENT)] == [0, 1]


def test_redacted_texts_are_neither_judged_nor_reported(suite):
    """The judge reads an answer as it is recorded, so a replay asks the same; criteria and reasons are redacted too."""
    suite.write("conftest.py", "def pytest_graysplit_redact(text): return text.replace('Jane', '[name]')")
    suite.answers({"Who?": ("It is Jane", "It was Jane")})
    suite.cases([{"id": "who", "prompt": "Who?", "rubric": "names Jane"}])
    _, cases = suite.reported()
    assert cases["who"]["rubric"] == ["names [name]"]
    reason = "The word '[name]' is missing."
    assert cases["who"]["rubric_results"][TREATMENT] == [
        {"criterion": "names [name]", "sample": 0, "holds": False, "reason": reason}
    ]
    assert "Jane" not in (suite.path / "__graysplit__/it.jsonl").read_text("utf-8")
    _, replayed = suite.reported("--graysplit-record=none")
    assert replayed["who"]["rubric_results"] == cases["who"]["rubric_results"]


def test_junit_has_the_verdict_on_each_criterion(suite):
    """Criteria by number, and their verdicts by arm and number."""
    suite.run("--junit-xml=junit.xml", "-o", "junit_family=xunit1")
    text = (suite.path / "junit.xml").read_text("utf-8")
    found = re.findall(r'name="graysplit_(rubric\S*)" value="(.*?)"', text)
    assert found[:6] == [
        ("rubric[0]", WINDOW),
        ("rubric[control][0]", "yes"),
        (f"rubric[{TREATMENT}][0]", "yes"),
        ("rubric[1]", PLEASE),
        ("rubric[control][1]", "yes"),
        (f"rubric[{TREATMENT}][1]", "yes"),
    ]
    assert (f"rubric[{TREATMENT}][0]", "no") in found


def test_judge_that_is_an_arm_is_named(suite):
    """An arm's table names the judge, and its model is that of the treatment."""
    suite.write(
        "pyproject.toml",
        f'[tool.graysplit.arms.strict]\nmodel = "{TREATMENT}"\n[tool.graysplit.judge]\nmodel = "strict"\n',
    )
    suite.cases(CASES[:1])
    result = suite.run()
    warning = (
        f"judge strict is the model of {TREATMENT} itself: judges tend to prefer their own answers, so name a judge of "
        "another family in [tool.graysplit.judge]"
    )
    assert warning in result.outlines
