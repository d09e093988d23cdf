"""`min_similarity="auto"`: the threshold is measured on the noise of the control before the first test, or refused."""

import random
import re

import pytest

from pytest_graysplit.types import ToolCall

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
CONTROL_ARM = "control"
AUTO = "--graysplit-min-similarity=auto"
TWO = "--graysplit-control-samples=2"
LATER = "2026-11-24T10:00:00Z"
NEAR = """
def pytest_graysplit_score(metric, control, treatment):
    if metric == "near":
        return 1 - abs(len(control.text) - len(treatment.text)) / 1000
"""


def text_of_length(tens):
    """Return a text of a given length; by the metric `near` ten more letters cost 0.01 of similarity."""
    return "a" * 100 + "b" * 10 * tens


@pytest.fixture
def write_suite(project):
    """Return a function that writes cases with a self-similarity of .99, .98, ... of the control."""

    def write(cases=19, mark="", unlike=(), **fields):
        project.write("conftest.py", NEAR)
        for number in range(cases):
            case, prompt = f"test_x[Prompt {number}]", f"Prompt {number}"
            project.record(case, prompt, model=CONTROL, text=text_of_length(0), **fields)
            project.record(case, prompt, model=CONTROL, text=text_of_length(number + 1), sample=1, **fields)
            project.record(case, prompt, model=TREATMENT, text=text_of_length(50 if number in unlike else 0))
        project.test_file(
            f"""
            @pytest.mark.graysplit({mark})
            @pytest.mark.parametrize("prompt", [f"Prompt {{n}}" for n in range({cases})])
            def test_x(graysplit, prompt): pass
            """
        )
        return project

    return write


def near_options(*arguments):
    return ["--graysplit-record=none", "--graysplit-metric=near", *arguments]


def summary_notes(section_of, result):
    """Return the notes between the summary's first line and its table."""
    lines = section_of(result, "= graysplit =").splitlines()
    return lines[1 : lines.index("")]


def test_auto_threshold_of_19_cases_is_their_lowest_self_similarity(write_suite, section_of):
    """The message, the summary and the JSON report say that the threshold was measured."""
    project = write_suite(unlike=[3])
    result = project.run(*near_options(AUTO, TWO, "--graysplit-json=report.json"))
    result.assert_outcomes(passed=18, failed=1)
    message = section_of(result, "___ test_x[Prompt 3] ___").splitlines()
    assert message[:2] == [
        (
            "treatment deepseek-v3.2: near similarity 0.52 is below 0.81 (auto: the control with itself stays above it in "
            "95% of cases)"
        ),
        "  hint: where both answers are right, choose another metric, or use expect  [similarity-below]",
    ]
    assert "  similarity 0.52 (near), threshold 0.81 (auto), control with itself 0.96, length x6.00" in message
    lines = section_of(result, "= graysplit =").splitlines()
    assert "  similarity    0.93 mean of 19, 1 case below 0.81 (auto); control with itself 0.90" in lines
    assert not any("cannot discriminate" in line or "control misses" in line for line in lines)
    case = next(case for case in project.report()["cases"] if case["id"] == "test_x[Prompt 3]")
    assert {name: case[name] for name in ("threshold", "calibrated", "discriminates")} == {
        "threshold": 0.81, "calibrated": True, "discriminates": True,
    }  # fmt: skip
    assert case["self_similarity"] == pytest.approx(0.96)


@pytest.mark.xdist
def test_auto_threshold_is_equal_with_workers(write_suite, section_of):
    """Each worker sees all cases, so summary and report are those of one process."""
    project = write_suite(cases=40, unlike=[3, 30])
    one = project.run(*near_options(AUTO, TWO, "--graysplit-json=one.json"))
    two = project.run(*near_options(AUTO, TWO, "--graysplit-json=two.json"), "-n2")
    assert one.parseoutcomes() == two.parseoutcomes()
    assert section_of(one, "= graysplit =") == section_of(two, "= graysplit =")
    assert project.report("one.json")["cases"] == project.report("two.json")["cases"]
    # Of 40 self-similarities the second lowest is the threshold, so one is below it.
    assert "0.61 (auto)" in section_of(two, "= graysplit =")
    assert "cannot discriminate: test_it.py::test_x[Prompt 39] (the control is less like itself" in section_of(
        two, "= graysplit ="
    )


