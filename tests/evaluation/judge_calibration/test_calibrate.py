"""`graysplit judge calibrate` end to end: a labelled file, a real relay, and recordings beside the file."""

import json

import pytest
from quiet import ADDOPTS

from pytest_graysplit.cli import main
from pytest_graysplit.evaluation.judge_calibration.subjects import read_labels

KEY = "made-up-key-0123456789"
PAIRS = (
    {"id": "window", "prompt": "How long?", "control": "30 days, unused.", "treatment": "Ask.", "label": "control"},
    {"id": "phone", "prompt": "Phone?", "control": "No.", "treatment": "Yes, on Saturdays.", "label": "treatment"},
    {"id": "colour", "prompt": "Colour?", "control": "Red.", "treatment": "Tan.", "label": "tie"},
    {"id": "brief", "prompt": "Open?", "control": "Yes, we are open.", "treatment": "Yes.", "label": "treatment"},
)


@pytest.fixture
def project(tmp_path, relay, monkeypatch):
    """Create a project with four labelled pairs, and make it the current folder."""
    for name in ("CI", "HOLYSHEEP_API_KEY", "GRAYSPLIT_RECORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    monkeypatch.setenv("PYTEST_ADDOPTS", ADDOPTS)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    monkeypatch.chdir(tmp_path)
    relay.control(models=["judge-longer", "judge-first", "judge-garbled"])
    (tmp_path / "labelled.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    settings = '[tool.graysplit.judge]\nmodel = "judge-longer"\n[tool.graysplit.prices]\n"judge-longer" = {input = 1, output = 2}\n'
    (tmp_path / "pyproject.toml").write_text(settings)
    return tmp_path


@pytest.fixture
def calibrate(project, capsys):
    """Run the command; return its exit code, its output lines and its error lines."""

    def run(*arguments):
        code = main(["judge", "calibrate", "labelled.jsonl", *arguments])
        output = capsys.readouterr()
        return code, output.out.splitlines(), output.err.splitlines()

    return run


def test_calibrate_compares_the_judge_with_labels(calibrate, relay):
    """Three of four agree; the report shows the disagreement and the cost."""
    code, output, errors = calibrate()
    assert (code, errors) == (0, [])
    assert output == [
        "labelled.jsonl: 4 pairs, judge judge-longer, replayed 0 of 8 answers",
        "agreement      3/4  75.0%  (95% CI 30.1 .. 95.4)",
        "kappa          0.64, substantial",
        "orders         named different winners on 0 of 4 pairs, 0.0%",
        "first answer   won 3 of 6, 50.0%  (95% CI 18.8 .. 81.2; 50.0% means no preference)",
        "unreadable     0 of 8 answers",
        "",
        "label \\ judge   treatment         tie     control  no verdict",
        "treatment               1           0           1           0",
        "tie                     0           1           0           0",
        "control                 0           0           1           0",
        "",
        "labelled.jsonl:4 brief: label treatment, judge control",
        "cost           $0.0015 for 8 calls",
    ]
    assert relay.stats()["total"] == 8


def test_calibrate_replays_a_second_run_offline(calibrate, relay, project, monkeypatch):
    """Replies are recorded beside the file; the report is the same without a key and a network."""
    _, first, _ = calibrate()
    assert (project / "__graysplit__" / "labelled.jsonl").exists()
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "http://127.0.0.1:9/v1")
    code, second, _ = calibrate()
    assert code == 0
    assert second == ["labelled.jsonl: 4 pairs, judge judge-longer, replayed 8 of 8 answers", *first[1:]]
    assert relay.stats()["total"] == 8


def test_calibrate_shows_a_judge_that_prefers_a_position(calibrate):
    """The first answer always wins, so the orders disagree on every pair."""
    _, output, _ = calibrate("--model=judge-first")
    assert output[3:5] == [
        "orders         named different winners on 4 of 4 pairs, 100.0%",
        "first answer   won 8 of 8, 100.0%  (95% CI 67.6 .. 100.0; 50.0% means no preference)",
    ]
    assert output[-1] == "cost           unknown for 8 calls"


def test_calibrate_counts_answers_without_a_verdict(calibrate):
    """They agree with no label."""
    code, output, _ = calibrate("--model=judge-garbled")
    assert code == 0
    assert output[1].startswith("agreement      0/4  0.0%")
    assert output[5] == "unreadable     8 of 8 answers"


def test_calibrate_min_agreement_sets_the_exit_code(calibrate):
    """The exit code is 1 below the requested agreement, and 0 otherwise."""
    assert calibrate("--min-agreement=0.75")[0] == 0
    code, output, _ = calibrate("--min-agreement=0.8")
    assert (code, output[-1]) == (1, "agreement 0.75 is below 0.8")


def test_calibrate_requests_only_missing_replies(calibrate, relay, project):
    """One more pair makes two more calls; `all` requests everything again, `off` stores nothing."""
    calibrate()
    with (project / "labelled.jsonl").open("a") as file:
        file.write('{"prompt": "Late?", "control": "No.", "treatment": "Yes, we are.", "label": "tie"}\n')
    calibrate()
    assert relay.stats()["total"] == 10
    calibrate("--record=all")
    assert relay.stats()["total"] == 20
    before = (project / "__graysplit__" / "labelled.jsonl").read_bytes()
    calibrate("--record=off")
    assert relay.stats()["total"] == 30
    assert (project / "__graysplit__" / "labelled.jsonl").read_bytes() == before


def test_calibrate_missing_recording_is_one_message(calibrate, relay):
    """It names the command that records it."""
    code, output, errors = calibrate("--record=none")
    assert (code, output, relay.stats()["total"]) == (2, [], 0)
    assert errors == [
        "no recording for case 'window' (judge, judge-longer)",
        "  __graysplit__/labelled.jsonl holds no replies",
        "  hint: run once with graysplit judge calibrate labelled.jsonl --record=new  [recording-missing]",
    ]


def test_calibrate_repeats_a_failed_call(calibrate, relay, monkeypatch):
    """The report covers the received answers, and the exit code shows the failure."""
    monkeypatch.setenv("GRAYSPLIT_RETRIES", "0")
    relay.control(faults=[{"kind": "500", "match": "Colour?", "times": 1}])
    code, output, errors = calibrate()
    assert code == 2
    assert "tie                     0           0           0           1" in output
    assert errors == [
        "1 call of 8 gave no answer: a call failed: the relay answered 500: internal error",
        "  hint: run again; only missing answers are requested",
    ]
    assert calibrate()[0] == 0
    assert relay.stats()["total"] == 9


def test_calibrate_unknown_judge_stops_after_one_request(calibrate, relay):
    """The message suggests the nearest name; the arms of the project are not looked up."""
    relay.control(faults=[{"kind": "404", "message": "no such model", "times": None}])
    code, _, errors = calibrate("--model=judge-frist")
    assert (code, relay.stats()["total"]) == (2, 1)
    assert errors[0] == (
        "the relay knows no model 'judge-frist', did you mean judge-first? (the relay answered 404: no such model)"
    )


def test_calibrate_uses_the_settings_of_the_project(calibrate, relay, project, monkeypatch):
    """The base URL of pytest's configuration, not another relay's, and the criteria of the judge."""
    monkeypatch.delenv("GRAYSPLIT_BASE_URL")
    text = f'[tool.pytest.ini_options]\ngraysplit_base_url = "{relay.url}"\ngraysplit_control = "not-listed"\n'
    text += '[tool.graysplit.judge]\nmodel = "umpire"\ncriteria = "kindness"\n[tool.graysplit.aliases]\numpire = "judge-longer"\n'
    (project / "pyproject.toml").write_text(text)
    assert calibrate()[0] == 0
    assert all("Better means: kindness\n" in body["messages"][0]["content"] for body in relay.stats()["bodies"])


def test_calibrate_without_a_judge_or_key_is_a_message(calibrate, project, monkeypatch):
    """Each message has a hint."""
    monkeypatch.setenv("GRAYSPLIT_API_KEY", "")
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    code, _, errors = calibrate("--record=new")
    assert (code, errors[0]) == (2, "GRAYSPLIT_API_KEY is not set, and replies must be fetched")
    (project / "pyproject.toml").unlink()
    code, _, errors = calibrate()
    assert (code, errors[0]) == (2, "judge needs a model that judges")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "?", "control": "a", "treatment": "b", "lable": "tie"}', "lable: unknown field, did you mean label?"),
        ('{"prompt": "?", "control": "a", "label": "tie"}', "no treatment"),
        ('{"control": "a", "treatment": "b", "label": "tie"}', "no prompt"),
        ('{"prompt": "?", "control": "a", "treatment": "b", "label": "contrl"}', "label: 'contrl' is not a label, did you mean control?"),
        ('{"prompt": "?", "control": "a", "treatment": 4, "label": "tie"}', "treatment: expected a text, got 4"),
        ('{"prompt": "?", "control": "a", "treatment": "b", "label": ["tie"]}', "label: ['tie'] is not a label"),
        ('{"id": "window", "prompt": "?", "control": "a", "treatment": "b", "label": "tie"}',
         "id: 'window' is the id of labelled.jsonl:1 too"),
        ("{", "not valid JSON at column 2: Expecting property name enclosed in double quotes"),
    ],
)  # fmt: skip
def test_calibrate_names_file_and_line_of_a_mistake(calibrate, project, relay, line, message):
    """Nothing is sent for an invalid file."""
    with (project / "labelled.jsonl").open("a") as file:
        file.write(line + "\n")
    code, _, errors = calibrate()
    assert (code, relay.stats()["total"]) == (2, 0)
    assert errors[0] == f"labelled.jsonl:5: {message}"


