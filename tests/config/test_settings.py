"""Settings are resolved in one place, and the message for an invalid value names option, source and remedy."""

from decimal import Decimal

import pytest

from pytest_graysplit.config.policy import SignalRule
from pytest_graysplit.config.settings import SettingsSource, resolve
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.splitter.configured import build_splitter


def command_line(**texts):
    return SettingsSource(
        lambda option: option.flag, {name.replace("_", "-"): values for name, values in texts.items()}
    )


def ini_file(**texts):
    return SettingsSource(lambda option: option.ini, {name.replace("_", "-"): values for name, values in texts.items()})


def settings(*sources, table=None, **environ):
    return resolve(sources, table or {}, environ)


LONG = {"input": 3, "cache_write_1h": 6, "output": 15, "above": 200_000, "above_input": 6, "above_output": 22.5}


def test_defaults_are_the_documented_ones():
    """A run without settings gets the documented defaults."""
    plain = settings(HOLYSHEEP_API_KEY="a-secret-key")
    assert (plain.control, plain.treatments, plain.base_url) == (None, (), "https://api.holysheep.ai/v1")
    assert (plain.record, plain.concurrency, plain.timeout_s, plain.retries) == ("new", 16, 60.0, 3)
    assert (plain.gate, plain.metric, plain.samples, plain.control_samples) == ("case", "lexical", 1, 1)


def test_strongest_source_wins():
    """The command line wins over other sources, option by option."""
    both = settings(command_line(control=["a"]), ini_file(control=["b"], concurrency=["4"]))
    assert (both.control, both.concurrency) == ("a", 4)


def test_aliases_are_resolved_before_models_are_compared():
    """An alias and its model are one model."""
    assert settings(command_line(control=["gpt4.1"])).control == "gpt-4.1"
    with pytest.raises(UsageError, match=r"two treatments are both named gpt-4\.1"):
        settings(command_line(treatment=["gpt4.1", "gpt-4.1"]))


def test_signals_and_waits_of_the_project():
    """They are in the policy of the grade; a wait has a bound only if one is given."""
    table = {"critical": ["pass_rate", "p99_s"], "bounds": {"p99_s": 8}, "signals": {
        "ticket": {"better": "lower", "margin": 0.02, "critical": True}, "thumbs": {"per": "signal"}}}  # fmt: skip
    policy = settings(table={"verdict": table}).policy
    assert policy.signals == {
        "ticket": SignalRule(better="lower", margin=0.02, critical=True),
        "thumbs": SignalRule(per="signal"),
    }
    assert (policy.bounds["p99_s"], "p95_s" in policy.bounds) == (8.0, False)


