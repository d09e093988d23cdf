"""What each record mode sends, stores and refuses, and that nothing paid for is ever lost."""

import json

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
KEY = "made-up-key-0123456789"
TWO = """
@pytest.mark.graysplit
@pytest.mark.parametrize("prompt", ["One?", "Two?"])
def test_x(graysplit, prompt): pass
"""
ONE = '@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass\n'


def refused(result):
    """The whole of what was said on stderr, and nothing but that."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return result.stderr.str().strip()


def test_new_records_what_is_missing_and_replays_the_rest(project):
    """The second run sends nothing, a third with one more prompt sends that alone."""
    project.test_file(ONE)
    project.run("--graysplit-record=new").assert_outcomes(passed=1)
    project.run("--graysplit-record=new").assert_outcomes(passed=1)
    assert project.sent() == 2
    project.test_file(ONE + '\n@pytest.mark.graysplit(prompt="Two?")\ndef test_y(graysplit): pass\n')
    project.run("--graysplit-record=new").assert_outcomes(passed=2)
    assert project.sent() == 4
    assert len(project.recorded()) == 4


def test_auto_is_new_with_a_key(project):
    """A desk with a key records."""
    project.test_file(ONE)
    project.run().assert_outcomes(passed=1)
    assert len(project.recorded()) == 2


@pytest.mark.parametrize("ci", ["true", "1"])
def test_auto_is_none_on_a_build_server(project, monkeypatch, ci):
    """A build server replays, and a changed prompt fails its test with the way out."""
    project.test_file(ONE)
    project.run()
    monkeypatch.setenv("CI", ci)
    project.run().assert_outcomes(passed=1)
    project.test_file(TWO)
    result = project.run()
    result.assert_outcomes(failed=1, passed=1)
    assert project.sent() == 2


def test_a_build_server_variable_that_says_false_is_no_build_server(project, monkeypatch):
    """CI=false is what some shells set to switch it off."""
    monkeypatch.setenv("CI", "false")
    project.test_file(ONE)
    project.run().assert_outcomes(passed=1)
    assert project.sent() == 2


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "CI",
            (
                "ERROR: nothing is recorded yet, and this run only replays, because CI is set\n"
                "  hint: record once, with your key: GRAYSPLIT_API_KEY=... pytest --graysplit-record=new  [nothing-recorded]"
            ),
        ),
        (
            "GRAYSPLIT_API_KEY",
            (
                "ERROR: nothing is recorded yet, and this run only replays, because GRAYSPLIT_API_KEY is not set\n"
                "  hint: record once, with your key: GRAYSPLIT_API_KEY=... pytest --graysplit-record=new  [nothing-recorded]"
            ),
        ),
    ],
)
def test_nothing_recorded_and_nothing_allowed_is_one_usage_error(project, monkeypatch, variable, message):
    """Not a failure a test, but one message that says why this run only replays, and how to record."""
    monkeypatch.setenv(variable, "true" if variable == "CI" else "")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(TWO)
    result = project.run()
    assert refused(result) == message
    assert project.sent() == 0
    assert not (project.path / ".graysplit").exists()


def test_none_fails_a_miss_with_the_nearest_recording(project, section):
    """What differs is told field by field, for the arm that has no recording."""
    project.record("test_x", "One?")
    project.test_file(ONE)
    result = project.run("--graysplit-record=none", "--graysplit-param=temperature=0")
    result.assert_outcomes(failed=1)
    assert section(result, "___ test_x ___") == (
        "no recording for case 'test_x' (control, claude-sonnet-4.5)\n"
        "  __graysplit__/test_it.jsonl has one that differs:\n"
        "    temperature: (not sent) -> 0\n"
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )
    assert project.sent() == 0


def test_none_says_so_where_there_is_no_recording_at_all(project, section):
    """Asked for explicitly, every test is told."""
    project.test_file(ONE)
    result = project.run("--graysplit-record=none")
    result.assert_outcomes(failed=1)
    assert section(result, "___ test_x ___") == (
        "no recording for case 'test_x' (control, claude-sonnet-4.5)\n"
        "  __graysplit__/test_it.jsonl holds no replies\n"
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )


def test_none_reads_one_arm_of_two(project, section):
    """A treatment that nobody has recorded yet is the one that is named."""
    project.record("test_x", "One?", model=CONTROL)
    project.test_file(ONE)
    result = project.run("--graysplit-record=none", "--graysplit-json=report.json")
    assert section(result, "___ test_x ___") == (
        "no recording for case 'test_x' (treatment, deepseek-v3.2)\n"
        "  __graysplit__/test_it.jsonl has one that differs:\n"
        "    model: claude-sonnet-4.5 -> deepseek-v3.2\n"
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )
    assert project.report()["run"]["complete"] is False


def test_all_records_everything_anew(project):
    """Both arms are asked again, the new answers replace the old, and other recordings stay."""
    project.record("test_x", "One?", text="old")
    project.record("elsewhere", "Old?", text="kept")
    project.test_file(ONE)
    project.run("--graysplit-record=all").assert_outcomes(passed=1)
    assert project.sent() == 2
    texts = {reply["case"]: reply["text"] for reply in project.recorded()}
    assert texts["elsewhere"] == "kept"
    assert texts["test_x"] != "old"


def test_off_calls_and_stores_nothing(project):
    """Neither a recording nor a journal is read or written."""
    project.record("test_x", "One?", text="old")
    project.test_file(ONE)
    before = project.recorded()
    project.run("--graysplit-record=off").assert_outcomes(passed=1)
    assert project.sent() == 2
    assert project.recorded() == before


def test_new_without_a_key_says_how_to_give_one(project, monkeypatch):
    """An explicit mode is not silently turned into replay."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(ONE)
    assert refused(project.run("--graysplit-record=new")) == (
        "ERROR: GRAYSPLIT_API_KEY is not set, and replies must be fetched\n"
        "  hint: export GRAYSPLIT_API_KEY=... (any text, if your relay wants none), or replay with --graysplit-record=none  [key-missing]"
    )
    assert project.sent() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--graysplit-record=new"], "GRAYSPLIT_API_KEY is not set"), ([], "nothing is recorded yet")],
)
def test_a_run_that_may_stop_early_says_the_same(project, monkeypatch, arguments, message):
    """`-x` looks a window ahead, and tells what is missing as any run does."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(TWO)
    whole, early = project.run(*arguments), project.run("-x", *arguments)
    assert refused(early).replace("pytest -x", "pytest") == refused(whole)
    assert message in refused(early)
    assert "INTERNALERROR" not in early.stdout.str()


def test_new_without_a_key_replays_what_is_recorded(project, monkeypatch):
    """A key is needed only where something is to be sent."""
    project.record("test_x", "One?")
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    project.test_file(ONE)
    project.run("--graysplit-record=new").assert_outcomes(passed=1)


def test_no_relay_is_one_usage_error(project):
    """Connection refused: one message, not one a case, and no traceback."""
    project.test_file(TWO)
    result = project.run("--graysplit-base-url=http://127.0.0.1:9/v1", "--graysplit-retries=0")
    assert refused(result) == (
        "ERROR: no relay answers at http://127.0.0.1:9/v1: cannot connect: Connection refused\n"
        "  hint: check --graysplit-base-url, and that the relay runs and this machine reaches it (proxy, VPN, firewall)  [relay-unreachable]"
    )


def test_a_relay_that_answers_html_is_one_usage_error(project):
    """A sign-in page is not a relay; one request finds it out."""
    project.relay.control(faults=[{"kind": "html", "on": "any", "times": None}])
    project.test_file(TWO)
    assert refused(project.run()).replace(project.relay.url, "URL") == (
        "ERROR: URL is not an OpenAI-compatible relay: the answer is not JSON but a web page titled 'Sign in' (the base URL usually ends in /v1)\n"
        "  hint: check --graysplit-base-url; the base URL usually ends in /v1  [relay-not-json]"
    )
    assert project.sent() == 1


def test_a_model_that_the_relay_does_not_know_is_named_with_the_nearest(project):
    """By its first request, which goes alone."""
    unknown = {"kind": "404", "model": "deepsek-v3.2", "message": "The model does not exist", "times": None}
    project.relay.control(faults=[unknown])
    project.models = [f"--graysplit-control={CONTROL}", "--graysplit-treatment=deepsek-v3.2"]
    project.test_file(TWO)
    assert refused(project.run()) == (
        "ERROR: the relay knows no model 'deepsek-v3.2', did you mean deepseek-v3.2? (the relay answered 404: The model does not exist)\n"
        "  hint: it lists claude-sonnet-4.5, deepseek-v3.2, gemini-2.5-flash, gpt-4.1  [model-unknown]"
    )
    assert project.relay.stats()["requests"]["deepsek-v3.2"] == 1


def test_a_refused_key_stops_the_run_with_one_message(project):
    """401 at the list of models, and at the one request that goes alone then."""
    project.relay.control(key="the right one")
    project.test_file(TWO)
    assert refused(project.run()).replace(project.relay.url, "URL") == (
        "ERROR: URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert project.sent() == 1


def test_a_refused_key_stops_a_run_that_may_stop_early(project, section):
    """With a window ahead the first test fails with the message, no second one runs, and the summary repeats it."""
    project.relay.control(key="the right one")
    project.test_file(TWO)
    result = project.run("--maxfail=5")
    assert result.parseoutcomes() == {"failed": 1}
    message = section(result, "___ test_x[One?] ___")
    assert message.replace(project.relay.url, "URL") == (
        "URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert message in section(result, "= graysplit =")
    assert project.sent() == 1


def test_a_key_that_is_refused_in_the_middle_keeps_what_was_answered(project):
    """One message, and the next run pays for the rest only."""
    project.relay.control(faults=[{"kind": "401", "match": "Prompt 3", "on": "chat"}])
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(6)])
        def test_x(graysplit, prompt): pass
        """
    )
    result = project.run("--graysplit-concurrency=1")
    assert refused(result).replace(project.relay.url, "URL") == (
        "ERROR: URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert "Traceback" not in result.stdout.str()
    answered = project.sent() - 1
    assert len(project.recorded()) == answered
    project.run().assert_outcomes(passed=6)
    assert project.sent() == answered + 1 + (12 - answered)


def test_a_control_that_is_its_own_treatment_is_said_to_be(project, section):
    """Two answers of one model, and the summary says what that measures."""
    project.models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={CONTROL}"]
    project.record("test_x", "One?", model=CONTROL, text="Paris")
    project.record("test_x", "One?", model=CONTROL, text="Paris", sample=1)
    project.test_file(ONE)
    result = project.run("--graysplit-record=none", "--graysplit-json=report.json")
    result.assert_outcomes(passed=1)
    assert section(result, "= graysplit =") == (
        "1 case · control claude-sonnet-4.5 · replayed 2 of 2 replies, latencies as recorded · metric lexical\n"
        "\n"
        "model                           pass rate     95% CI          p50      p95      errors   cost      per pass\n"
        "claude-sonnet-4.5 (control)     1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        $0.0003   $0.0003\n"
        "claude-sonnet-4.5 (treatment)   1/1  100.0%   20.7 .. 100.0   1.00 s   1.00 s   0        $0.0003   $0.0003\n"
        "\n"
        "claude-sonnet-4.5 against claude-sonnet-4.5, an A/A run: one model in both roles\n"
        "  pass rate     inconclusive: nothing was asserted about the answers\n"
        "  cases         0 broke, 0 fixed; 0 right on both, 0 wrong on both; 1 without an assertion\n"
        "  similarity    1.00 mean of 1; not asserted, --graysplit-min-similarity=X sets a threshold\n"
        "  latency       x1.00  (one pair tells no more)                 inconclusive\n"
        "  cost          0% per pass, $0.0000 saved per million passes   inconclusive\n"
        "  verdict       HOLD: nothing was asserted about 1 of 1 case: give them expect or min_similarity, or assert in\n"
        "                the test (asserts=True in the marker where a helper does)"
    )
    assert [(arm["role"], arm["model"]) for arm in project.report()["arms"]] == [
        ("control", CONTROL),
        ("treatment", CONTROL),
    ]


def test_a_promoted_model_keeps_its_recordings(project):
    """Roles are no part of a recording: yesterday's treatment is today's control without a request."""
    project.test_file(ONE)
    project.run().assert_outcomes(passed=1)
    project.models = [f"--graysplit-control={TREATMENT}", "--graysplit-treatment=gpt-4.1"]
    project.run().assert_outcomes(passed=1)
    assert project.relay.stats()["requests"] == {CONTROL: 1, TREATMENT: 1, "gpt-4.1": 1}


def test_recordings_live_where_the_option_says(project):
    """Below the folder, the tests' own folders are repeated."""
    project.test_file(ONE, "tests/unit/test_it.py")
    project.run("--graysplit-recordings=recorded").assert_outcomes(passed=1)
    assert (project.path / "recorded/tests/unit/test_it.jsonl").is_file()
    assert not (project.path / "tests/unit/__graysplit__").exists()
    project.run("--graysplit-recordings=recorded", "--graysplit-record=none").assert_outcomes(passed=1)


def test_recordings_that_cannot_be_written_are_told_before_anything_is_paid(project):
    """A path below a file is no folder, for root neither."""
    project.write("taken", "a file")
    project.test_file(ONE)
    assert refused(project.run("--graysplit-recordings=taken/deeper")) == (
        "ERROR: taken/deeper/test_it.jsonl cannot be read: Not a directory\n"
        "  hint: make it a file that you may read, or restore it from version control  [recording-unreadable]"
    )
    assert project.sent() == 0


def test_a_private_folder_that_cannot_be_written_is_told_before_anything_is_paid(project):
    """`.graysplit` holds the journal, without which nothing is sent."""
    project.write(".graysplit", "a file")
    project.test_file(ONE)
    assert refused(project.run()) == (
        "ERROR: recordings cannot be written to .graysplit: .graysplit is not a folder\n"
        "  hint: nothing was sent; make it writable, name another folder with --graysplit-recordings=DIR, or store nothing with --graysplit-record=off  [folder-unwritable]"
    )
    assert project.sent() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda text: text.replace('"format":1', '"format":2'),
            (
                "ERROR: __graysplit__/test_it.jsonl:1: is format 2, this version reads 1\n"
                "  hint: install the pytest-graysplit that wrote it, or move it away and record anew with --graysplit-record=new  [recording-format]"
            ),
        ),
        (
            lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n",
            (
                "ERROR: __graysplit__/test_it.jsonl:1: a merge conflict is not resolved\n"
                "  hint: run `graysplit recordings tidy`, which keeps both sides; `**/__graysplit__/*.jsonl merge=union` in .gitattributes avoids it  [recording-conflict]"
            ),
        ),
        (
            lambda text: text.replace('"sample":0', '"sample":'),
            (
                "ERROR: __graysplit__/test_it.jsonl:2: is not JSON (Expecting value: line 1 column 95 (char 94))\n"
                "  hint: restore the line from version control, or delete it and record it again with --graysplit-record=new  [recording-broken]"
            ),
        ),
        (
            lambda text: text + "\n{}\n",
            (
                "ERROR: __graysplit__/test_it.jsonl:4: is no recording (Object missing required field `format`)\n"
                "  hint: restore the line from version control, or delete it and record it again with --graysplit-record=new  [recording-broken]"
            ),
        ),
    ],
    ids=["format", "conflict", "broken", "empty-object"],
)
@pytest.mark.parametrize("mode", ["new", "none", "all"])
def test_a_recording_that_cannot_be_read_is_told_with_its_line(project, change, message, mode):
    """One message with file, line and remedy, nothing is sent, and the file is left as it is."""
    project.record("test_x", "One?", model=CONTROL)
    path = project.path / "__graysplit__" / "test_it.jsonl"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = path.read_bytes()
    project.test_file(TWO)
    assert refused(project.run(f"--graysplit-record={mode}")) == message
    assert path.read_bytes() == before
    assert project.sent() == 0


