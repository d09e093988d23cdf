"""The tables of arms: every field is read, every wrong value is named with its place, and no secret is shown."""

import tomllib

import pytest

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.settings import SettingsSource, resolve
from pytest_graysplit.errors import UsageError

KEY, TEAM, RUN = "sk-proj-made-up-0123456789", "team-secret-0123456789", "key-of-the-run-0123456789"
ELSE = "replay"


def settings(toml, *options, folder=None, **environ):
    given = dict(option.partition("=")[::2] for option in options)
    source = SettingsSource(lambda option: option.flag, {name: [text] for name, text in given.items()})
    return resolve([source], tomllib.loads(toml), environ, folder)


def arm(toml, *options, name="ours", **more):
    return settings(f'[arms.{name}]\nmodel = "m"\n{toml}', *options, **more).arm(name)


def error_of(call, *args, **more):
    with pytest.raises(UsageError) as caught:
        call(*args, **more)
    return str(caught.value)


EVERY_FIELD = """
[models.qwen3-32b.params]
top_p = 0.5
temperature = 0.5
[arms.ours]
model = "qwen"
params = { temperature = 0.2, seed = 7 }
unset = ["max_tokens", "max_tokens"]
base_url = "http://127.0.0.1:8000/v1/"
api_key_env = "VLLM_API_KEY"
headers = { "X-Team" = "$TEAM", "X-Plain" = "plain-secret-value" }
system = "Be short."
price = { input = 0, output = 1.5 }
[aliases]
qwen = "qwen3-32b"
"""


def test_every_field_reaches_the_arm():
    run = settings(EVERY_FIELD, "param=temperature=0", VLLM_API_KEY=f" {KEY}\n", TEAM=TEAM)
    ours = run.arm("ours")
    assert (ours.name, ours.model, ours.unset, ours.system) == ("ours", "qwen3-32b", ("max_tokens",), "Be short.")
    assert ours.params == {"temperature": 0.2, "top_p": 0.5, "seed": 7}
    assert (ours.access.base_url, ours.access.key.reveal()) == ("http://127.0.0.1:8000/v1", KEY)
    assert ours.headers == {"X-Team": TEAM, "X-Plain": "plain-secret-value"}
    assert run.prices[ours.priced_as] == {"input": 0, "output": 1.5}
    assert (ours.recorded_as, ours.is_configured) == ("ours", True)
    assert {KEY, TEAM, "plain-secret-value"} <= set(run.secrets)


def test_secrets_are_in_no_description_of_an_arm():
    """Neither the line of the summary nor the form that a debugger shows has a key or a header value."""
    table = EVERY_FIELD.replace("8000/v1/", "8000/v1?key=secret-in-query")
    run = settings(table, "base-url=http://127.0.0.1:1/v1?key=secret-of-run", VLLM_API_KEY=KEY, TEAM=TEAM)
    shown = f"{run.arm('ours').described()} {run!r} {run.arm('ours')!r} {run.arm_access!r} {run.table!r}"
    assert not [secret for secret in (KEY, TEAM, "plain-secret-value", "secret-in-query") if secret in shown]
    assert {"secret-in-query", "secret-of-run"} <= set(run.secrets)
    assert run.arm("ours").described() == (
        "qwen3-32b, at http://127.0.0.1:8000/v1, top_p 0.5, temperature 0.2, seed 7, without max_tokens, "
        'system prompt "Be short.", headers X-Team and X-Plain, price 0 in, 1.5 out'
    )


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        ('api_key = "sk-proj-x"', "arms.ours.api_key: unknown setting, did you mean api_key_env?"),
        ("params = 1", "arms.ours.params: 1 is not a table"),
        ('params = { model = "x" }', "arms.ours.params.model: sets model, which the arm and the case decide"),
        ('unset = "max_tokens"', "arms.ours.unset: 'max_tokens' is not a list of names"),
        ("unset = [1]", "arms.ours.unset: [1] is not a list of names"),
        ('unset = ["messages"]', "arms.ours.unset: removes messages, which every request needs"),
        ('unset = ["model"]', "arms.ours.unset: removes model, which every request needs"),
        ('unset = [" top_p"]', "arms.ours.unset: ' top_p' is not the name of a parameter"),
        ("base_url = 8000", "arms.ours.base_url: is not a text"),
        ('base_url = " "', "arms.ours.base_url: is empty"),
        ('base_url = "127.0.0.1:8000/v1"', "arms.ours.base_url: '127.0.0.1:8000/v1' is not an address such as"),
        ('base_url = "https://user:pass@relay.example/v1"', "arms.ours.base_url: 'https://***@relay.example/v1' holds"),
        ('base_url = "https://relay.example:0/v1?key=hidden"', "arms.ours.base_url: 'https://relay.example:0/v1?***'"),
        ('api_key_env = ""', "arms.ours.api_key_env: is empty"),
        ("headers = 1", "arms.ours.headers: is not a table"),
        ('system = ""', "arms.ours.system: '' is not a prompt"),
        ('system = "file: "', "arms.ours.system: 'file: ' is not a prompt"),
        ("system = 1", "arms.ours.system: 1 is not a prompt"),
        ("price = 1", "arms.ours.price: 1 is not a table"),
        ("price = { input = 1 }", "arms.ours.price: has no output price"),
        ("price = { input = -1, output = 1 }", "arms.ours.price.input: -1 is not a price"),
    ],
)  # fmt: skip
def test_wrong_value_is_named_with_its_place(toml, problem):
    """The message has the setting, the problem, a remedy and the heading of the documentation."""
    message = error_of(arm, toml)
    assert message.startswith(f"pyproject.toml [tool.graysplit] {problem}")
    assert "\n  hint: " in message
    assert message.endswith("[tool-graysplit]")


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        "hf_abcdefghij",
        "gsk_abcdefghij",
        "AIzaSyD0123456789",
        "0123456789abcdef",
        "a1b2c3d4e5f6a7b8c9d0",
        "sk_live_51Habcdefghij0123456789",
        "k\u00e9y",
    ],
)
@pytest.mark.parametrize(
    "toml",
    ['api_key_env = "KEY"', 'api_key_env = ["KEY"]', 'headers = { X = ["KEY"] }', 'headers = "KEY"',
     'base_url = ["KEY"]', 'base_url = "https://KEY@relay.example"'],
)  # fmt: skip
def test_key_in_the_wrong_place_is_not_shown(toml, key):
    """A key in pyproject.toml is a mistake that a message must not repeat into the log of a CI."""
    assert key not in error_of(arm, toml.replace("KEY", key))


