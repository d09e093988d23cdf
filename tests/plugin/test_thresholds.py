"""Thresholds and limits per case: they are asserted after the body, and a failure shows all the evidence."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"


def one_test(mark='prompt="One?"', body="pass"):
    return f"""
    @pytest.mark.graysplit({mark})
    def test_x(graysplit):
        {body}
    """


@pytest.fixture
def record_pair(project):
    """Return a function that records one reply per model."""

    def record(control, treatment, case="test_x", **fields):
        project.record(case, "One?", model=CONTROL, text=control, **{"latency_s": 1.0, **fields})
        project.record(case, "One?", model=TREATMENT, text=treatment, **{"latency_s": 2.0, **fields})

    return record


@pytest.mark.parametrize(
    ("mark", "control", "treatment", "message"),
    [
        (
            "min_similarity=0.75",
            "The sky is blue.",
            "Grass grows in spring.",
            (
                "treatment deepseek-v3.2: lexical similarity 0.05 is below 0.75\n"
                "  hint: where both answers are right, lower min_similarity, choose another metric, or use expect  [similarity-below]\n"
                "\n"
                "  case       test_x (test_it.py:3)\n"
                "  prompt     One?\n"
                "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
                "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
                "  similarity 0.05 (lexical), threshold 0.75, length x1.38\n"
                "  answers    [-The sky is blue.-] {+Grass grows in spring.+}"
            ),
        ),
        (
            "min_similarity=0.75",
            "It took 30 days to arrive.",
            "It took 14 days to arrive.",
            (
                "treatment deepseek-v3.2: lexical similarity 0.80 reaches 0.75, but the guard number-changed vetoes it: control says 30, treatment says 14\n"
                "  hint: similarity does not show this difference; if it is harmless, leave min_similarity out and use expect  [guard-veto]\n"
                "\n"
                "  case       test_x (test_it.py:3)\n"
                "  prompt     One?\n"
                "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
                "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
                "  similarity 0.80 (lexical), threshold 0.75, length x1.00\n"
                "  flag       number-changed: control says 30, treatment says 14\n"
                "  answers    It took [-30-] {+14+} days to arrive."
            ),
        ),
        (
            "expect={'contains': 'Paris', 'max_words': 2}",
            "It is Paris now.",
            "Rome",
            (
                "treatment deepseek-v3.2: expected to contain 'Paris', found 'Rome'\n"
                "  hint: contains is case-sensitive and literal; a regex can match more than one wording  [expect-contains]\n"
                "control claude-sonnet-4.5: expected at most 2 words, found 4\n"
                "  hint: ask for a length in the prompt, or raise max_words (words are separated by white space)  [expect-max-words]\n"
                "\n"
                "  case       test_x (test_it.py:3)\n"
                "  prompt     One?\n"
                "  control    claude-sonnet-4.5: missed, ok 1.00 s $0.0003 replayed\n"
                "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
                "  similarity 0.05 (lexical), length x0.25\n"
                "  answers    [-It is Paris now.-] {+Rome+}"
            ),
        ),
        (
            "max_latency_s=1.5",
            "Paris",
            "Paris",
            (
                "treatment deepseek-v3.2: took 2.00 s, the budget is 1.5 s\n"
                "  hint: raise max_latency_s, or ask for a shorter answer  [latency-budget]\n"
                "\n"
                "  case       test_x (test_it.py:3)\n"
                "  prompt     One?\n"
                "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
                "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
                "  similarity 1.00 (lexical), length x1.00\n"
                "  answers    identical"
            ),
        ),
        (
            "max_latency_ratio=1.5",
            "Paris",
            "Paris",
            (
                "treatment deepseek-v3.2: took x2.00 as long as the control, the budget is x1.5\n"
                "  hint: raise max_latency_ratio, or ask for a shorter answer  [latency-ratio]\n"
                "\n"
                "  case       test_x (test_it.py:3)\n"
                "  prompt     One?\n"
                "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
                "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
                "  similarity 1.00 (lexical), length x1.00\n"
                "  answers    identical"
            ),
        ),
        (
            "max_cost_usd=0.0001",
            "Paris",
            "Paris",
            (
                "control claude-sonnet-4.5: cost $0.0003, the budget is $0.0001\n"
                "  hint: raise max_cost_usd, or ask for a shorter answer  [cost-budget]\n"
                "\n"
                "  case       test_x (test_it.py:3)\n"
                "  prompt     One?\n"
                "  control    claude-sonnet-4.5: missed, ok 1.00 s $0.0003 replayed\n"
                "  treatment  deepseek-v3.2: passed, ok 2.00 s <$0.0001 replayed\n"
                "  similarity 1.00 (lexical), length x1.00\n"
                "  answers    identical"
            ),
        ),
    ],
    ids=["similarity", "guard", "expect", "latency", "latency-ratio", "cost"],
)
def test_missed_threshold_is_a_failure_with_evidence_and_remedy(
    project, record_pair, section_of, mark, control, treatment, message
):
    """The test is FAILED, not ERROR, its body has run, and there is no traceback."""
    record_pair(control, treatment)
    project.test_file(one_test(f'prompt="One?", {mark}', 'print("the body ran")'))
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the body ran"])
    assert section_of(result, "___ test_x ___", "---- Captured") == message
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_threshold_of_the_marker_overrides_the_option(project, record_pair):
    """The option applies to every case without its own threshold."""
    record_pair("The sky is blue.", "Grass grows in spring.")
    record_pair("The sky is blue.", "Grass grows in spring.", "test_y")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit):
            assert graysplit.threshold == 0.75

        @pytest.mark.graysplit(prompt="One?", min_similarity=0.01)
        def test_y(graysplit):
            assert graysplit.threshold == 0.01
        """
    )
    project.run("--graysplit-min-similarity=0.75").assert_outcomes(failed=1, passed=1)