@pytest.mark.parametrize(
    ("environ", "mode", "reason"),
    [
        ({}, "none", "no key is set"),
        ({"GRAYSPLIT_BASE_URL": "https://relay.example"}, "none", "GRAYSPLIT_API_KEY is not set"),
        (
            {"GRAYSPLIT_BASE_URL": "https://relay.example", "OPENAI_API_KEY": "k"},
            "none",
            "GRAYSPLIT_API_KEY is not set",
        ),
        ({"GRAYSPLIT_BASE_URL": "http://127.0.0.1:11434/v1"}, "new", ""),
        ({"GRAYSPLIT_BASE_URL": "http://127.0.0.1:11434/v1", "CI": "1"}, "none", "CI is set"),
        ({"CI": "true", "GRAYSPLIT_API_KEY": "k" * 9}, "none", "CI is set"),
        ({"CI": "false", "HOLYSHEEP_API_KEY": "k" * 9}, "new", ""),
    ],
)
def test_auto_record_mode_names_its_reason(environ, mode, reason):
    """`auto` never calls a relay in CI or without a key, and says which of the two it was."""
    given = [environ["GRAYSPLIT_BASE_URL"]] if "GRAYSPLIT_BASE_URL" in environ else []
    chosen = settings(command_line(base_url=given), **environ)
    assert (chosen.record, chosen.record_reason) == (mode, reason)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("concurrency", "many", "--graysplit-concurrency: 'many' is not a whole number of 1 or more"),
        ("min-similarity", "75", "--graysplit-min-similarity: '75' is not a number from 0 to 1 or auto"),
        ("min-similarity", "autoo", "--graysplit-min-similarity: 'autoo' is not a number from 0 to 1 or auto"),
        ("timeout", "0", "--graysplit-timeout: '0' is not a number above 0"),
        ("record", "nwe", "--graysplit-record: 'nwe' is not one of auto, none, new, all, off, did you mean new?"),
        ("base-url", "localhost:8000", ("--graysplit-base-url: 'localhost:8000' is not an address such as "
                                       "https://api.openai.com/v1, did you mean http://localhost:8000?")),
        ("base-url", "https://me:pass@relay.example/v1?key=abc",
         ("--graysplit-base-url: 'https://***@relay.example/v1?***' holds a user name or a password, which would be "
          "sent in place of the key: leave it out")),
        ("looks", "100;200", "--graysplit-looks: '100;200' is not a list of whole numbers of cases, such as 100,200,400"),
        ("looks", "100,", "--graysplit-looks: '100,' is not a list of whole numbers of cases, such as 100,200,400"),
        ("looks", "29,100", "--graysplit-looks: '29,100' has a look at 29 cases, and a verdict needs at least 30"),
        ("looks", "100,100", "--graysplit-looks: '100,100' does not increase from look to look, such as 100,200,400"),
        ("looks", "100," + "9" * 5_000, f"--graysplit-looks: '100,{'9' * 5_000}' has a look at more than 1,000,000 cases"),
        ("looks", ",".join(map(str, range(30, 51))),
         f"--graysplit-looks: '{','.join(map(str, range(30, 51)))}' has 21 looks, and at most 20 can be planned"),
        ("param", "temperature", "--graysplit-param: 'temperature' is not KEY=VALUE, such as temperature=0"),
        ("param", "model=x", "--graysplit-param: 'model=x' sets model, which the arm and the case decide"),
        ("control", " ", "--graysplit-control: ' ' is empty"),
    ],
)  # fmt: skip
def test_invalid_option_value_is_named(option, value, message):
    """Every option checks its value, and its message says which values are valid."""
    with pytest.raises(UsageError) as caught:
        settings(command_line(**{option: [value]}))
    assert caught.value.problem == message
    assert caught.value.slug == "option-value"
    assert caught.value.hint.startswith(f"--graysplit-{option} ")


def test_looks_come_from_the_option_or_the_table():
    """They are whole numbers in their order; the option wins."""
    table = {"verdict": {"looks": [100, 200]}}
    assert settings(table=table).policy.looks == (100, 200)
    assert settings(ini_file(looks=["50, 80"]), table=table).policy.looks == (50, 80)
    assert settings(command_line(looks=["100,200,400"])).policy.looks == (100, 200, 400)
    assert settings().policy.looks == ()


@pytest.mark.parametrize("table", [{}, {"verdict": {"looks": [100, 200]}}])
def test_looks_and_early_promotion_exclude_each_other(table):
    """Both spend the error rate of a promotion; stopping for harm alone spends none of it."""
    looks = [] if table else ["100,200"]
    with pytest.raises(
        UsageError, match=r"planned looks \(100, 200\) do not go with --graysplit-early-stop=both"
    ) as caught:
        settings(command_line(looks=looks, early_stop=["both"]), table=table).check()
    assert caught.value.slug == "looks-early-stop"
    settings(command_line(looks=looks, early_stop=["harm"]), table=table).check()


def test_early_promotion_leaves_four_percent_to_the_final_test():
    """Of the five that a bound may err."""
    assert [settings(command_line(early_stop=[when])).policy.alpha for when in ("harm", "both")] == [
        0.05,
        pytest.approx(0.04),
    ]