def test_auto_threshold_applies_to_the_control_too(write_suite):
    """The one case below the threshold is a miss of the control."""
    project = write_suite(cases=40)
    project.run(*near_options(AUTO, TWO, "--graysplit-json=report.json")).assert_outcomes(passed=39, failed=1)
    missed = [case["id"] for case in project.report()["cases"] if not case["passed"]["control"]]
    assert missed == ["test_x[Prompt 39]"]


@pytest.mark.parametrize(
    ("ini", "mark", "arguments", "note", "threshold"),
    [
        ("", "", [AUTO], "not asserted", None),
        ("graysplit_min_similarity = 0.75", "", [AUTO], "0.75 is used instead", 0.75),
        ("", 'min_similarity="auto"', ["--graysplit-min-similarity=0.5"], "0.5 is used instead", 0.5),
    ],
    ids=["nothing", "option over ini", "marker over option"],
)
def test_auto_threshold_with_too_few_cases_falls_back(write_suite, section_of, ini, mark, arguments, note, threshold):
    """18 cases are too few, and the summary says so and names the number that is used instead."""
    project = write_suite(cases=18, mark=mark)
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    result = project.run(*near_options(TWO, "--graysplit-json=report.json", *arguments))
    result.assert_outcomes(passed=18)
    assert summary_notes(section_of, result) == [
        f"min_similarity=auto needs 19 cases with two control samples, this run has 18: {note}"
    ]
    assert {(case["threshold"], case["calibrated"]) for case in project.report()["cases"]} == {(threshold, False)}


def test_auto_in_the_marker_falls_back_to_the_case_file(project, section_of):
    """The number of the case file is used before that of the option."""
    project.record("a", "File?", text="Yes.")
    project.record("a", "File?", model=CONTROL, text="Yes.", sample=1)
    project.write("support.jsonl", '{"id": "a", "prompt": "File?", "min_similarity": 0.6}')
    project.test_file(
        """
        @pytest.mark.graysplit(cases="support.jsonl", min_similarity="auto")
        def test_x(graysplit): pass
        """
    )
    result = project.run(
        "--graysplit-record=none", TWO, "--graysplit-min-similarity=0.9", "--graysplit-json=report.json"
    )
    result.assert_outcomes(passed=1)
    assert project.report()["cases"][0]["threshold"] == 0.6


def test_auto_in_a_case_file_is_calibrated(project):
    """The same cases under two treatments count once."""
    rows = [f"case-{number},Prompt {number},auto" for number in range(19)]
    project.write("support.graysplit.csv", "\n".join(["id,prompt,min_similarity", *rows]))
    for number in range(19):
        for model in (CONTROL, TREATMENT, "gemini-2.5-flash"):
            project.record(f"case-{number}", f"Prompt {number}", file="support", model=model, text="It is so.")
        project.record(f"case-{number}", f"Prompt {number}", file="support", model=CONTROL, text="It is.", sample=1)
    both = ["--graysplit-treatment=gemini-2.5-flash", "--graysplit-record=none", TWO, "--graysplit-json=report.json"]
    project.run(*both).assert_outcomes(passed=38)
    thresholds = {(case["threshold"], case["calibrated"]) for case in project.report()["cases"]}
    assert len(thresholds) == 1
    assert thresholds.pop()[1] is True
    project.write("support.graysplit.csv", "\n".join(["id,prompt,min_similarity", *rows[:10]]))
    project.run(*both).stdout.fnmatch_lines(["*needs 19 cases with two control samples, this run has 10: not asserted"])


def test_auto_threshold_is_calibrated_per_metric(write_suite, section_of):
    """The note names the metric that has too few cases."""
    project = write_suite()
    for sample in (0, 1):
        project.record("test_y", "Why?", model=CONTROL, text="Because.", sample=sample)
    project.record("test_y", "Why?", model=TREATMENT, text="Because.")
    path = project.path / "test_it.py"
    path.write_text(
        path.read_text() + '\n@pytest.mark.graysplit(prompt="Why?", metric="exact")\ndef test_y(graysplit): pass\n'
    )
    result = project.run(*near_options(AUTO, TWO))
    result.assert_outcomes(passed=20)
    assert summary_notes(section_of, result) == [
        "min_similarity=auto (exact) needs 19 cases with two control samples, this run has 1: not asserted",
        "min_similarity=auto (near) is 0.81: the control itself misses it in 0.3 to 15% of cases",
    ]