@pytest.mark.parametrize(
    "name", ["VLLM_API_KEY", "vllm_key", "MyKey", "_K", "K8S_PROD_EU1_TEAM2_VLLM_KEY", "team_vllm_key_2024"]
)
def test_variable_of_a_key_may_have_any_name(name):
    assert arm(f'base_url = "http://127.0.0.1:1/v1"\napi_key_env = "{name}"', **{name: KEY}).access.key.reveal() == KEY


@pytest.mark.parametrize("toml", ["", "model = 1", 'model = " "', 'model = ""'])
def test_arm_needs_a_model(toml):
    assert "arms.ours" in error_of(settings, f"[arms.ours]\n{toml}")


@pytest.mark.parametrize("value", ["1", '"m"', "[]"])
def test_arm_is_a_table(value):
    assert "is not a table" in error_of(settings, f"[arms]\nours = {value}")


@pytest.mark.parametrize(
    "name",
    [
        "a.b",
        "qwen/qwen3:free",
        'with "quotes"',
        "two words",
        "l\u00fcneburg",
        "\u65b0\u3057\u3044",
        "it's",
        "a=b",
        "-x",
        "1",
    ],
)
def test_name_may_be_any_that_a_model_may_have(name):
    """It becomes a TOML key in messages, and a part of test ids."""
    run = settings(f'[arms.{quoted(name)}]\nmodel = "m"', f"treatment={name}", "control=c")
    assert [one.name for one in run.arms] == ["c", name]
    assert run.arm(name).model == "m"


@pytest.mark.parametrize(
    "name", ["", " ", "a ", " a", "a\nb", "a\tb", "a\u001bb", "a\u202eb", "a\u00a0b", "a::b", "a[b", "b]"]
)
def test_name_that_would_break_a_test_id_or_a_terminal_is_refused(name):
    message = error_of(settings, f'[arms.{quoted(name)}]\nmodel = "m"')
    assert message.startswith(f"pyproject.toml [tool.graysplit] arms: {name!r} is not a name")
    assert message.isprintable() or message.replace("\n", "").isprintable()


def quoted(name):
    return '"' + "".join(f"\\u{ord(one):04x}" if not one.isalnum() else one for one in name) + '"'