def test_params_are_json_or_else_text():
    """Numbers stay numbers, and a plain word needs no quotes."""
    params = settings(
        command_line(param=["temperature=0", "stop=END", 'response_format={"type":"json_object"}'])
    ).params
    assert params == {"temperature": 0, "stop": "END", "response_format": {"type": "json_object"}}


def test_key_is_not_printed():
    """Neither the settings nor the key show it."""
    secret = settings(GRAYSPLIT_API_KEY="sk-very-secret")
    assert "very-secret" not in repr(secret)
    assert secret.secrets == ("sk-very-secret",)


def test_keys_that_only_an_application_sends_are_secret():
    """A model that is not under test may repeat the key that it was asked with."""
    environ = {"ANTHROPIC_API_KEY": "sk-ant-very-secret", "ANTHROPIC_AUTH_TOKEN": "a-token-of-the-user"}
    assert set(environ.values()) <= set(resolve([], {}, environ).secrets)


def test_tool_table_gives_prices_headers_and_params():
    """Prices become decimals, headers get values of the environment, and a model may have its own."""
    table = {
        "prices": {"small": {"input": 0.1, "output": 0.2}, "long": LONG},
        "headers": {"X-Team": "$TEAM_TOKEN"},
        "models": {"small": {"params": {"temperature": 1}, "headers": {"X-Route": "canary"}}},
    }
    tool = settings(table=table, TEAM_TOKEN="team-token-1").table
    assert tool.prices["small"] == {"input": Decimal("0.1"), "output": Decimal("0.2")}
    assert tool.prices["long"] == {name: Decimal(str(price)) for name, price in LONG.items()}
    assert tool.headers_of("small") == {"X-Team": "team-token-1", "X-Route": "canary"}
    assert tool.params_of("small") == {"temperature": 1}
    assert tool.params_of("other") == {}