def test_auto_threshold_of_a_selection_is_noted(write_suite, section_of):
    """`-k` leaves fewer cases to measure, which may give another threshold."""
    project = write_suite(cases=30)
    result = project.run(*near_options(AUTO, TWO, "-k", "not (20 or 21 or 22 or 29)"))
    note = "min_similarity=auto is 0.71, calibrated on 26 selected cases only: the control itself misses it in 0.2 to 11% of cases"
    assert note in summary_notes(section_of, result)


def test_auto_threshold_is_not_calibrated_on_a_cache(project, section_of):
    """One text under one response id is a stored reply; under two ids the model has repeated itself."""
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(20)])
        def test_x(graysplit, prompt): pass
        """
    )
    for number in range(20):
        for sample, model in ((0, CONTROL), (1, CONTROL), (0, TREATMENT)):
            named = {"sample": sample, "response_id": f"id-{number:02}"}
            project.record(f"test_x[Prompt {number}]", f"Prompt {number}", model=model, text="Yes.", **named)
    arguments = ["--graysplit-record=none", AUTO, TWO, "--graysplit-json=report.json"]
    assert summary_notes(section_of, project.run(*arguments)) == [
        "min_similarity=auto is not calibrated on a cache: not asserted",
        (
            "the relay answered all control samples of a case with the same stored reply (response id id-00) in "
            "20 cases: it serves a cache, so it is unknown how consistent the control is with itself"
        ),
    ]
    assert project.report()["cases"][0]["threshold"] is None
    for number in range(20):
        named = {"sample": 1, "response_id": f"own-{number:02}", "at": "2026-11-24T10:00:00Z"}
        project.record(f"test_x[Prompt {number}]", f"Prompt {number}", model=CONTROL, text="Yes.", **named)
    assert summary_notes(section_of, project.run(*arguments)) == [
        "min_similarity=auto is 1: the control itself misses it in at most 14% of cases"
    ]
    assert project.report()["cases"][0]["threshold"] == 1.0


LIVE = """
@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(20)])
def test_x(graysplit, prompt): assert prompt != "Prompt 0"
"""


def test_auto_threshold_fetches_everything_before_an_early_exit(project):
    """With -x the first test needs every reply of the control; the seed makes the two samples of the relay differ."""
    project.test_file(LIVE)
    result = project.run("-x", AUTO, TWO, "--graysplit-param=seed=1", "--graysplit-json=report.json")
    result.assert_outcomes(failed=1)
    assert project.sent() == 60
    assert project.report()["cases"][0]["calibrated"] is True


@pytest.mark.xdist
def test_auto_threshold_with_workers_needs_recordings(project, section_of):
    """No worker has all replies of the control before they are recorded, so one message refuses the run."""
    project.test_file(LIVE)
    arguments = [AUTO, TWO, "--graysplit-param=seed=1"]
    result = project.run("-n2", *arguments)
    text = result.stdout.str()
    assert project.sent() == 0
    assert text.count("[auto-workers]") == 1
    result.stdout.fnmatch_lines(
        [
            "auto thresholds are calibrated on every control reply before the first test; 40 of 40 are not recorded",
            (
                "  hint: run once without -n, which records them, or give a number: --graysplit-min-similarity=X  "
                "[[]auto-workers]"
            ),
        ]
    )
    assert result.ret != pytest.ExitCode.OK
    one = project.run(*arguments)
    two = project.run("-n2", *arguments)
    assert one.parseoutcomes() == two.parseoutcomes() == {"failed": 20}
    assert "20 cases below 0.909 (auto)" in section_of(two, "= graysplit =")
    assert project.sent() == 60


def test_auto_threshold_applies_to_prompts_of_a_test_body(write_suite):
    """These prompts are too late for the calibration, but are compared with its threshold."""
    project = write_suite()
    for sample in (0, 1):
        project.record("test_y#1", "Why?", model=CONTROL, text=text_of_length(0), sample=sample)
    project.record("test_y#1", "Why?", model=TREATMENT, text=text_of_length(20))
    path = project.path / "test_it.py"
    path.write_text(
        path.read_text()
        + "\ndef test_y(graysplit_relay):\n    print('held to', graysplit_relay.compare('Why?').threshold)\n"
    )
    result = project.run(*near_options(AUTO, TWO))
    result.assert_outcomes(passed=19, failed=1)
    result.stdout.fnmatch_lines(["*near similarity 0.80 is below 0.81 (auto: *", "held to 0.81"])


def test_prompts_of_a_test_body_alone_calibrate_nothing(project, section_of):
    """No reply is known before the first comparison, and the summary says that no threshold was asserted."""
    for sample in (0, 1):
        project.record("test_y#1", "Why?", model=CONTROL, text="Because.", sample=sample)
    project.record("test_y#1", "Why?", model=TREATMENT, text="Who knows.")
    project.test_file("def test_y(graysplit_relay): assert graysplit_relay.compare('Why?').threshold is None")
    result = project.run("--graysplit-record=none", AUTO, TWO)
    result.assert_outcomes(passed=1)
    assert summary_notes(section_of, result) == [
        "min_similarity=auto needs 19 cases with two control samples, this run has 0: not asserted"
    ]


def test_self_similarity_applies_to_tests_that_run_once_per_arm(project, section_of):
    """The control's item misses, and the treatment passes with one of its two pairs."""
    project.record("test_x", "One?", model=CONTROL, text="The sky is blue.")
    project.record("test_x", "One?", model=CONTROL, text="Grass grows in spring.", sample=1)
    project.record("test_x", "One?", model=TREATMENT, text="The sky is blue.")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?", min_similarity=0.5)
        def test_x(graysplit_reply): assert graysplit_reply.text
        """
    )
    result = project.run("--graysplit-record=none", TWO, "--graysplit-json=report.json")
    result.assert_outcomes(passed=1, failed=1)
    message = section_of(result, "___ test_x[control] ___").splitlines()
    assert message[0] == "control claude-sonnet-4.5: similarity 0.05 to its own other answer is below 0.5"
    assert message[-2:] == [
        "  itself     [-The sky is blue.-] {+Grass grows in spring.+}",
        "  answer     The sky is blue.",
    ]
    assert project.report()["cases"][0]["pass_share"] == {"control": 0.0, TREATMENT: 0.5}
    assert summary_notes(section_of, result) == [
        (
            "the control misses its own threshold of 0.5 in 1 of 1 case: a treatment cannot be asked for more; "
            "use min_similarity=auto or expect"
        )
    ]


HINT = "  hint: add --graysplit-control-samples=2: the second reply shows how consistent the control is with itself  [auto-samples]"


@pytest.mark.parametrize(
    ("mark", "arguments", "line"),
    [
        ("", [AUTO], ("ERROR: --graysplit-min-similarity=auto needs two replies of the control to each case, and this "
                     "run asks for one")),
        ('min_similarity="auto"', [], ("test_it.py:3: min_similarity=auto needs two replies of the control to each "
                                      "case, and this run asks for one")),
    ],
    ids=["option", "marker"],
)  # fmt: skip
def test_auto_with_one_control_sample_is_refused_before_it_sends(project, mark, arguments, line):
    """The second sample costs money, so the user must ask for it."""
    project.test_file(f'@pytest.mark.graysplit(prompt="One?", {mark})\ndef test_x(graysplit): pass')
    result = project.run(*arguments)
    assert result.ret != pytest.ExitCode.OK
    output = [*result.outlines, *result.errlines]
    assert output[output.index(line) + 1] == HINT
    assert project.sent() == 0


def test_auto_with_one_control_sample_names_the_line_of_a_case_file(project):
    """The hint is the same as for the option."""
    project.write("support.graysplit.yaml", '- prompt: "One?"\n- prompt: "Two?"\n  min_similarity: auto\n')
    result = project.run()
    line = "support.graysplit.yaml:2: min_similarity=auto needs two replies of the control to each case, and this run asks for one"
    assert result.outlines[result.outlines.index(line) + 1] == HINT


def test_auto_threshold_accepts_samples_of_option_and_case(project):
    """`--graysplit-samples=2` and `samples: 2` of a case are two replies of the control."""
    project.test_file(
        '@pytest.mark.graysplit(prompt="One?", min_similarity="auto", samples=2)\ndef test_x(graysplit): pass'
    )
    project.run().assert_outcomes(passed=1)
    project.run("--graysplit-samples=2", AUTO).assert_outcomes(passed=1)
    project.run_without_models(AUTO).assert_outcomes(skipped=1)


def test_self_similarity_is_in_junit(write_suite):
    """Dashboards read it as a property."""
    project = write_suite()
    project.run(*near_options(AUTO, TWO, "--junit-xml=junit.xml"))
    xml = (project.path / "junit.xml").read_text()
    assert re.findall(r'name="graysplit_self_similarity" value="([^"]+)"', xml)[:2] == ["0.99", "0.98"]


THREE = "--graysplit-control-samples=3"


def words_of(*seed):
    """Return ten words that depend on the seed."""
    rng = random.Random(str(seed))
    return ["".join(rng.choices("bcdfghjklmpqrstvwxz", k=6)) for _ in range(10)]


@pytest.fixture
def write_word_suite(project):
    """Return a function that writes cases whose control replaces some of ten words from sample to sample."""

    def write(parts, reply_of, cases=20, samples=2):
        project.test_file(
            f"""
            @pytest.mark.graysplit
            @pytest.mark.parametrize("prompt", [f"Prompt {{n}}" for n in range({cases})])
            def test_x(graysplit, prompt): pass
            """
        )
        for number in range(cases):
            case, prompt = f"test_x[Prompt {number}]", f"Prompt {number}"
            words = words_of(number)
            for sample in range(samples):
                text = " ".join([*words[: 10 - parts], *words_of(number, sample)[:parts]])
                project.record(case, prompt, model=CONTROL, text=text, sample=sample)
            project.record(case, prompt, model=TREATMENT, text=" ".join(reply_of(words)))
        return project

    return write


def test_auto_threshold_that_other_prompts_reach_is_noted(write_word_suite, section_of):
    """The control never repeats itself, so the threshold asserts nothing, and the summary says so."""
    project = write_word_suite(10, lambda words: words)
    result = project.run("--graysplit-record=none", AUTO, TWO, "--graysplit-metric=exact")
    assert summary_notes(section_of, result) == [
        "min_similarity=auto is 0: the control itself misses it in at most 14% of cases",
        (
            "min_similarity=auto asserts nothing: every answer reaches 0; use expect, another metric or three control "
            "samples (--graysplit-control-samples=3)"
        ),
    ]
    note = summary_notes(section_of, project.run("--graysplit-record=none", AUTO, TWO))[1]
    assert note.startswith("min_similarity=auto asserts nothing: 5% of the control's answers to other prompts reach 0.")


def test_auto_threshold_of_labels_is_asserted(project, section_of):
    """Other prompts share the right label, but a wrong label still misses."""
    project.test_file(
        """
        @pytest.mark.graysplit(metric="exact")
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(20)])
        def test_x(graysplit, prompt): pass
        """
    )
    for number in range(20):
        for sample in (0, 1):
            label = "open" if number % 2 else "closed"
            project.record(f"test_x[Prompt {number}]", f"Prompt {number}", model=CONTROL, text=label, sample=sample)
        project.record(f"test_x[Prompt {number}]", f"Prompt {number}", model=TREATMENT, text="open")
    result = project.run("--graysplit-record=none", AUTO, TWO)
    result.assert_outcomes(passed=10, failed=10)
    assert (
        summary_notes(section_of, result)[0]
        == "min_similarity=auto is 1: the control itself misses it in at most 14% of cases"
    )


def test_three_control_samples_give_each_case_its_own_threshold(write_word_suite, section_of):
    """The threshold is the self-similarity of the case less a tolerance."""
    project = write_word_suite(2, lambda words: words[:4] + words_of("unlike")[4:], cases=24, samples=3)
    result = project.run("--graysplit-record=none", AUTO, THREE, "--graysplit-json=report.json")
    note = summary_notes(section_of, result)[0]
    assert re.fullmatch(
        r"min_similarity=auto is the similarity of the control's answers to a case, less 0\.\d+: "
        r"the control itself misses it in 0\.2 to 12% of cases",
        note,
    )
    cases = project.report()["cases"]
    lack = float(note.partition("less ")[2].partition(":")[0])
    for case in cases:
        assert case["calibrated"]
        assert case["threshold"] == pytest.approx(case["self_similarity"] - lack, abs=0.001)
        assert case["passed"] == {CONTROL_ARM: True, TREATMENT: False}


def test_three_control_samples_pass_a_reply_like_the_control(write_word_suite):
    """The reply differs no more than the control's replies do."""
    project = write_word_suite(2, lambda words: words[:8] + words_of("like")[8:], cases=24, samples=3)
    project.run("--graysplit-record=none", AUTO, THREE).assert_outcomes(passed=24)


