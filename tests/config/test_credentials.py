"""Keys and addresses: each key is sent to its own address only, and a missing one is named with its setting."""

import doctest

import pytest

from pytest_graysplit.config import credentials
from pytest_graysplit.config.credentials import HOMES, Access, find_access, foreign_vendor, key_warnings
from pytest_graysplit.errors import UsageError
from pytest_graysplit.types import Secret

OWN, SHOP, OPENAI, ROUTER = "GRAYSPLIT_API_KEY", "HOLYSHEEP_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"
RELAY = "https://relay.example/v1"


def access_of(given=None, *names, **environ):
    return find_access(given, {**{name: f"the-{name}" for name in names}, **environ})


def usage_error(found):
    with pytest.raises(UsageError) as caught:
        found.require("replies must be fetched", "replay with --graysplit-record=none")
    return caught.value


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({SHOP: "k"}, "https://api.holysheep.ai/v1, key from HOLYSHEEP_API_KEY"),
        ({OPENAI: "k"}, "https://api.openai.com/v1, key from OPENAI_API_KEY"),
        ({ROUTER: "k"}, "https://openrouter.ai/api/v1, key from OPENROUTER_API_KEY"),
        ({OPENAI: "k", "OPENAI_BASE_URL": f"{RELAY}/?key=abc"}, f"{RELAY}, key from OPENAI_API_KEY"),
        ({OPENAI: "k", "OPENAI_BASE_URL": " "}, "https://api.openai.com/v1, key from OPENAI_API_KEY"),
        ({ROUTER: "k", OPENAI: "k", SHOP: "k"}, "https://api.holysheep.ai/v1, key from HOLYSHEEP_API_KEY"),
        ({ROUTER: "k", OPENAI: "k", SHOP: " "}, "https://api.openai.com/v1, key from OPENAI_API_KEY"),
        ({ROUTER: "k", "OPENAI_BASE_URL": RELAY}, "https://openrouter.ai/api/v1, key from OPENROUTER_API_KEY"),
        ({OWN: "k"}, "no relay is set"),
        ({}, "no relay is set"),
    ],
)
def test_default_address_belongs_to_the_first_key(environ, line):
    assert find_access(None, environ).described() == line


@pytest.mark.parametrize(
    ("given", "names", "variable"),
    [
        (RELAY, [OWN, SHOP, OPENAI, ROUTER], OWN),
        (RELAY, [SHOP, OPENAI, ROUTER], None),
        (HOMES[ROUTER], [SHOP, OPENAI, ROUTER], ROUTER),
        (HOMES[ROUTER], [OWN, ROUTER], OWN),
        ("https://openrouter.ai:443/other", [ROUTER], ROUTER),
        ("https://openrouter.ai:8443/api/v1", [ROUTER], None),
        ("http://openrouter.ai/api/v1", [ROUTER], None),
        ("https://api.openai.com.evil.example/v1", [OPENAI], None),
        ("http://127.0.0.1:8000/v1", [SHOP, OPENAI, ROUTER], None),
        ("http://127.0.0.1:8000/v1", [OWN], OWN),
    ],
)
def test_given_address_gets_our_key_or_its_own_key(given, names, variable):
    """The other keys are not sent, and are known as secrets."""
    found = access_of(given, *names)
    assert (found.key.reveal() if found.key else None) == (f"the-{variable}" if variable else None)
    assert set(found.idle) == set(names) - {variable}


def test_openai_key_belongs_to_the_address_in_its_variable():
    gateway = {"OPENAI_BASE_URL": "https://gateway.example/openai"}
    assert access_of("https://gateway.example/v1", OPENAI, **gateway).variable == OPENAI
    assert access_of("https://api.openai.com/v1", OPENAI, **gateway).key is None
    assert access_of(RELAY, OPENAI, OPENAI_BASE_URL="no address").key is None


def test_local_relay_needs_no_key():
    found = access_of("http://localhost:11434/v1")
    assert (found.suffices, found.described()) == (True, "http://localhost:11434/v1, without a key")
    found.require("", "")
    assert access_of(RELAY).suffices is False
    assert access_of(RELAY).described() == f"{RELAY}, no key for it is set"


def test_missing_address_message_lists_three_settings():
    """A vendor, a relay, and a server on this machine, one per line."""
    error = usage_error(access_of())
    assert str(error) == (
        "there is no relay to ask: neither a key nor an address is set\n"
        "  hint: set one of these, or replay with --graysplit-record=none:\n"
        "    export OPENAI_API_KEY=...  # a vendor at its own address; also HOLYSHEEP_API_KEY, OPENROUTER_API_KEY\n"
        "    export GRAYSPLIT_BASE_URL=https://relay.example/v1 GRAYSPLIT_API_KEY=...  # any other OpenAI-compatible relay\n"
        "    export GRAYSPLIT_BASE_URL=http://127.0.0.1:11434/v1  # Ollama on this machine (vLLM: port 8000), without a key"
        "  [address-missing]"
    )


