"""Arms: two configurations are compared, each with its own endpoint, key, parameters, system prompt and price."""

import json
import tomllib

import pytest
from relay_server.client import RunningRelay

OURS_KEY = "key-of-ours-0123456789"
SUITE = """
    @pytest.mark.graysplit(expect={{"contains": "{right}"}})
    @pytest.mark.parametrize("prompt", [f"Question {{n}}?" for n in range({number})])
    def test_x(graysplit, prompt): pass
"""
GOOD, BAD = "Say that returns take 30 days.", "Say nothing about returns."


@pytest.fixture
def local():
    """A second server, such as vLLM on this machine."""
    with RunningRelay() as server:
        yield server


@pytest.fixture
def compare(project):
    """Run the suite with the arms of a table, and return the result."""

    def run(arms, control, *treatments, suite=None, number=60, right="Answer", options=()):
        project.write("pyproject.toml", arms)
        project.test_file(suite or SUITE.format(right=right, number=number))
        project.models = [f"--graysplit-control={control}", *(f"--graysplit-treatment={name}" for name in treatments)]
        return project.run("--graysplit-json=report.json", "--graysplit-gate=none", "--tb=short", *options)

    return run


def verdicts(project):
    return {one["treatment"]: one["verdict"] for one in project.report()["comparisons"]}


def all_text(project, result):
    files = [path.read_text("utf-8", "replace") for path in project.path.rglob("*") if path.is_file()]
    return "\n".join([result.stdout.str(), result.stderr.str(), *files])


def test_hosted_and_local_server_get_their_own_keys_and_headers(project, compare, local, monkeypatch):
    """Each key and each header reaches its own server only, and neither is in any file or in the output."""
    monkeypatch.setenv("VLLM_API_KEY", OURS_KEY)
    monkeypatch.setenv("TEAM", "team-secret-0123456789")
    project.relay.control(key="made-up-key-0123456789")
    local.control(key=OURS_KEY, models=["qwen3-32b"])
    arms = f"""
        [tool.graysplit.headers]
        X-Run = "run-secret-0123456789"
        [tool.graysplit.arms.ours]
        model = "qwen3-32b"
        base_url = "{local.url}"
        api_key_env = "VLLM_API_KEY"
        headers = {{ "X-Team" = "$TEAM" }}
        price = {{ input = 0, output = 0 }}
    """
    result = compare(arms, "claude-sonnet-4.5", "ours", number=8)
    result.assert_outcomes(passed=8)
    hosted, own = project.relay.stats(), local.stats()
    assert (hosted["requests"], own["requests"]) == ({"claude-sonnet-4.5": 8}, {"qwen3-32b": 8})
    assert (hosted["paths"]["GET /v1/models"], own["paths"]["GET /v1/models"]) == (1, 1)
    assert "x-team" not in hosted["headers"]
    assert "x-run" not in own["headers"]
    assert (hosted["headers"]["x-run"], own["headers"]["x-team"]) == (
        "run-secret-0123456789",
        "team-secret-0123456789",
    )
    (project.path / "pyproject.toml").unlink()  # the only file with a secret of its own
    written = all_text(project, result)
    assert not any(secret in written for secret in (OURS_KEY, "team-secret-0123456789", "run-secret-0123456789"))
    assert "ours is qwen3-32b, at http://127.0.0.1" in result.stdout.str()
    arms = {arm["role"]: arm for arm in project.report()["arms"]}
    assert (arms["treatment"]["model"], arms["treatment"]["cost_usd"]) == ("qwen3-32b", 0.0)
    assert list(project.report()["cases"][0]["passed"]) == ["control", "ours"]