def test_tool_table_gives_splits():
    """A split without a salt is salted by its name, aliases stand for models, and an arm keeps its name."""
    table = {
        "aliases": {"cheap": "deepseek-v3.2"},
        "splits": {
            "docs": {
                "arms": [
                    {"model": "gpt4.1", "weight": 0.9},
                    {"model": "cheap", "weight": 0.1, "params": {"seed": 1}, "headers": {"X-Arm": "$ARM_TOKEN"}},
                ]
            },
            "other": {
                "salt": "x",
                "anonymous": "random",
                "arms": [{"model": "a", "weight": 1.0}, {"model": "a", "weight": 0, "name": "again"}],
            },
        },
    }
    read = settings(table=table, ARM_TOKEN="token-of-arm")
    docs, other = (build_splitter(read.table.splits[name], read) for name in ("docs", "other"))
    assert [(one.arm, one.model) for one in docs.assignments] == [
        ("control", "gpt-4.1"),
        ("cheap", "deepseek-v3.2"),
    ]
    assert (docs.salt, docs.anonymous, docs.basis_points) == ("docs", "control", (9000, 1000))
    assert (docs.splits[1].params, docs.splits[1].headers) == ({"seed": 1}, {"X-Arm": "token-of-arm"})
    assert (other.salt, other.anonymous, other.arms) == ("x", "random", ("control", "again"))
    assert "token-of-arm" in read.secrets


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"price": {}}, "price: unknown setting, did you mean prices?"),
        ({"verdict": {"looks": "100,200"}},
         "verdict.looks: '100,200' is not a list of whole numbers of cases, such as 100,200,400"),
        ({"verdict": {"looks": []}}, "verdict.looks: [] is not a list of whole numbers of cases, such as 100,200,400"),
        ({"verdict": {"looks": [True, 100.5]}},
         "verdict.looks: [True, 100.5] is not a list of whole numbers of cases, such as 100,200,400"),
        ({"verdict": {"looks": [20, 100]}},
         "verdict.looks: [20, 100] has a look at 20 cases, and a verdict needs at least 30"),
        ({"verdict": {"looks": [200, 100]}},
         "verdict.looks: [200, 100] does not increase from look to look, such as 100,200,400"),
        ({"prices": {"m": {"input": 1}}}, "prices.m: has no output price"),
        ({"prices": {"m": {"input": "1", "output": 2}}}, "prices.m.input: '1' is not a price"),
        ({"prices": {"m": {"input": 1, "output": 2, "above_input": 2}}}, "prices.m: has above_input and no above"),
        ({"prices": {"m": {"input": 1, "output": 2, "above": 9, "above_input": 2}}}, "prices.m: has above and no above_output"),
        ({"headers": {"X-Key": "$NOT_THERE"}}, "headers.X-Key: the environment has no NOT_THERE"),
        ({"models": {"m": {"param": {}}}}, "models.m.param: unknown setting, did you mean params?"),
        ({"models": {"m": {"params": {"model": "x"}}}}, ("models.m.params.model: sets model, which the arm and the "
                                                        "case decide")),
        ({"aliases": {"a": 1}}, "aliases.a: 1 is not a text"),
        ({"aliases": "a"}, "aliases: 'a' is not a table"),
        ({"verdict": {"bounds": {"cost_per_pass": 0}}}, "verdict.bounds.cost_per_pass: a ratio must be above 0"),
        ({"verdict": {"bounds": {"p95_s": 0}}}, "verdict.bounds.p95_s: a time must be above 0"),
        ({"verdict": {"critical": ["pass_rate", "p95_s"]}}, "verdict.critical: p95_s decides, and has no bound"),
        ({"verdict": {"critical": ["p95_s"], "bounds": {"p95_s": 3}}},
         "verdict.critical: has only rows of live traffic, so a test run would rest on none"),
        ({"verdict": {"signals": {"two words": {}}}}, "verdict.signals.two words: is not the name of a signal"),
        ({"verdict": {"signals": {"ticket": {"better": "less"}}}},
         "verdict.signals.ticket.better: 'less' is not higher or lower"),
        ({"verdict": {"signals": {"ticket": {"margin": 2}}}},
         "verdict.signals.ticket.margin: 2 is not a number above 0 and below 1"),
        ({"verdict": {"signals": {"ticket": {"per": "user"}}}},
         "verdict.signals.ticket.per: 'user' is not unit or signal"),
        ({"verdict": {"signals": {"ticket": {"critical": 1}}}}, "verdict.signals.ticket.critical: 1 is not true or false"),
        ({"verdict": {"signals": {"ticket": {"critcal": True}}}},
         "verdict.signals.ticket.critcal: unknown setting, did you mean critical?"),
        ({"judge": {"model": "m", "labels": " "}}, "judge.labels: ' ' is blank, or not a text"),
        ({"judge": {"model": "m", "labels": ["a.jsonl"]}}, "judge.labels: ['a.jsonl'] is blank, or not a text"),
        ({"semantic": {"model": "m", "labels": "a.jsonl"}}, "semantic.labels: unknown setting"),
        ({"splits": {"s": {"arm": []}}}, "splits.s.arm: unknown setting, did you mean arms?"),
        ({"splits": {"s": {}}}, "splits.s.arms: is not a list of arms"),
        ({"splits": {"s": {"arms": [7]}}}, "splits.s.arms[0]: 7 is not a table"),
        ({"splits": {"s": {"arms": [{"model": "m"}]}}}, "splits.s.arms[0]: has no weight"),
        ({"splits": {"s": {"arms": [{"model": "m", "weight": 1, "share": 1}]}}},
         "splits.s.arms[0].share: unknown setting"),
        ({"splits": {"s": {"arms": [{"model": 7, "weight": 1}]}}}, "splits.s.arms[0].model: 7 is not a text"),
    ],
)  # fmt: skip
def test_invalid_setting_of_the_tool_table_is_named(table, message):
    """Errors in `[tool.graysplit]` give the dotted name of the setting."""
    with pytest.raises(UsageError) as caught:
        settings(table=table)
    assert caught.value.problem == f"pyproject.toml [tool.graysplit] {message}"