def test_a_recording_that_breaks_during_the_run_keeps_the_journal(project):
    """Replies that cannot be merged stay in the journal, the summary says why, and the next run takes them in."""
    project.test_file(
        """
        from pathlib import Path

        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit):
            Path("__graysplit__").mkdir()
            Path("__graysplit__/test_it.jsonl").write_text("broken\\n")
        """
    )
    result = project.run()
    assert "__graysplit__/test_it.jsonl:1: is not JSON" in result.stdout.str()
    (project.path / "__graysplit__/test_it.jsonl").unlink()
    project.test_file(ONE)
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["recovered 2 replies from an interrupted run"])
    assert project.sent() == 2


THINKING = """
@pytest.mark.graysplit(prompt="{prompt}", expect={{"not_contains": "fourteen"}}, min_similarity=0.9)
def test_x(graysplit):
    for reply in (graysplit.control, graysplit.treatment):
        assert (reply.text, reply.reasoning) == ("30 days.", "[redacted] or fourteen?")
"""


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "text", "text": f"<think>\n{KEY} or fourteen?\n</think>\n\n30 days."},
        {"kind": "text", "text": f"{KEY} or fourteen?\n</think>\n\n30 days."},
        {"kind": "reasoning", "reasoning": f"{KEY} or fourteen?", "text": "30 days."},
    ],
)
def test_thoughts_are_apart_live_and_replayed_alike(project, fault):
    """Not checked, not compared, redacted, and the whole of it recorded: both reports hold the same replies."""
    project.test_file(THINKING.format(prompt="How long?"))
    project.relay.control(faults=[{**fault, "times": None}])
    reports = []
    for mode in ("new", "none"):
        project.run(f"--graysplit-record={mode}", "--graysplit-json=report.json").assert_outcomes(passed=1)
        reports.append(project.report()["cases"][0]["replies"])
    for replies in reports:
        for reply in (one for arm in replies.values() for one in arm):
            del reply["replayed"], reply["queue_s"]
    assert reports[0] == reports[1]
    assert all("[redacted] or fourteen?" in json.dumps(line) for line in project.recorded())
    assert project.sent() == 2