def test_three_control_samples_apply_to_prompts_of_a_test_body(write_word_suite):
    """The tolerance comes from the marked cases, the self-similarity from the prompt itself."""
    project = write_word_suite(2, lambda words: words, cases=24, samples=3)
    for sample in range(3):
        project.record("call-1", "Here?", model=CONTROL, text="Ask us by mail.", sample=sample)
    project.record("call-1", "Here?", model=TREATMENT, text="Call them.")
    path = project.path / "test_it.py"
    path.write_text(
        path.read_text()
        + """
def test_call(graysplit_relay):
    found = graysplit_relay.compare("Here?", id="call-1")
    print("held to", found.threshold > 0.5, found.calibrated)
"""
    )
    result = project.run("--graysplit-record=none", AUTO, THREE, "-s")
    result.assert_outcomes(passed=24, failed=1)
    result.stdout.fnmatch_lines(["*held to True True*"])


@pytest.mark.parametrize(("metric", "parts", "verdict"), [("exact", 10, "hold"), ("lexical", 2, "promote")])
def test_auto_threshold_that_asserts_nothing_never_promotes(write_word_suite, metric, parts, verdict):
    """Every case passes with both metrics, but only one of them could have shown a miss."""
    project = write_word_suite(parts, lambda words: words[: 10 - parts] + words_of("own")[:parts], cases=60)
    arguments = ["--graysplit-record=none", AUTO, TWO, f"--graysplit-metric={metric}", "--graysplit-json=report.json"]
    project.run(*arguments, "--graysplit-gate=none")
    [comparison] = project.report()["comparisons"]
    assert (comparison["verdict"], comparison["pass_difference"]["low"] > -0.05) == (verdict, verdict == "promote")