def test_calibrate_accepts_conversations_and_empty_answers(tmp_path):
    """Messages with a system text, and a model that answered nothing."""
    path = tmp_path / "l.jsonl"
    line = {
        "messages": [{"role": "user", "content": "?"}],
        "system": "Be brief.",
        "control": "",
        "treatment": "b",
        "label": "treatment",
    }
    path.write_text(json.dumps(line))
    [pair] = read_labels(path, "l.jsonl")
    assert [message["role"] for message in pair.case.messages] == ["system", "user"]
    assert (pair.control, pair.label) == ("", "treatment")


@pytest.mark.parametrize("share", ["1.5", "most"])
def test_calibrate_refuses_an_invalid_min_agreement(calibrate, capsys, share):
    """As an invalid option is."""
    with pytest.raises(SystemExit) as ended:
        calibrate(f"--min-agreement={share}")
    assert ended.value.code == 2
    assert f"'{share}' is not a number from 0 to 1" in capsys.readouterr().err


def test_recordings_of_labelled_pairs_are_not_orphans(calibrate, project, capsys, monkeypatch):
    """No test requests them; they belong to the labelled file."""
    calibrate()
    (project / "test_it.py").write_text(
        'import pytest\n@pytest.mark.graysplit(prompt="?")\ndef test_x(graysplit): pass\n'
    )
    models = ["--", "--graysplit-control=a", "--graysplit-treatment=b"]
    assert main(["recordings", "check", *models]) == 0
    (project / "labelled.jsonl").unlink()
    assert main(["recordings", "check", *models]) == 1
    assert "no case asks for 'brief' (judge-longer, sample 0)" in capsys.readouterr().out