@pytest.mark.parametrize(
    ("toml", "name"),
    [
        ('[arms.control]\nmodel = "m"', "control"),
        ('[arms.b]\nmodel = "m"\n[prices.b]\ninput = 1\noutput = 1', "b"),
        ('[arms.b]\nmodel = "m"\n[models.b.params]\nseed = 1', "b"),
        ('[arms.b]\nmodel = "m"\n[aliases]\nb = "m"', "b"),
        ('[arms.b]\nmodel = "m"\n[aliases]\nfast = "b"', "b"),
        ('[arms.b]\nmodel = "m"\n[arms.c]\nmodel = "b"', "b"),
        ('[arms."gpt4.1"]\nmodel = "m"', "gpt4.1"),
    ],
)
def test_name_of_a_role_or_of_another_model_is_refused(toml, name):
    assert error_of(settings, toml).startswith(f"pyproject.toml [tool.graysplit] arms.{name}: ")


def test_arm_may_have_the_name_of_its_own_model():
    """So options and scripts stay as they are; also beside another arm of this model, and by an alias of it."""
    table = """
        [arms."gpt-4.1"]
        model = "gpt4.1"
        unset = ["max_tokens"]
        [arms.low]
        model = "gpt-4.1"
        [prices."gpt-4.1"]
        input = 1
        output = 1
    """
    run = settings(table, "control=gpt4.1", "treatment=low", "param=max_tokens=5")
    assert [(one.name, one.model, one.with_params({})) for one in run.arms] == [
        ("gpt-4.1", "gpt-4.1", {}),
        ("low", "gpt-4.1", {"max_tokens": 5}),
    ]
    assert run.arm("gpt-4.1").recorded_as == ""


# --- the system prompt in a file


def with_prompt(tmp_path, content=b"Be short.", system="file:prompts/v2.md"):
    folder = tmp_path / "project"
    (folder / "prompts").mkdir(parents=True, exist_ok=True)
    (folder / "prompts" / "v2.md").write_bytes(content)
    return arm(f"system = {quoted(system)}", folder=folder)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"Be short.", "Be short."),
        (b"Be short.\n", "Be short."),
        (b"\xef\xbb\xbfBe short.\r\n", "Be short."),
        (b"One.\r\n\r\nTwo.\r\n", "One.\n\nTwo."),
        ("Fa\u00dfe dich kurz.\n".encode(), "Fa\u00dfe dich kurz."),
        (b" indented\n\n", " indented\n"),
        (b"x" * 1_000_000, "x" * 1_000_000),
    ],
)
def test_prompt_file_is_read_alike_on_every_system(tmp_path, content, text):
    """A byte order mark, the kind of line ends and the last line break do not change a request."""
    ours = with_prompt(tmp_path, content)
    assert (ours.system == text, ours.source) == (True, "prompts/v2.md")
    assert len(ours.described()) < 100


@pytest.mark.parametrize(
    ("content", "system", "problem"),
    [
        (b"x", "file:prompts/v3.md", "prompts/v3.md cannot be read: No such file"),
        (b"x", "file:prompts", "prompts cannot be read: "),
        (b"x", "file:../secret.md", "../secret.md is outside the project"),
        (b"x", "file:/etc/hosts", "/etc/hosts is outside the project"),
        (b"x", "file:prompts/a\0b", "cannot be read: "),
        (b"\xff\xfe\x00", "file:prompts/v2.md", "prompts/v2.md cannot be read: it is not UTF-8 text"),
        (b"", "file:prompts/v2.md", "prompts/v2.md is empty"),
        (b" \r\n", " file:prompts/v2.md", "prompts/v2.md is empty"),
    ],
)
def test_prompt_file_that_cannot_be_used_is_named(tmp_path, content, system, problem):
    (tmp_path / "secret.md").write_text("secret")
    message = error_of(with_prompt, tmp_path, content, system)
    assert "[tool.graysplit] arms.ours.system: " in message
    assert problem in message
    assert "secret\n" not in message


def test_link_out_of_the_project_is_refused(tmp_path):
    with_prompt(tmp_path)
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "project" / "link.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "project" / "loop.md").symlink_to("loop.md")
    assert "link.md is outside the project" in error_of(with_prompt, tmp_path, system="file:link.md")
    assert "loop.md cannot be read" in error_of(with_prompt, tmp_path, system="file:loop.md")


def test_prompt_file_is_read_only_for_an_arm_that_is_used():
    """A table of an arm that this run does not compare cannot stop it."""
    run = settings('[arms.ours]\nmodel = "m"\nsystem = "file:missing.md"', "control=a", "treatment=b")
    run.check()
    assert [one.name for one in run.arms] == ["a", "b"]


# --- messages and parameters