def test_arm_replays_without_its_key_and_its_header(project, compare, local, monkeypatch):
    """A run in CI has the recordings alone; the key of the recordings has the arm's name."""
    monkeypatch.setenv("VLLM_API_KEY", OURS_KEY)
    monkeypatch.setenv("TEAM", "search")
    arms = f"""
        [tool.graysplit.arms.ours]
        model = "claude-sonnet-4.5"
        base_url = "{local.url}"
        api_key_env = "VLLM_API_KEY"
        headers = {{ "X-Team" = "$TEAM" }}
    """
    compare(arms, "claude-sonnet-4.5", "ours", number=3).assert_outcomes(passed=3)
    assert sorted(line.get("arm", "") for line in project.recorded()) == ["", "", "", "ours", "ours", "ours"]
    for name in ("VLLM_API_KEY", "TEAM", "GRAYSPLIT_API_KEY"):
        monkeypatch.delenv(name)
    result = compare(arms, "claude-sonnet-4.5", "ours", number=3, options=["--graysplit-record=none"])
    result.assert_outcomes(passed=3)
    assert "A/A" not in result.stdout.str()
    result = compare(arms, "claude-sonnet-4.5", "ours", number=4, options=["--graysplit-record=new"])
    assert "hint: export VLLM_API_KEY=..., the key of http://127.0.0.1" in result.stdout.str() + result.stderr.str()
    assert local.stats()["total"] == 3


@pytest.mark.parametrize(
    ("first", "second", "number", "decision"),
    [(GOOD, f"{GOOD} Be short.", 80, "promote"), (GOOD, BAD, 80, "reject"), (GOOD, f"{GOOD} Be short.", 20, "hold")],
)
def test_prompt_v1_against_prompt_v2(project, compare, first, second, number, decision):
    """One model in both arms: the declared difference is the subject, so the verdict may promote."""
    project.write("prompts/v1.md", f"{first}\n")
    project.write("prompts/v2.md", f"{second}\n")
    arms = "".join(
        f'[tool.graysplit.arms.{name}]\nmodel = "echo-system"\nsystem = "file:prompts/{name}.md"\n'
        for name in ("v1", "v2")
    )
    result = compare(arms, "v1", "v2", number=number, right="30 days")
    assert verdicts(project) == {"v2": decision}
    sent = {body["messages"][0]["content"] for body in project.relay.stats()["bodies"]}
    assert sent == {first, second}
    assert "v2 is echo-system, system prompt prompts/v2.md" in result.stdout.str()
    assert "v2 against v1\n" in result.stdout.str()


def test_three_efforts_of_one_model_are_three_arms(project, compare):
    """Each has its own requests, recordings, price and row in every report."""
    arms = "".join(
        f"""
        [tool.graysplit.arms.{name}]
        model = "gpt-4.1"
        params = {{ reasoning_effort = "{name}" }}
        price = {{ input = {price}, output = {price} }}
        """
        for name, price in (("low", 1), ("medium", 2), ("high", 4))
    )
    result = compare(arms, "high", "medium", "low", number=60)
    result.assert_outcomes(passed=120)
    assert verdicts(project) == {"low": "promote", "medium": "promote"}
    costs = [arm["cost_usd"] for arm in project.report()["arms"]]
    assert [cost / costs[0] for cost in costs] == pytest.approx([1, 0.25, 0.5])
    efforts = [body["reasoning_effort"] for body in project.relay.stats()["bodies"]]
    assert {effort: efforts.count(effort) for effort in efforts} == {"low": 60, "medium": 60, "high": 60}
    assert "test_x[Question 0?-low]" in str(project.report()["cases"][0]["nodeid"]) + result.stdout.str()
    assert {line["sample"] for line in project.recorded()} == {0}


def test_model_that_refuses_parameters_is_promoted_after_the_lines_of_the_messages(project, compare):
    """Each message has the lines for one refused parameter; with them, the next run goes on."""
    refusing = {"kind": "refuses", "params": ["temperature", "max_tokens"], "model": "gpt-6", "times": None}
    project.relay.control(faults=[refusing], models=["gpt-4.1", "gpt-6"])
    options = ["--graysplit-param=temperature=0", "--graysplit-param=max_tokens=800"]
    table: dict = {}
    for param in ("temperature", "max_tokens"):
        lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
        result = compare("\n".join(['[tool.graysplit.arms."gpt-6"]', *lines]) if table else "", "gpt-4.1", "gpt-6",
                         number=60, options=options)  # fmt: skip
        output = result.stdout.str() + result.stderr.str()
        assert output.count(f"gpt-6 refuses the parameter {param}: ") == 1
        begin = output.index("[tool.graysplit.arms")
        advised = tomllib.loads(output[begin : output.index("[param-refused]")].rstrip(" \n[") + "\n")
        table |= advised["tool"]["graysplit"]["arms"]["gpt-6"]
    assert table["unset"] == ["temperature", "max_tokens"]
    lines = [f"{key} = {_toml(value)}" for key, value in table.items()]
    result = compare("\n".join(['[tool.graysplit.arms."gpt-6"]', *lines]), "gpt-4.1", "gpt-6", number=60,
                     options=options)  # fmt: skip
    assert verdicts(project) == {"gpt-6": "promote"}
    [last] = [body for body in project.relay.stats()["bodies"] if body["model"] == "gpt-6"][-1:]
    assert (last.get("temperature"), last.get("max_tokens"), last["max_completion_tokens"]) == (None, None, 800)