def test_similarity_and_guards_without_a_threshold_only_inform(project, record_pair, section_of):
    """Two replies with nothing in common pass, and the summary says how to assert a similarity."""
    record_pair("It took 30 days.", "It took 14 days.")
    project.test_file(one_test())
    result = project.run()
    result.assert_outcomes(passed=1)
    assert section_of(result, "= graysplit =") == (
        "1 case · control claude-sonnet-4.5 · replayed 2 of 2 replies, latencies as recorded · metric lexical\n"
        "\n"
        "model               pass rate     95% CI          p50      p95      errors   cost       per pass\n"
        "claude-sonnet-4.5   1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        $0.0003    $0.0003\n"
        "deepseek-v3.2       1/1  100.0%   20.7 .. 100.0   2.00 s   2.00 s   0        <$0.0001   <$0.0001\n"
        "\n"
        "deepseek-v3.2 against claude-sonnet-4.5\n"
        "  pass rate     inconclusive: nothing was asserted about the answers\n"
        "  cases         0 broke, 0 fixed; 0 right on both, 0 wrong on both; 1 without an assertion\n"
        "  similarity    0.72 mean of 1; not asserted, --graysplit-min-similarity=X sets a threshold\n"
        "  guards        number-changed 1\n"
        "  latency       x2.00  (one pair, no interval)                    inconclusive\n"
        "  cost          -97% per pass, $318.80 saved per million passes   inconclusive\n"
        "  verdict       HOLD: nothing was asserted about 1 of 1 case: give them expect, a rubric or min_similarity, or\n"
        "                assert in the test (asserts=True in the marker where a helper does)\n"
        "worst cases: test_it.py::test_x 0.72"
    )


def test_failed_body_shows_the_evidence_below_its_traceback(project, record_pair, section_of):
    """The user's assert comes first, then both replies; the case counts against the treatment alone."""
    record_pair("It is Paris.", "It is Rome.")
    project.test_file(one_test(body='assert "Paris" in graysplit.treatment.text'))
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert section_of(result, "Captured graysplit call") == (
        "the test body failed: assert 'Paris' in 'It is Rome.'\n"
        "  hint: the traceback above shows the assert; both answers are below  [body-failed]\n"
        "\n"
        "  case       test_x (test_it.py:3)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
        "  similarity 0.07 (lexical), length x0.92\n"
        "  answers    It is [-Paris.-] {+Rome.+}"
    )
    assert project.report()["cases"][0]["passed"] == {"control": True, TREATMENT: False}