OURS_KEY = "key-of-ours-0123456789"
ARM = """
[tool.graysplit.judge]
model = "ours"
params = { temperature = 0 }
[tool.graysplit.arms.ours]
model = "judge-longer"
base_url = "URL"
api_key_env = "VLLM_API_KEY"
headers = { X-Team = "$TEAM" }
params = { temperature = 0.5, top_p = 0.5, seed = 1 }
unset = ["seed"]
system = "Never applied to a judge."
price = { input = 10, output = 20 }
"""


@pytest.fixture
def arm_project(project, relay, monkeypatch):
    """Let the judge be an arm with an endpoint of its own, which the settings of the run cannot reach."""
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1")
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("VLLM_API_KEY", OURS_KEY)
    monkeypatch.setenv("TEAM", "team-secret-0123456789")
    relay.control(models=["judge-longer"], key=OURS_KEY)
    (project / "pyproject.toml").write_text(ARM.replace("URL", relay.url))
    return project


def test_judge_may_be_an_arm(arm_project, calibrate, relay, monkeypatch):
    """Its endpoint, key, headers, parameters and price count, and its system prompt does not; a replay needs no key."""
    code, output, errors = calibrate()
    assert (code, errors) == (0, [])
    assert output[0] == "labelled.jsonl: 4 pairs, judge ours, replayed 0 of 8 answers"
    stats = relay.stats()
    assert [one["authorization"] for one in stats["header_log"]] == [f"Bearer {OURS_KEY}"] * 9
    assert stats["headers"]["x-team"] == "team-secret-0123456789"
    params = [{name: body[name] for name in body if name not in ("messages", "model")} for body in stats["bodies"]]
    assert params == [{"temperature": 0, "top_p": 0.5}] * 8
    assert "Never applied" not in str(stats["bodies"])
    billed = stats["billed"]
    usd = (10 * billed["prompt_tokens"] + 20 * billed["completion_tokens"]) / 1_000_000
    assert output[-1] == f"cost           ${usd:.4f} for 8 calls"
    recorded = (arm_project / "__graysplit__" / "labelled.jsonl").read_text()
    assert recorded.count('"arm":"ours"') == 8
    assert (OURS_KEY in recorded, "team-secret" in recorded) == (False, False)
    monkeypatch.delenv("VLLM_API_KEY")
    monkeypatch.delenv("TEAM")
    assert calibrate()[1][1:] == output[1:]


