"""Record modes: the requests that each mode sends, stores and refuses; no reply that was paid for is lost."""

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


def usage_error(result):
    """Return the text on stderr of a run that ended with a usage error."""
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return result.stderr.str().strip()


def test_record_new_fetches_missing_replies_and_replays_the_rest(project):
    """The second run sends nothing, and the third sends only its new prompt."""
    project.test_file(ONE)
    project.run("--graysplit-record=new").assert_outcomes(passed=1)
    project.run("--graysplit-record=new").assert_outcomes(passed=1)
    assert project.sent() == 2
    project.test_file(ONE + '\n@pytest.mark.graysplit(prompt="Two?")\ndef test_y(graysplit): pass\n')
    project.run("--graysplit-record=new").assert_outcomes(passed=2)
    assert project.sent() == 4
    assert len(project.recorded()) == 4


def test_record_auto_is_new_with_a_key(project):
    """A run with a key records."""
    project.test_file(ONE)
    project.run().assert_outcomes(passed=1)
    assert len(project.recorded()) == 2


@pytest.mark.parametrize("ci", ["true", "1"])
def test_record_auto_is_none_on_a_build_server(project, monkeypatch, ci):
    """A build server replays, and a changed prompt fails its test with a hint."""
    project.test_file(ONE)
    project.run()
    monkeypatch.setenv("CI", ci)
    project.run().assert_outcomes(passed=1)
    project.test_file(TWO)
    result = project.run()
    result.assert_outcomes(failed=1, passed=1)
    assert project.sent() == 2


def test_record_auto_is_new_with_ci_false(project, monkeypatch):
    """Some shells set CI=false to switch it off."""
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
def test_replay_without_recordings_is_one_usage_error(project, monkeypatch, variable, message):
    """One message says why the run only replays and how to record; the tests do not fail one by one."""
    monkeypatch.setenv(variable, "true" if variable == "CI" else "")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(TWO)
    result = project.run()
    assert usage_error(result) == message
    assert project.sent() == 0
    assert not (project.path / ".graysplit").exists()


def test_record_none_shows_the_nearest_recording(project, section_of):
    """The fields that differ are listed, for the arm without a recording."""
    project.record("test_x", "One?")
    project.test_file(ONE)
    result = project.run("--graysplit-record=none", "--graysplit-param=temperature=0")
    result.assert_outcomes(failed=1)
    assert section_of(result, "___ test_x ___") == (
        "no recording for case 'test_x' (control, claude-sonnet-4.5)\n"
        "  __graysplit__/test_it.jsonl has one that differs:\n"
        "    temperature: (not sent) -> 0\n"
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )
    assert project.sent() == 0


def test_record_none_without_recordings_fails_every_test(project, section_of):
    """The mode was given explicitly, so each test fails with its own message."""
    project.test_file(ONE)
    result = project.run("--graysplit-record=none")
    result.assert_outcomes(failed=1)
    assert section_of(result, "___ test_x ___") == (
        "no recording for case 'test_x' (control, claude-sonnet-4.5)\n"
        "  __graysplit__/test_it.jsonl holds no replies\n"
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )


def test_record_none_names_the_arm_without_a_recording(project, section_of):
    """The control has a recording, and the treatment has not."""
    project.record("test_x", "One?", model=CONTROL)
    project.test_file(ONE)
    result = project.run("--graysplit-record=none", "--graysplit-json=report.json")
    assert section_of(result, "___ test_x ___") == (
        "no recording for case 'test_x' (treatment, deepseek-v3.2)\n"
        "  __graysplit__/test_it.jsonl has one that differs:\n"
        "    model: claude-sonnet-4.5 -> deepseek-v3.2\n"
        "  hint: run once with pytest --graysplit-record=new  [recording-missing]"
    )
    assert project.report()["run"]["complete"] is False


def test_record_all_replaces_recordings(project):
    """Both arms are requested again, the new replies replace the old, and other recordings stay."""
    project.record("test_x", "One?", text="old")
    project.record("elsewhere", "Old?", text="kept")
    project.test_file(ONE)
    project.run("--graysplit-record=all").assert_outcomes(passed=1)
    assert project.sent() == 2
    texts = {reply["case"]: reply["text"] for reply in project.recorded()}
    assert texts["elsewhere"] == "kept"
    assert texts["test_x"] != "old"


def test_record_off_stores_nothing(project):
    """No recording or journal is read or written."""
    project.record("test_x", "One?", text="old")
    project.test_file(ONE)
    before = project.recorded()
    project.run("--graysplit-record=off").assert_outcomes(passed=1)
    assert project.sent() == 2
    assert project.recorded() == before