def test_failed_body_also_shows_missed_thresholds(project, record_pair, section_of):
    """The failure of the body does not hide the missed threshold."""
    record_pair("The sky is blue.", "Grass grows in spring.")
    project.test_file(one_test('prompt="One?", min_similarity=0.75', "raise AssertionError('no such city')"))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert section_of(result, "Captured graysplit call") == (
        "treatment deepseek-v3.2: lexical similarity 0.05 is below 0.75\n"
        "  hint: where both answers are right, lower min_similarity, choose another metric, or use expect  [similarity-below]\n"
        "the test body failed: no such city\n"
        "  hint: the traceback above shows the assert; both answers are below  [body-failed]\n"
        "\n"
        "  case       test_x (test_it.py:3)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: missed, ok 2.00 s <$0.0001 replayed\n"
        "  similarity 0.05 (lexical), threshold 0.75, length x1.38\n"
        "  answers    [-The sky is blue.-] {+Grass grows in spring.+}"
    )


def test_skip_in_the_body_asserts_no_threshold(project, record_pair):
    """The case is skipped and in no pass rate."""
    record_pair("The sky is blue.", "Grass grows in spring.")
    project.test_file(one_test('prompt="One?", min_similarity=0.75', "pytest.skip('not today')"))
    result = project.run("--graysplit-json=report.json")
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.OK


def test_body_may_expect_our_errors(project, record_pair):
    """pytest.raises catches our JSON error."""
    record_pair("It is Paris.", "It is Paris.")
    project.test_file(
        one_test(
            body="""
        with pytest.raises(ValueError, match="is not JSON"):
            graysplit.treatment.json()"""
        )
    )
    project.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(("strict", "outcome"), [("True", "failed"), ("False", "xpassed")])
def test_xfail_covers_a_missed_threshold(project, record_pair, strict, outcome):
    """A missed threshold is xfailed; a reached one is xpassed, or fails with strict=True."""
    record_pair("The sky is blue.", "Grass grows in spring.")
    record_pair("Paris", "Paris", "test_y")
    project.test_file(
        f"""
        @pytest.mark.xfail(strict={strict})
        @pytest.mark.graysplit(prompt="One?", min_similarity=0.75)
        def test_x(graysplit): pass

        @pytest.mark.xfail(strict={strict})
        @pytest.mark.graysplit(prompt="One?", min_similarity=0.75)
        def test_y(graysplit): pass
        """
    )
    project.run().assert_outcomes(xfailed=1, **{outcome: 1})


