"""Options, ini values and environment variables: their order of precedence, and the messages for invalid values."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"
TEST = '@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass\n'


def test_marked_tests_are_skipped_without_a_treatment(project):
    """Marked tests and case files are skipped with the reason, and other tests run."""
    project.test_file(
        TEST + '\ndef test_own(): pass\n\n@pytest.mark.graysplit(prompt="One?")\ndef test_y(graysplit_reply): pass'
    )
    project.write("s.graysplit.jsonl", '{"prompt": "One?"}')
    result = project.run_without_models("-rs", "--graysplit-control=gpt-4.1")
    result.assert_outcomes(skipped=3, passed=1)
    result.stdout.fnmatch_lines(["SKIPPED *: no treatment model: name the candidate with --graysplit-treatment=MODEL"])
    assert result.ret == pytest.ExitCode.OK
    assert (
        "3 marked tests skipped: no treatment model: name the candidate with --graysplit-treatment=MODEL"
        in result.outlines
    )


def test_treatment_without_a_control_is_a_usage_error(project):
    """The message names the treatment and both ways to name the control."""
    project.test_file(TEST)
    result = project.run_without_models(f"--graysplit-treatment={TREATMENT}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        "ERROR: there is a treatment, deepseek-v3.2, and no control to compare it with\n"
        "  hint: name the model you run today: --graysplit-control=MODEL, or graysplit_control in the ini file  [control-missing]"
    )


def test_duplicate_treatment_is_a_usage_error(project):
    """Both names stand for one model, one of them through an alias."""
    project.test_file(TEST)
    result = project.run("--graysplit-treatment=gpt4.1", "--graysplit-treatment=gpt-4.1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        "ERROR: two treatments are both named gpt-4.1\n"
        "  hint: give each candidate once (a model against itself is an A/A run: name it as control too)  [treatment-twice]"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "control= ",
            (
                "ERROR: --graysplit-control: ' ' is empty\n"
                "  hint: --graysplit-control MODEL: the model you run today  [option-value]"
            ),
        ),
        (
            "treatment= ",
            (
                "ERROR: --graysplit-treatment: ' ' is empty\n"
                "  hint: --graysplit-treatment MODEL: the candidate model; repeat for several (without one, marked tests are skipped)  [option-value]"
            ),
        ),
        (
            "base-url=relay",
            (
                "ERROR: --graysplit-base-url: 'relay' is not an address such as https://api.openai.com/v1\n"
                "  hint: --graysplit-base-url URL: the OpenAI-compatible relay (default: the home of the key, such as https://api.openai.com/v1 for OPENAI_API_KEY)  [option-value]"
            ),
        ),
        (
            "record=nwe",
            (
                "ERROR: --graysplit-record: 'nwe' is not one of auto, none, new, all, off, did you mean new?\n"
                "  hint: --graysplit-record MODE: auto (default: none if CI is set or there is no key, else new), none: replay only, new: replay, and record missing replies, all: record everything again, off: always call, store nothing  [option-value]"
            ),
        ),
        (
            "recordings= ",
            (
                "ERROR: --graysplit-recordings: ' ' is empty\n"
                "  hint: --graysplit-recordings DIR: the folder of the recordings (default: __graysplit__ beside the test file)  [option-value]"
            ),
        ),
        (
            "min-similarity=75",
            (
                "ERROR: --graysplit-min-similarity: '75' is not a number from 0 to 1 or auto\n"
                "  hint: --graysplit-min-similarity X|auto: similarity threshold of every case, 0 to 1, or auto: what the control reaches against itself (needs --graysplit-control-samples=2 and 19 cases)  [option-value]"
            ),
        ),
        (
            "metric= ",
            (
                "ERROR: --graysplit-metric: ' ' is empty\n"
                "  hint: --graysplit-metric NAME: how answers are compared (default: lexical)  [option-value]"
            ),
        ),
        (
            "max-latency=0",
            (
                "ERROR: --graysplit-max-latency: '0' is not a number above 0\n"
                "  hint: --graysplit-max-latency SECONDS: latency budget of every reply  [option-value]"
            ),
        ),
        (
            "max-latency-ratio=fast",
            (
                "ERROR: --graysplit-max-latency-ratio: 'fast' is not a number above 0\n"
                "  hint: --graysplit-max-latency-ratio X: latency budget of the treatment over the control  [option-value]"
            ),
        ),
        (
            "samples=0",
            (
                "ERROR: --graysplit-samples: '0' is not a whole number of 1 or more\n"
                "  hint: --graysplit-samples N: replies per case and arm (default: 1)  [option-value]"
            ),
        ),
        (
            "control-samples=two",
            (
                "ERROR: --graysplit-control-samples: 'two' is not a whole number of 1 or more\n"
                "  hint: --graysplit-control-samples N: replies of the control per case (default: 1); 2 measure how consistent it is with itself  [option-value]"
            ),
        ),
        (
            "param=temperature",
            (
                "ERROR: --graysplit-param: 'temperature' is not KEY=VALUE, such as temperature=0\n"
                "  hint: --graysplit-param KEY=VALUE: request parameter for both arms, e.g. temperature=0 or seed=42 (sample n sends 42+n)  [option-value]"
            ),
        ),
        (
            "param=model=gpt-4.1",
            (
                "ERROR: --graysplit-param: 'model=gpt-4.1' sets model, which the arm and the case decide\n"
                "  hint: --graysplit-param KEY=VALUE: request parameter for both arms, e.g. temperature=0 or seed=42 (sample n sends 42+n)  [option-value]"
            ),
        ),
        (
            "concurrency=0",
            (
                "ERROR: --graysplit-concurrency: '0' is not a whole number of 1 or more\n"
                "  hint: --graysplit-concurrency N: requests in flight (default: 16; falls on 429)  [option-value]"
            ),
        ),
        (
            "rpm=1.5",
            (
                "ERROR: --graysplit-rpm: '1.5' is not a whole number of 1 or more\n"
                "  hint: --graysplit-rpm N: requests per minute, at most  [option-value]"
            ),
        ),
        (
            "timeout=-1",
            (
                "ERROR: --graysplit-timeout: '-1' is not a number above 0\n"
                "  hint: --graysplit-timeout SECONDS: total deadline of a request (default: 60)  [option-value]"
            ),
        ),
        (
            "retries=-1",
            (
                "ERROR: --graysplit-retries: '-1' is not a whole number of 0 or more\n"
                "  hint: --graysplit-retries N: retries of a request (default: 3)  [option-value]"
            ),
        ),
        (
            "gate=verdit",
            (
                "ERROR: --graysplit-gate: 'verdit' is not one of case, verdict, none, did you mean verdict?\n"
                "  hint: --graysplit-gate GATE: what fails the session: case (default: any failed case), verdict (misses are shown, and a treatment that is rejected fails) or none (misses are shown, nothing fails)  [option-value]"
            ),
        ),
        (
            "json= ",
            (
                "ERROR: --graysplit-json: ' ' is empty\n"
                "  hint: --graysplit-json PATH: write the results as JSON  [option-value]"
            ),
        ),
        (
            "dashboard=65536",
            (
                "ERROR: --graysplit-dashboard: '65536' is not a whole number from 0 to 65535\n"
                "  hint: --graysplit-dashboard [PORT]: serve a live page on 127.0.0.1 while the run goes on (without a number: on any free port)  [option-value]"
            ),
        ),
        (
            "dashboard=tests/",
            (
                "ERROR: --graysplit-dashboard: 'tests/' is not a whole number from 0 to 65535\n"
                "  hint: --graysplit-dashboard [PORT]: serve a live page on 127.0.0.1 while the run goes on (without a number: on any free port)  [option-value]"
            ),
        ),
    ],
)
def test_invalid_option_value_is_a_usage_error_before_collection(project, option, message):
    """The message has the option as it was written, its value, and the valid values."""
    project.test_file("raise RuntimeError('collected')")
    result = project.run_without_models(f"--graysplit-{option}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == message
    assert result.stdout.str().strip() == ""


def test_unknown_metric_option_is_a_collection_error(project, section_of):
    """Only the hooks of a collected case can tell whether the metric exists."""
    project.test_file(TEST)
    result = project.run("--graysplit-metric=lexicl")
    assert section_of(result, "ERROR collecting") == (
        "--graysplit-metric: unknown metric 'lexicl', did you mean lexical?\n"
        "  hint: built in are lexical, exact, json, semantic, judge; your own is a conftest.py function pytest_graysplit_score  [metric-unknown]"
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED


def test_ini_values_are_read(project):
    """Every option has an ini name without dashes; a list takes one value per line."""
    project.write(
        "pytest.ini",
        f"""
        [pytest]
        graysplit_control = {CONTROL}
        graysplit_treatment =
            {TREATMENT}
            gpt-4.1
        graysplit_param =
            temperature=0
            seed=42
        """,
    )
    project.test_file(TEST)
    project.run_without_models().assert_outcomes(passed=2)
    assert {(body["temperature"], body["seed"]) for body in project.relay.stats()["bodies"]} == {(0, 42)}


def test_native_pytest_table_is_read(project):
    """`[tool.pytest]` of pyproject.toml keeps the types of TOML; the options are texts and lists of texts."""
    project.write(
        "pyproject.toml",
        f"""
        [tool.pytest]
        graysplit_control = "{CONTROL}"
        graysplit_treatment = ["{TREATMENT}"]
        graysplit_max_latency = "50"
        """,
    )
    project.test_file(
        '@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): assert graysplit.case.max_latency_s == 50'
    )
    project.run_without_models().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "graysplit_max_latency = 50",
            "ERROR: ./pyproject.toml: config option 'graysplit_max_latency' expects a string, got int: 50",
        ),
        (
            'graysplit_treatment = "gpt-4.1"',
            "ERROR: ./pyproject.toml: config option 'graysplit_treatment' expects a list for type 'linelist', got str: 'gpt-4.1'",
        ),
    ],
)
def test_wrong_type_in_the_native_pytest_table_is_refused_by_pytest(project, setting, message):
    """A number without quotes gives a message of pytest itself."""
    project.write("pyproject.toml", f"[tool.pytest]\n{setting}\n")
    project.test_file(TEST)
    result = project.run_without_models()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip().replace(str(project.path), ".") == message


def test_invalid_ini_value_names_file_and_ini_option(project):
    """The message leads to the place of the value, not to an option that was not used."""
    project.write("pytest.ini", "[pytest]\ngraysplit_record = nwe\n")
    result = project.run_without_models()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        "ERROR: pytest.ini: graysplit_record: 'nwe' is not one of auto, none, new, all, off, did you mean new?\n"
        "  hint: --graysplit-record MODE: auto (default: none if CI is set or there is no key, else new), none: replay only, new: replay, and record missing replies, all: record everything again, off: always call, store nothing  [option-value]"
    )


def test_invalid_environment_value_names_the_variable(project, monkeypatch):
    """It is a usage error when an option or a test uses the plugin."""
    monkeypatch.setenv("GRAYSPLIT_RETRIES", "many")
    project.test_file(TEST)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        "ERROR: environment GRAYSPLIT_RETRIES: 'many' is not a whole number of 0 or more\n"
        "  hint: --graysplit-retries N: retries of a request (default: 3)  [option-value]"
    )


def test_environment_alone_names_the_models(project, monkeypatch):
    """A build server can set variables without changing the command."""
    monkeypatch.setenv("GRAYSPLIT_CONTROL", CONTROL)
    monkeypatch.setenv("GRAYSPLIT_TREATMENT", TREATMENT)
    project.test_file(TEST)
    project.run_without_models().assert_outcomes(passed=1)


def test_invalid_environment_value_is_a_message_at_collection(project, monkeypatch):
    """Only the marked test uses the plugin, so the value is read at collection; there is no traceback."""
    monkeypatch.setenv("GRAYSPLIT_RETRIES", "many")
    project.test_file(TEST)
    result = project.run_without_models()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert "environment GRAYSPLIT_RETRIES: 'many' is not a whole number of 0 or more" in result.stdout.str()


def test_option_precedence_is_marker_command_line_environment_ini(project, monkeypatch):
    """The name lists them from the strongest to the weakest."""
    project.write(
        "pytest.ini", "[pytest]\ngraysplit_max_latency = 10\ngraysplit_max_latency_ratio = 1000\ngraysplit_samples = 3"
    )
    monkeypatch.setenv("GRAYSPLIT_MAX_LATENCY", "20")
    monkeypatch.setenv("GRAYSPLIT_SAMPLES", "2")
    project.test_file(
        """
        @pytest.mark.graysplit(prompt="One?")
        def test_x(graysplit):
            case = graysplit.case
            assert (case.max_latency_ratio, case.max_latency_s, len(graysplit.control_samples)) == (1000, 20, 1)

        @pytest.mark.graysplit(prompt="One?", max_latency_s=40)
        def test_y(graysplit):
            assert graysplit.case.max_latency_s == 40
        """
    )
    project.run("--graysplit-samples=1").assert_outcomes(passed=2)


def test_tool_table_sets_prices_aliases_headers_and_params(project, monkeypatch):
    """The settings of pyproject.toml reach the request and the report."""
    monkeypatch.setenv("TEAM", "search-team")
    project.write(
        "pyproject.toml",
        f"""
        [tool.graysplit]
        prices."{TREATMENT}" = {{input = 1000000, output = 0}}
        aliases.cheap = "{TREATMENT}"
        headers.x-team = "$TEAM"
        models."{TREATMENT}".params = {{temperature = 1}}
        """,
    )
    project.test_file(TEST)
    result = project.run_without_models(
        f"--graysplit-control={CONTROL}", "--graysplit-treatment=cheap", "--graysplit-json=r.json"
    )
    result.assert_outcomes(passed=1)
    stats = project.relay.stats()
    assert stats["headers"]["x-team"] == "search-team"
    assert {body["model"]: body.get("temperature") for body in stats["bodies"]} == {CONTROL: None, TREATMENT: 1}
    assert project.report("r.json")["arms"][1]["cost_usd"] == 1.0


def test_invalid_tool_table_is_a_usage_error(project):
    """The message has the full name of the setting."""
    project.write("pyproject.toml", "[tool.graysplit]\nprice = {}\n")
    project.test_file(TEST)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().strip() == (
        "ERROR: pyproject.toml [tool.graysplit] price: unknown setting, did you mean prices?\n"
        "  hint: valid names: prices, aliases, headers, models, arms, splits, verdict, semantic, judge, guards, rollback, app"
        "  [tool-graysplit]"
    )


def test_marker_and_options_are_in_the_help_of_pytest(project):
    """`--markers` and `--help` list them."""
    project.run_without_models("--markers").stdout.fnmatch_lines(["@pytest.mark.graysplit(prompt=..., *"])
    text = project.run_without_models("--help").stdout.str()
    assert "--graysplit-treatment=MODEL" in text
    assert "graysplit_min_similarity" in text