def test_record_new_without_a_key_is_refused(project, monkeypatch):
    """The explicit mode does not silently become a replay."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(ONE)
    assert usage_error(project.run("--graysplit-record=new")) == (
        "ERROR: GRAYSPLIT_API_KEY is not set, and replies must be fetched\n"
        "  hint: export GRAYSPLIT_API_KEY=... (any text, if your relay wants none), or replay with --graysplit-record=none  [key-missing]"
    )
    assert project.sent() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--graysplit-record=new"], "GRAYSPLIT_API_KEY is not set"), ([], "nothing is recorded yet")],
)
def test_early_exit_gives_the_same_setup_errors(project, monkeypatch, arguments, message):
    """`-x` looks a window ahead, and gives the message of any other run."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    project.test_file(TWO)
    whole, early = project.run(*arguments), project.run("-x", *arguments)
    assert usage_error(early).replace("pytest -x", "pytest") == usage_error(whole)
    assert message in usage_error(early)
    assert "INTERNALERROR" not in early.stdout.str()


def test_record_new_without_a_key_replays_recordings(project, monkeypatch):
    """A key is needed only for a request."""
    project.record("test_x", "One?")
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    project.test_file(ONE)
    project.run("--graysplit-record=new").assert_outcomes(passed=1)


def test_unreachable_relay_is_one_usage_error(project):
    """One message for all cases, without a traceback."""
    project.test_file(TWO)
    result = project.run("--graysplit-base-url=http://127.0.0.1:9/v1", "--graysplit-retries=0")
    assert usage_error(result) == (
        "ERROR: no relay answers at http://127.0.0.1:9/v1: cannot connect: Connection refused\n"
        "  hint: check --graysplit-base-url, and that the relay runs and this machine reaches it (proxy, VPN, firewall)  [relay-unreachable]"
    )


def test_relay_that_answers_html_is_one_usage_error(project):
    """A sign-in page is not a relay; one request shows it."""
    project.relay.control(faults=[{"kind": "html", "on": "any", "times": None}])
    project.test_file(TWO)
    assert usage_error(project.run()).replace(project.relay.url, "URL") == (
        "ERROR: URL is not an OpenAI-compatible relay: the answer is not JSON but a web page titled 'Sign in' (the base URL usually ends in /v1)\n"
        "  hint: check --graysplit-base-url; the base URL usually ends in /v1  [relay-not-json]"
    )
    assert project.sent() == 1


def test_unknown_model_is_named_with_the_nearest_model(project):
    """The first request finds it, and is sent alone."""
    unknown = {"kind": "404", "model": "deepsek-v3.2", "message": "The model does not exist", "times": None}
    project.relay.control(faults=[unknown])
    project.models = [f"--graysplit-control={CONTROL}", "--graysplit-treatment=deepsek-v3.2"]
    project.test_file(TWO)
    assert usage_error(project.run()) == (
        "ERROR: the relay knows no model 'deepsek-v3.2', did you mean deepseek-v3.2? (the relay answered 404: The model does not exist)\n"
        "  hint: it lists claude-sonnet-4.5, deepseek-v3.2, gemini-2.5-flash, gpt-4.1  [model-unknown]"
    )
    assert project.relay.stats()["requests"]["deepsek-v3.2"] == 1