def test_threshold_applies_to_the_control_with_two_samples(project, section_of):
    """The control's self-similarity is below the threshold, so the case fails, and the message names the control."""
    project.record("test_x", "One?", model=CONTROL, text="The sky is blue.")
    project.record("test_x", "One?", model=CONTROL, text="Grass grows in spring.", sample=1)
    project.record("test_x", "One?", model=TREATMENT, text="The sky is blue.")
    project.test_file(one_test('prompt="One?", min_similarity=0.5'))
    result = project.run("--graysplit-control-samples=2", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert section_of(result, "___ test_x ___") == (
        "control claude-sonnet-4.5: similarity 0.05 to its own other answer is below 0.5\n"
        '  hint: the control is less consistent with itself than that, so the threshold is too strict for a treatment: set min_similarity="auto", lower it, send temperature=0, or check the task with expect  [control-similarity]\n'
        "\n"
        "  case       test_x (test_it.py:3)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: missed, ok 1.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: passed in part, ok 1.00 s <$0.0001 replayed\n"
        "  itself     [-The sky is blue.-] {+Grass grows in spring.+}\n"
        "  similarity 0.53 (lexical), threshold 0.5, control with itself 0.05, length x1.00\n"
        "  answers    identical"
    )
    assert project.report()["cases"][0]["passed"] == {"control": False, TREATMENT: False}
    assert project.report()["cases"][0]["pass_share"] == {"control": 0.0, TREATMENT: 0.5}


def test_failed_call_fails_the_case_before_its_body(project, section_of):
    """The relay answers 500 to one model, whose case fails; the body does not run with one reply."""
    project.relay.control(faults=[{"kind": "500", "model": TREATMENT, "times": None}])
    project.test_file(one_test(body='print("the body ran")'))
    result = project.run("--graysplit-retries=1", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("the body ran")
    assert section_of(result, "___ test_x ___") == (
        "treatment deepseek-v3.2: no answer after 2 attempts: the relay answered 500: internal error\n"
        "  hint: failed calls count; run again later, and only missing replies are fetched  [relay-http-error]\n"
        "\n"
        "  case       test_x (test_it.py:3)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: passed, ok N ms <$0.0001\n"
        "  treatment  deepseek-v3.2: missed, error\n"
        "  answer     (of the control) Answer of claude-sonnet-4.5 to: One?"
    )
    assert project.report()["cases"][0]["passed"] == {"control": True, TREATMENT: False}
    assert project.report()["arms"][1]["errors"] == 1


def test_failed_call_is_retried_by_the_next_run(project):
    """The failed call is not recorded, and the other reply is not paid for twice."""
    project.relay.control(faults=[{"kind": "500", "model": TREATMENT}])
    project.test_file(one_test())
    project.run("--graysplit-retries=0").assert_outcomes(failed=1)
    project.run().assert_outcomes(passed=1)
    assert project.relay.stats()["requests"] == {CONTROL: 1, TREATMENT: 2}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "empty",
            (
                "treatment deepseek-v3.2: the answer is empty\n"
                "  hint: raise max_tokens in params (hidden reasoning may have used them up), or look at the prompt  [outcome-empty]\n"
                "\n"
                "  case       test_x (test_it.py:3)"
            ),
        ),
        (
            "refusal",
            (
                "treatment deepseek-v3.2: the model refused to answer\n"
                "  hint: reword the prompt; if a refusal is right, remove the case from the suite  [outcome-refusal]\n"
                "\n"
                "  case       test_x (test_it.py:3)"
            ),
        ),
        (
            "truncated",
            (
                "treatment deepseek-v3.2: the answer was cut off at its token limit\n"
                "  hint: raise max_tokens in params (newer models: max_completion_tokens), or ask for a shorter answer  [outcome-truncated]\n"
                "\n"
                "  case       test_x (test_it.py:3)"
            ),
        ),
    ],
)
def test_empty_refused_or_truncated_reply_is_a_miss(project, section_of, kind, message):
    """It is a miss of the model that gave it."""
    project.relay.control(faults=[{"kind": kind, "model": TREATMENT}])
    project.test_file(one_test())
    result = project.run()
    result.assert_outcomes(failed=1)
    assert section_of(result, "___ test_x ___", "  prompt") == message


def test_latency_limit_applies_to_each_sample(project, section_of):
    """One of two samples is too slow, which fails the case once with the numbers of that sample."""
    for model in (CONTROL, TREATMENT):
        project.record("test_x", "One?", model=model, latency_s=1.0)
        project.record("test_x", "One?", model=model, latency_s=9.0 if model == TREATMENT else 2.0, sample=1)
    project.test_file(one_test('prompt="One?", max_latency_s=3'))
    result = project.run("--graysplit-samples=2")
    result.assert_outcomes(failed=1)
    assert section_of(result, "___ test_x ___") == (
        "treatment deepseek-v3.2: took 9.00 s, the budget is 3 s\n"
        "  hint: raise max_latency_s, or ask for a shorter answer  [latency-budget]\n"
        "\n"
        "  case       test_x (test_it.py:3)\n"
        "  prompt     One?\n"
        "  control    claude-sonnet-4.5: passed, ok 1.00 s $0.0003 replayed, ok 2.00 s $0.0003 replayed\n"
        "  treatment  deepseek-v3.2: missed, ok 1.00 s <$0.0001 replayed, ok 9.00 s <$0.0001 replayed\n"
        "  similarity 1.00 (lexical), control with itself 1.00, length x1.00\n"
        "  answers    identical"
    )


def test_spare_control_sample_is_in_no_rate(project):
    """The second control sample measures noise: its outcome, cost and time count nowhere."""
    project.record("test_x", "One?", model=CONTROL, text="Yes.")
    project.record("test_x", "One?", model=CONTROL, text="No.", sample=1)
    project.record("test_x", "One?", model=TREATMENT, text="Yes.")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", expect={"contains": "Yes"})
        def test_x(graysplit_reply): assert graysplit_reply.text == "Yes."
        """
    )
    project.run("--graysplit-control-samples=2", "--graysplit-json=report.json").assert_outcomes(passed=2)
    case = project.report()["cases"][0]
    assert [len(case["replies"]["control"]), len(case["spare"]["control"])] == [1, 1]
    assert [arm["passed"] for arm in project.report()["arms"]] == [1, 1]