def _toml(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {json.dumps(part)}" for key, part in value.items()) + " }"
    return json.dumps(value)


def test_hook_that_changes_one_arm_alone_still_holds(project, compare):
    """The tables declare another system prompt; the temperature that the hook sets is not declared."""
    arms = """
        [tool.graysplit.arms.v1]
        model = "gpt-4.1"
        [tool.graysplit.arms.v2]
        model = "gpt-4.1"
        system = "Be short."
    """
    both = 'def pytest_graysplit_modify_request(body): body["messages"].append({"role": "user", "content": "?"})'
    project.write("conftest.py", both)
    compare(arms, "v1", "v2", number=60)
    assert verdicts(project) == {"v2": "promote"}
    one = 'def pytest_graysplit_modify_request(arm, body): body.update(temperature=1) if arm == "v2" else None'
    project.write("conftest.py", one)
    result = compare(arms, "v1", "v2", number=60)
    assert verdicts(project) == {"v2": "hold"}
    assert "the models got different requests, temperature differs: 60 cases" in result.stdout.str()


def test_cases_that_override_the_arm_compare_nothing(project, compare):
    """Both arms sent one request to one model; two answers to it show nothing about the effort."""
    arms = """
        [tool.graysplit.arms.high]
        model = "gpt-4.1"
        params = { reasoning_effort = "high" }
        [tool.graysplit.arms.low]
        model = "gpt-4.1"
        params = { reasoning_effort = "low" }
    """
    suite = """
        @pytest.mark.graysplit(expect={"contains": "Answer"}, params={"reasoning_effort": "high"})
        @pytest.mark.parametrize("prompt", [f"Question {n}?" for n in range(60)])
        def test_x(graysplit, prompt): pass
    """
    result = compare(arms, "high", "low", suite=suite)
    assert verdicts(project) == {"low": "hold"}
    assert "both arms sent the same request in 60 of 60 cases" in result.stdout.str()
    assert "A/A" not in result.stdout.str()
    assert sorted({line["sample"] for line in project.recorded()}) == [0, 1]


def test_equal_configurations_are_an_aa_run(project, compare):
    """The treatment gets the samples after the control's, so that two answers are compared."""
    arms = """
        [tool.graysplit.arms.one]
        model = "gpt-4.1"
        params = { temperature = 1 }
        [tool.graysplit.arms.two]
        model = "gpt-4.1"
        params = { temperature = 1 }
    """
    result = compare(arms, "one", "two", number=60)
    assert "two against one, an A/A run: one model in both roles" in result.stdout.str()
    assert sorted({line["sample"] for line in project.recorded()}) == [0, 1]
    assert verdicts(project) == {"two": "promote"}
    result = compare(arms, "gpt-4.1", "one", "two", number=1)
    assert "the treatments one and two have the same configuration" in result.stdout.str() + result.stderr.str()


def test_plain_arms_keep_their_recordings(project, compare):
    """A table that adds nothing but a name leaves the keys as they are."""
    compare("", "claude-sonnet-4.5", "deepseek-v3.2", number=3)
    arms = """
        [tool.graysplit.arms.today]
        model = "claude-sonnet-4.5"
        [tool.graysplit.arms.cheap]
        model = "deepseek-v3.2"
    """
    result = compare(arms, "today", "cheap", number=3, options=["--graysplit-record=none"])
    result.assert_outcomes(passed=3)
    assert project.sent() == 6
    assert [arm["model"] for arm in project.report()["arms"]] == ["claude-sonnet-4.5", "deepseek-v3.2"]
    assert "cheap against today" in result.stdout.str()