def test_auto_threshold_of_tool_calls_is_compared_with_calls_to_other_prompts(project):
    """The control varies its calls so much that calls to other prompts are as alike: nothing is asserted."""
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(40)])
        def test_x(graysplit, prompt): pass
        """
    )
    for number in range(40):
        case, prompt = f"test_x[Prompt {number}]", f"Prompt {number}"
        for model, sample in ((CONTROL, 0), (CONTROL, 1), (TREATMENT, 0)):
            arguments = {"shop": "lamps", "order": number, "note": f"{model} {sample} {number}"}
            calls = (ToolCall("refund", arguments),)
            project.record(case, prompt, model=model, text="", tool_calls=calls, sample=sample)
    result = project.run("--graysplit-record=none", AUTO, TWO, "--graysplit-json=report.json", "--graysplit-gate=none")
    assert "min_similarity=auto is 0.666" in result.stdout.str()
    assert {case["asserted"] for case in project.report()["cases"]} == {True}
    for number in range(40):
        case, prompt = f"test_x[Prompt {number}]", f"Prompt {number}"
        for model, sample in ((CONTROL, 0), (CONTROL, 1), (TREATMENT, 0)):
            arguments = {"shop": "lamps", "order": 7, "note": f"{model} {sample} {number}"}
            calls = (ToolCall("refund", arguments),)
            project.record(case, prompt, model=model, text="", tool_calls=calls, sample=sample, at=LATER)
    result = project.run("--graysplit-record=none", AUTO, TWO, "--graysplit-json=report.json", "--graysplit-gate=none")
    assert "min_similarity=auto asserts nothing: 5% of the control's answers to other prompts reach" in (
        result.stdout.str()
    )
    assert {case["asserted"] for case in project.report()["cases"]} == {False}
    assert project.report()["comparisons"][0]["verdict"] == "hold"