SYSTEM, DEVELOPER, USER = ({"role": role, "content": role} for role in ("system", "developer", "user"))
OWN = {"role": "system", "content": "own"}


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        ([USER], [OWN, USER]),
        ([SYSTEM, USER], [OWN, USER]),
        ([DEVELOPER, USER], [{"role": "developer", "content": "own"}, USER]),
        ([SYSTEM, DEVELOPER, USER, SYSTEM], [OWN, USER, SYSTEM]),
        ([SYSTEM], [OWN]),
        ([], [OWN]),
    ],
)
def test_own_prompt_replaces_the_first_instructions(messages, sent):
    assert Arm(name="a", model="m", system="own").with_system(messages) == sent
    assert Arm.plain("m").with_system(messages) == messages


def test_option_gives_way_to_model_this_to_arm_and_the_arm_to_the_case():
    table = """
        [models.m.params]
        b = "model"
        c = "model"
        d = "model"
        [arms.ours]
        model = "m"
        params = { c = "arm", d = "arm", gone = 1 }
        unset = ["gone", "too"]
    """
    run = settings(table, "control=ours")
    ours = settings(table, 'param=a="option"').arm("ours")
    assert run.arm("ours").own_params == {"b": "model", "c": "arm", "d": "arm", "gone": 1}
    sent = ours.with_params({"d": "case", "too": 2})
    assert sent == {"a": "option", "b": "model", "c": "arm", "d": "case"}


# --- equal configurations


SAME = [
    ("", "", True),
    ("params = { seed = 1 }", "params = { seed = 2 }", False),
    ("params = { seed = 1 }", "", False),
    ('params = { seed = 1 }\nunset = ["seed"]', 'unset = ["seed"]', True),
    ('unset = ["seed", "top_p"]', 'unset = ["top_p", "seed"]', True),
    ('unset = ["seed"]', "", False),
    ('system = "a"', 'system = "b"', False),
    ('system = "a"', "", False),
    ('base_url = "http://127.0.0.1:1/v1"', "", False),
    ('base_url = "http://127.0.0.1:1/v1/"', 'base_url = "http://127.0.0.1:1/v1"', True),
    ('headers = { X = "a" }', 'headers = { x = "a" }', True),
    ('headers = { X = "a" }', 'headers = { X = "b" }', False),
    ('headers = { X = "$A" }', 'headers = { X = "$B" }', False),
    ('headers = { X = "$A" }', 'headers = { x = "$A" }', True),
    ('headers = { X = "$A" }', 'headers = { X = "A" }', False),
    ("price = { input = 1, output = 1 }", "", True),
]


@pytest.mark.parametrize(("one", "other", "same"), SAME)
def test_arms_are_the_same_if_their_configurations_are(one, other, same):
    """Model, endpoint, parameters, system prompt and headers count; the price and the name do not."""
    table = f'[arms.a]\nmodel = "m"\n{one}\n[arms.b]\nmodel = "m"\n{other}'
    source = SettingsSource(lambda option: option.flag, {"control": ["c"], "treatment": ["a", "b"]})
    run = resolve([source], tomllib.loads(table), {})
    assert run.arm("a").is_same_as(run.arm("b")) is same
    assert run.arm("b").is_same_as(run.arm("a")) is same
    if same:
        assert error_of(run.check).startswith("the treatments a and b have the same configuration\n  hint: ")
    else:
        run.check()


def test_arm_of_a_plain_model_is_the_same_as_the_model():
    """The A/A run may name either."""
    run = settings('[arms.a]\nmodel = "m"', "control=m", "treatment=a")
    run.check()
    assert run.arms[0].is_same_as(run.arms[1])


# --- headers


def test_header_without_its_variable_is_an_error_only_for_a_request():
    """A replay needs no header; the message has the variable, the header and the table."""
    ours = arm('headers = { "X-Team" = "$TEAM", "X-Dollar" = "$" }', "base-url=http://127.0.0.1:1/v1")
    assert (ours.headers, ours.unknown) == ({"X-Dollar": "$"}, {"X-Team": "TEAM"})
    assert error_of(ours.require_sendable, ELSE) == (
        "arm ours: the header X-Team needs TEAM, which is not set in the environment\n"
        "  hint: export TEAM, or remove the header from [tool.graysplit.arms.ours], or replay  [tool-graysplit]"
    )
    assert ours.recorded_as == "ours"


def test_headers_of_the_run_go_to_its_own_endpoint_only():
    table = """
        [headers]
        X-Run = "run-secret"
        [models.m.headers]
        X-Model = "model-secret"
        [arms.here]
        model = "m"
        headers = { X-Arm = "1" }
        [arms.there]
        model = "m"
        base_url = "http://127.0.0.1:1/v1"
        headers = { X-Arm = "2" }
    """
    run = settings(table)
    assert run.arm("here").headers == {"X-Run": "run-secret", "X-Model": "model-secret", "X-Arm": "1"}
    assert run.arm("there").headers == {"X-Arm": "2"}