def test_verdict_item_and_reply_items_have_the_name_of_the_arm(project, compare):
    """Scripts select them by it."""
    arms = '[tool.graysplit.arms.bad]\nmodel = "echo-system"\nsystem = "no"\n'
    suite = """
        @pytest.mark.parametrize("prompt", [f"Question {n}?" for n in range(40)])
        @pytest.mark.graysplit(system="Answer")
        def test_x(graysplit_reply, prompt): assert "Answer" in graysplit_reply.text
    """
    result = compare(arms, "echo-control", "bad", suite=suite,
                     options=["--graysplit-gate=verdict", "-v", "--graysplit-param=top_p=1"])  # fmt: skip
    output = result.stdout.str()
    assert "test_x[control-Question 0?]" in output or "test_x[Question 0?-control]" in output
    assert "FAILED graysplit::verdict[bad]" in output


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('[tool.graysplit.arms.control]\nmodel = "m"', "arms.control: control is the name of a role"),
        ('[tool.graysplit.arms.a]\nmodel = "m"\nsystem = "file:no.md"', "arms.a.system: no.md cannot be read"),
        ('[tool.graysplit.arms.a]\nmodel = "m"\nsytem = "x"', "arms.a.sytem: unknown setting, did you mean system?"),
    ],
)
def test_arm_that_cannot_be_used_is_one_message(project, compare, table, message):
    """It comes before anything is collected or sent."""
    result = compare(table, "gpt-4.1", "a", number=1)
    output = result.stdout.str() + result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in output
    assert "Traceback" not in output
    assert project.sent() == 0


def test_relay_that_drops_the_token_limit_holds(project, compare):
    """The treatment's answers are longer than the request allows, so they are not those of the configured arm."""
    arms = """
        [tool.graysplit.arms.short]
        model = "deepseek-v3.2"
        params = { max_tokens = 20 }
    """
    long = {"kind": "fields", "fields": {"usage": {"prompt_tokens": 5, "completion_tokens": 60, "total_tokens": 65}}}
    project.relay.control(faults=[{**long, "model": "deepseek-v3.2", "times": None}])
    result = compare(arms, "gpt-4.1", "short")
    assert verdicts(project) == {"short": "hold"}
    assert "short answered with more tokens than its limit allows, so the relay dropped it: 60 replies" in (
        " ".join(result.stdout.str().split())
    )


def test_mistyped_arm_is_named_in_the_header(project, compare):
    """Without a table of that name it is the name of a model, which the relay may not know."""
    arms = '[tool.graysplit.arms.low-effort]\nmodel = "gpt-4.1"\n'
    output = compare(arms, "claude-sonnet-4.5", "low-efort", number=1).stdout.str()
    assert "; no arm is named low-efort, so it is a model, did you mean low-effort?" in output


def test_page_and_junit_name_the_arms(project, compare):
    """The snapshot of the page has the name of each arm, and so have the properties of JUnit."""
    arms = """
        [tool.graysplit.arms.today]
        model = "gpt-4.1"
        [tool.graysplit.arms.short]
        model = "gpt-4.1"
        params = { max_tokens = 400 }
    """
    compare(arms, "today", "short", number=2, options=["--junit-xml=junit.xml"])
    junit = (project.path / "junit.xml").read_text(encoding="utf-8")
    assert "graysplit_" in junit
    assert [(arm["name"], arm["model"], arm["params"]) for arm in project.report()["arms"]] == [
        ("today", "gpt-4.1", {}),
        ("short", "gpt-4.1", {"max_tokens": 400}),
    ]


def test_recordings_of_another_address_hold(project, compare, local):
    """The arm has a new server, and its recordings are answers of the old one."""
    table = '[tool.graysplit.arms.ours]\nmodel = "qwen3-32b"\nbase_url = "{url}"\n'
    compare(table.format(url=local.url), "gpt-4.1", "ours")
    assert verdicts(project) == {"ours": "promote"}
    result = compare(table.format(url="http://127.0.0.1:9/v1"), "gpt-4.1", "ours")
    assert verdicts(project) == {"ours": "hold"}
    text = "ours was recorded at an address or with headers that its table has no more: 60 replies"
    assert text in " ".join(result.stdout.str().split())
    compare(table.format(url=local.url), "gpt-4.1", "ours", options=["--graysplit-record=none"])
    assert verdicts(project) == {"ours": "promote"}