def test_refused_key_is_one_usage_error(project):
    """The list of models and the first request, which is sent alone, both get a 401."""
    project.relay.control(key="the right one")
    project.test_file(TWO)
    assert usage_error(project.run()).replace(project.relay.url, "URL") == (
        "ERROR: URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert project.sent() == 1


def test_refused_key_stops_a_run_with_a_prefetch_window(project, section_of):
    """The first test fails with the message, no second test runs, and the summary repeats the message."""
    project.relay.control(key="the right one")
    project.test_file(TWO)
    result = project.run("--maxfail=5")
    assert result.parseoutcomes() == {"failed": 1}
    message = section_of(result, "___ test_x[One?] ___")
    assert message.replace(project.relay.url, "URL") == (
        "URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert message in section_of(result, "= graysplit =")
    assert project.sent() == 1


def test_key_refused_in_the_middle_keeps_earlier_replies(project):
    """There is one message, and the next run pays only for the rest."""
    project.relay.control(faults=[{"kind": "401", "match": "Prompt 3", "on": "chat"}])
    project.test_file(
        """
        @pytest.mark.graysplit
        @pytest.mark.parametrize("prompt", [f"Prompt {n}" for n in range(6)])
        def test_x(graysplit, prompt): pass
        """
    )
    result = project.run("--graysplit-concurrency=1")
    assert usage_error(result).replace(project.relay.url, "URL") == (
        "ERROR: URL refused the key: the relay answered 401: Incorrect API key provided\n"
        "  hint: set GRAYSPLIT_API_KEY to a key of this relay that is allowed to use these models  [key-refused]"
    )
    assert "Traceback" not in result.stdout.str()
    answered = project.sent() - 1
    assert len(project.recorded()) == answered
    project.run().assert_outcomes(passed=6)
    assert project.sent() == answered + 1 + (12 - answered)


def test_summary_of_an_aa_run_says_so(project, section_of):
    """Two replies of one model are compared, and the summary says that one model has both roles."""
    project.models = [f"--graysplit-control={CONTROL}", f"--graysplit-treatment={CONTROL}"]
    project.record("test_x", "One?", model=CONTROL, text="Paris")
    project.record("test_x", "One?", model=CONTROL, text="Paris", sample=1)
    project.test_file(ONE)
    result = project.run("--graysplit-record=none", "--graysplit-json=report.json")
    result.assert_outcomes(passed=1)
    assert section_of(result, "= graysplit =") == (
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
        "  latency       x1.00  (one pair, no interval)                  inconclusive\n"
        "  cost          0% per pass, $0.0000 saved per million passes   inconclusive\n"
        "  verdict       HOLD: nothing was asserted about 1 of 1 case: give them expect, a rubric or min_similarity, or\n"
        "                assert in the test (asserts=True in the marker where a helper does)"
    )
    assert [(arm["role"], arm["model"]) for arm in project.report()["arms"]] == [
        ("control", CONTROL),
        ("treatment", CONTROL),
    ]


def test_recordings_do_not_depend_on_roles(project):
    """The former treatment is the control now, and no request is sent for it."""
    project.test_file(ONE)
    project.run().assert_outcomes(passed=1)
    project.models = [f"--graysplit-control={TREATMENT}", "--graysplit-treatment=gpt-4.1"]
    project.run().assert_outcomes(passed=1)
    assert project.relay.stats()["requests"] == {CONTROL: 1, TREATMENT: 1, "gpt-4.1": 1}


def test_recordings_option_names_the_folder(project):
    """The folder repeats the folders of the tests."""
    project.test_file(ONE, "tests/unit/test_it.py")
    project.run("--graysplit-recordings=recorded").assert_outcomes(passed=1)
    assert (project.path / "recorded/tests/unit/test_it.jsonl").is_file()
    assert not (project.path / "tests/unit/__graysplit__").exists()
    project.run("--graysplit-recordings=recorded", "--graysplit-record=none").assert_outcomes(passed=1)


def test_unwritable_recordings_are_refused_before_anything_is_sent(project):
    """A path below a file cannot be a folder, not even for root."""
    project.write("taken", "a file")
    project.test_file(ONE)
    assert usage_error(project.run("--graysplit-recordings=taken/deeper")) == (
        "ERROR: taken/deeper/test_it.jsonl cannot be read: Not a directory\n"
        "  hint: make it a file that you may read, or restore it from version control  [recording-unreadable]"
    )
    assert project.sent() == 0


def test_unwritable_state_folder_is_refused_before_anything_is_sent(project):
    """`.graysplit` holds the journal, and nothing is sent without it."""
    project.write(".graysplit", "a file")
    project.test_file(ONE)
    assert usage_error(project.run()) == (
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
                "  hint: install the pytest-graysplit that wrote it, or move it away and record again with --graysplit-record=new  [recording-format]"
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
                "ERROR: __graysplit__/test_it.jsonl:4: is not a recording (Object missing required field `format`)\n"
                "  hint: restore the line from version control, or delete it and record it again with --graysplit-record=new  [recording-broken]"
            ),
        ),
    ],
    ids=["format", "conflict", "broken", "empty-object"],
)
@pytest.mark.parametrize("mode", ["new", "none", "all"])
def test_unreadable_recording_is_named_with_its_line(project, change, message, mode):
    """One message names file, line and remedy; nothing is sent, and the file is unchanged."""
    project.record("test_x", "One?", model=CONTROL)
    path = project.path / "__graysplit__" / "test_it.jsonl"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = path.read_bytes()
    project.test_file(TWO)
    assert usage_error(project.run(f"--graysplit-record={mode}")) == message
    assert path.read_bytes() == before
    assert project.sent() == 0


def test_recording_broken_during_the_run_keeps_the_journal(project):
    """Replies that cannot be merged stay in the journal, the summary says why, and the next run recovers them."""
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
def test_reasoning_is_separated_live_and_in_replay(project, fault):
    """It is redacted and recorded, but neither checked nor compared; both reports hold the same replies."""
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


def test_recordings_outside_the_project_are_refused(project):
    """The merge would not write them, so nothing is sent."""
    project.test_file(ONE)
    result = project.run("--graysplit-recordings=../elsewhere")
    assert "[recording-outside]" in usage_error(result)
    assert project.sent() == 0


def test_journal_entry_for_a_file_outside_is_kept_and_noted(project):
    """The file outside is not written, and the run continues."""
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


def test_rootdir_beside_the_tests_is_in_the_same_checkout(project):
    """`-c ci/pytest.ini` makes ci/ the root of pytest; recordings still stand beside the tests."""
    project.test_file(ONE, "tests/test_it.py")
    project.write("ci/pytest.ini", "[pytest]\n")
    (project.path / ".git").mkdir()
    project.run("-c", "ci/pytest.ini", "tests").assert_outcomes(passed=1)
    assert (project.path / "tests/__graysplit__/test_it.jsonl").exists()