def test_our_own_key_needs_an_address():
    error = usage_error(access_of(None, OWN))
    assert error.problem == "there is no relay to ask: GRAYSPLIT_API_KEY is set, and it has no address of its own"
    assert error.hint.startswith("give its address with --graysplit-base-url=URL, or set one of these, or replay with")
    assert (
        "unset GRAYSPLIT_API_KEY to use OPENAI_API_KEY at its own address"
        in usage_error(access_of(None, OWN, OPENAI)).hint
    )


def test_key_of_another_variable_is_offered_and_not_sent():
    assert str(usage_error(access_of(RELAY, OPENAI))) == (
        "GRAYSPLIT_API_KEY is not set, and replies must be fetched; OPENAI_API_KEY is set, and not sent to "
        "https://relay.example/v1\n"
        "  hint: export GRAYSPLIT_API_KEY=$OPENAI_API_KEY, if it is a key of this relay, or replay with "
        "--graysplit-record=none  [key-missing]"
    )
    assert str(usage_error(access_of(RELAY))) == (
        "GRAYSPLIT_API_KEY is not set, and replies must be fetched\n"
        "  hint: export GRAYSPLIT_API_KEY=... (any text, if your relay wants none), or replay with "
        "--graysplit-record=none  [key-missing]"
    )


def test_invalid_openai_address_is_named_when_it_is_needed():
    error = usage_error(access_of(None, OPENAI, OPENAI_BASE_URL="https://me:pass@relay.example"))
    assert error.problem.startswith("environment OPENAI_BASE_URL: 'https://***@relay.example' holds a user name")
    assert error.slug == "option-value"


@pytest.mark.parametrize(
    ("variable", "key", "vendor", "home"),
    [
        (OPENAI, "sk-ant-api03-abc", "Anthropic", "URL, the address of Anthropic"),
        (OPENAI, "sk-or-v1-abc", "OpenRouter", "https://openrouter.ai/api/v1"),
        (ROUTER, "sk-proj-abc", "OpenAI", "https://api.openai.com/v1"),
        (SHOP, "AIzaSyAbc", "Google", "URL, the address of Google"),
    ],
)
def test_foreign_key_is_not_sent_to_a_default_address(variable, key, vendor, home):
    """The run ends with a message before the first packet, and without any part of the key."""
    error = usage_error(access_of(None, **{variable: key}))
    assert error.problem == (
        f"the key in {variable} looks like one of {vendor}, and would be sent to {HOMES[variable]}"
    )
    assert error.slug == "key-elsewhere"
    assert error.hint.endswith(f"--graysplit-base-url={home}")
    assert key not in str(error)


@pytest.mark.parametrize("variable", [SHOP, OPENAI, ROUTER])
def test_ordinary_key_is_sent_to_a_default_address(variable):
    """A plain `sk-` belongs to no vendor in particular."""
    access_of(None, **{variable: "sk-abcdef0123456789"}).require("", "")


def test_foreign_key_is_a_warning_for_a_given_address():
    access_of(RELAY, **{OWN: "sk-ant-abc"}).require("", "")
    access_of(None, **{OPENAI: "sk-ant-abc", "OPENAI_BASE_URL": RELAY}).require("", "")
    assert list(key_warnings(Secret("sk-ant-abc"), RELAY, OPENAI)) == [
        "the key in OPENAI_API_KEY looks like one of Anthropic, but the relay is relay.example"
    ]
    assert list(key_warnings(Secret("hs_abcdef"), RELAY)) == []
    assert list(key_warnings(None, RELAY)) == []


def test_foreign_vendor_accepts_only_domains_of_the_vendor():
    assert foreign_vendor(Secret("sk-ant-abc"), "https://api.anthropic.com/v1") is None
    assert foreign_vendor(Secret("xai-abc"), "https://api.x.ai/v1") is None
    assert foreign_vendor(Secret("xai-abc"), "https://matrix.ai/v1") == "xAI"


def test_replay_only_run_says_how_to_record():
    assert access_of(RELAY, OWN).to_record("pytest") == "record once, with your key: GRAYSPLIT_API_KEY=... pytest"
    assert access_of(None, OPENAI).to_record("pytest") == "record once, with your key: OPENAI_API_KEY=... pytest"
    assert access_of(RELAY, OPENAI).to_record("pytest") == (
        "record once, with your key: GRAYSPLIT_API_KEY=$OPENAI_API_KEY pytest"
    )
    assert access_of("http://localhost/v1").to_record("pytest") == "record once: pytest"
    assert access_of().to_record("pytest").startswith("set one of these, and record once with pytest:\n")


def test_keys_are_never_shown():
    found = access_of(RELAY, OWN, OPENAI)
    assert "the-" not in repr(found)
    assert Access(base_url=f"{RELAY}?key=abc").shown == RELAY


def test_docstring_examples_run():
    assert doctest.testmod(credentials).failed == 0