def test_recordings_outside_the_project_are_refused_before_anything_is_sent(project):
    """What the merge would not write must not be paid for."""
    project.test_file(ONE)
    result = project.run("--graysplit-recordings=../elsewhere")
    assert "[recording-outside]" in refused(result)
    assert project.sent() == 0


def test_an_entry_of_a_journal_for_a_file_outside_is_told_and_kept(project):
    """Nothing is written outside, and the run goes on."""
    project.test_file(ONE)
    project.write(
        ".graysplit/journal/new-x-1.jsonl",
        '{"format":1,"into":"../outside.jsonl","request":"r","body":{},"reply":{"format":1,"case":"a","model":"m",'
        '"request":"r","sample":0,"outcome":"ok","text":"x"}}\n',
    )
    result = project.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*new-x-1.jsonl:1: records into '../outside.jsonl', which is outside the project*"])
    assert not (project.path.parent / "outside.jsonl").exists()
    assert (project.path / ".graysplit/journal/new-x-1.unreadable").exists()


def test_a_root_beside_the_tests_is_within_the_same_checkout(project):
    """`-c ci/pytest.ini` makes ci/ pytest's root; recordings still stand beside the tests."""
    project.test_file(ONE, "tests/test_it.py")
    project.write("ci/pytest.ini", "[pytest]\n")
    (project.path / ".git").mkdir()
    project.run("-c", "ci/pytest.ini", "tests").assert_outcomes(passed=1)
    assert (project.path / "tests/__graysplit__/test_it.jsonl").exists()