def test_judge_arm_is_chosen_by_an_option(arm_project, calibrate):
    """`--model` takes the name of an arm too; another name is a model at the endpoint of the run."""
    text = (arm_project / "pyproject.toml").read_text()
    (arm_project / "pyproject.toml").write_text(text.replace('model = "ours"', 'model = "other"'))
    assert calibrate("--model=ours")[1][0] == "labelled.jsonl: 4 pairs, judge ours, replayed 0 of 8 answers"
    code, _, errors = calibrate("--record=new")
    assert (code, errors[0]) == (2, "GRAYSPLIT_API_KEY is not set, and replies must be fetched")


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        ("VLLM_API_KEY", "arm ours: VLLM_API_KEY is not set, and replies must be fetched"),
        ("TEAM", "arm ours: the header X-Team needs TEAM, which is not set in the environment"),
    ],
)
def test_judge_arm_without_its_variable_is_one_message(arm_project, calibrate, monkeypatch, relay, variable, problem):
    """Nothing is sent."""
    monkeypatch.delenv(variable)
    code, _, errors = calibrate("--record=new")
    assert (code, errors[0], relay.stats()["total"]) == (2, problem, 0)


def test_parameter_that_the_judge_refuses_is_one_message(calibrate, project, relay):
    """It names the section, with the line that leaves the parameter out."""
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(
        text.replace("[tool.graysplit.prices]", "params = { temperature = 0, seed = 1 }\n[tool.graysplit.prices]")
    )
    relay.control(faults=[{"kind": "refuses", "params": ["temperature"], "times": None}])
    code, _, errors = calibrate()
    assert code == 2
    assert errors[0].startswith("judge-longer, asked by the metric judge, refuses the parameter temperature: the relay")
    assert [line.strip() for line in errors[1:]] == [
        "hint: nothing more was sent; leave it out for this metric, in pyproject.toml:",
        "[tool.graysplit.judge]",
        "params = { seed = 1 }",
        "[param-refused]",
    ]


def test_check_finds_keys_of_arms_in_recordings(arm_project, calibrate, capsys):
    """Also a key that only the table of an arm names."""
    calibrate()
    path = arm_project / "__graysplit__" / "labelled.jsonl"
    path.write_text(path.read_text().replace("won", OURS_KEY).replace("reason", OURS_KEY, 1))
    assert main(["recordings", "check", "--no-orphans"]) == 1
    output = capsys.readouterr().out
    assert "holds what looks like your own API key" in output
    assert OURS_KEY not in output
