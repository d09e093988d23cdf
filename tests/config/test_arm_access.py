"""The endpoint and the key of an arm: no key goes to an address that it does not belong to."""

import pytest

from pytest_graysplit.config.credentials import HOMES, find_access, find_arm_access, key_warnings
from pytest_graysplit.config.settings import resolve, resolve_record
from pytest_graysplit.errors import UsageError

OWN, SHOP, OPENAI, ROUTER, VLLM = (
    *("GRAYSPLIT_API_KEY", "HOLYSHEEP_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "VLLM_API_KEY"),
)
EVERY = (OWN, SHOP, OPENAI, ROUTER, VLLM)
RELAY, OTHER, LOCAL = "https://relay.example/v1", "https://other.example/v1", "http://127.0.0.1:8000/v1"
GATEWAY = "https://gateway.example/openai"


def found(base_url="", variable="", *, run=RELAY, names=EVERY, **environ):
    """Return the access of an arm with the name ours, where the variables `names` hold keys."""
    environ = {**{name: f" the-{name}\n" for name in names}, **environ}
    access, decides = find_arm_access("ours", base_url, variable, find_access(run, environ), environ)
    return access, decides


def sent(access):
    return access.base_url, access.key.reveal() if access.key else None


@pytest.mark.parametrize(
    ("base_url", "variable", "run", "address", "key"),
    [
        # Without an address and a variable, the arm is asked as the run is.
        ("", "", RELAY, RELAY, OWN),
        ("", "", None, "", OWN),
        # With an address alone: the run's own key at the run's own address, and a vendor's at its own.
        (OTHER, "", RELAY, OTHER, None),
        (RELAY, "", RELAY, RELAY, OWN),
        ("https://relay.example/v2", "", RELAY, "https://relay.example/v2", OWN),
        ("https://relay.example:8443/v1", "", RELAY, "https://relay.example:8443/v1", None),
        ("http://relay.example/v1", "", RELAY, "http://relay.example/v1", None),
        ("https://relay.example.evil.example/v1", "", RELAY, "https://relay.example.evil.example/v1", None),
        (HOMES[OPENAI], "", RELAY, HOMES[OPENAI], OPENAI),
        (HOMES[ROUTER], "", RELAY, HOMES[ROUTER], ROUTER),
        (HOMES[OPENAI], "", HOMES[OPENAI], HOMES[OPENAI], OWN),
        (OTHER, "", None, OTHER, None),
        (LOCAL, "", RELAY, LOCAL, None),
        (LOCAL, "", LOCAL, LOCAL, OWN),
        # With a variable: its key at the named address, a vendor's at home, any other at the address of the run.
        (OTHER, VLLM, RELAY, OTHER, VLLM),
        (OTHER, OPENAI, RELAY, OTHER, OPENAI),
        ("", VLLM, RELAY, RELAY, VLLM),
        ("", VLLM, None, "", VLLM),
        ("", OPENAI, RELAY, HOMES[OPENAI], OPENAI),
        ("", SHOP, RELAY, HOMES[SHOP], SHOP),
        ("", OWN, RELAY, RELAY, OWN),
        (LOCAL, VLLM, RELAY, LOCAL, VLLM),
    ],
)
def test_key_goes_only_where_it_belongs(base_url, variable, run, address, key):
    """All keys are set, and at most one of them is sent; blanks around it are not."""
    access, decides = found(base_url, variable, run=run)
    assert sent(access) == (address, f"the-{key}" if key else None)
    assert decides is (bool(base_url) or variable in HOMES)


@pytest.mark.parametrize("names", [(), (OWN,), EVERY])
@pytest.mark.parametrize(("base_url", "variable"), [(OTHER, ""), ("", OPENAI), ("", VLLM), (LOCAL, VLLM), ("", "")])
def test_recording_key_depends_on_the_table_alone(base_url, variable, names):
    """A replay in CI, without any key, finds the replies that a run with keys has recorded."""
    assert found(base_url, variable, names=names)[1] is found(base_url, variable)[1]


def test_key_of_openai_belongs_to_the_address_in_its_variable():
    """The official key variable goes with the official address variable, also for an arm."""
    gateway = {"OPENAI_BASE_URL": GATEWAY}
    assert sent(found("", OPENAI, **gateway)[0]) == (GATEWAY, f"the-{OPENAI}")
    assert sent(found(HOMES[OPENAI], "", **gateway)[0]) == (HOMES[OPENAI], None)
    assert sent(found(f"{GATEWAY}/v2", "", **gateway)[0]) == (f"{GATEWAY}/v2", f"the-{OPENAI}")


def error_of(base_url="", variable="", **more):
    with pytest.raises(UsageError) as caught:
        found(base_url, variable, **more)[0].require("replies must be fetched", "replay")
    return str(caught.value)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            {"base_url": OTHER},
            (
                "arm ours: no key is known for https://other.example/v1, and replies must be fetched\n"
                "  hint: name the variable that holds the key of https://other.example/v1: "
                '[tool.graysplit.arms.ours] api_key_env = "...", or replay  [key-missing]'
            ),
        ),
        (
            {"base_url": LOCAL, "variable": VLLM, "names": (OWN,)},
            (
                "arm ours: VLLM_API_KEY is not set, and replies must be fetched\n"
                "  hint: export VLLM_API_KEY=..., the key of http://127.0.0.1:8000/v1, or replay  [key-missing]"
            ),
        ),
        (
            {"variable": VLLM, "run": None, "names": (VLLM,)},
            (
                "arm ours has no relay to ask: its table names VLLM_API_KEY, and no address is set\n"
                '  hint: write base_url = "https://relay.example/v1" into [tool.graysplit.arms.ours], or replay'
                "  [address-missing]"
            ),
        ),
        (
            {"variable": OPENAI, "OPENAI_BASE_URL": "https://user:pass@gateway.example"},
            (
                "environment OPENAI_BASE_URL: 'https://***@gateway.example' holds a user name or a password, which would "
                "be sent in place of the key: leave it out\n  hint: correct it, or unset it; or replay  [option-value]"
            ),
        ),
    ],
)
def test_arm_that_cannot_be_asked_says_what_its_table_lacks(case, message):
    assert error_of(**case) == message


@pytest.mark.parametrize(
    ("base_url", "variable", "names", "suffices", "line"),
    [
        (LOCAL, "", (), True, f"{LOCAL}, without a key"),
        (LOCAL, VLLM, (), False, f"{LOCAL}, no key for it is set"),
        (LOCAL, VLLM, (VLLM,), True, f"{LOCAL}, key from VLLM_API_KEY"),
        (OTHER, "", EVERY, False, f"{OTHER}, no key for it is set"),
        ("", OPENAI, (OPENAI,), True, f"{HOMES[OPENAI]}, key from OPENAI_API_KEY"),
    ],
)
def test_endpoint_is_described_with_the_variable_of_its_key(base_url, variable, names, suffices, line):
    access = found(base_url, variable, names=names)[0]
    assert (access.suffices, access.described()) == (suffices, line)


def test_way_to_record_names_what_the_arm_needs():
    """The command can be copied; a missing line of the table is named before it."""
    assert found(LOCAL)[0].to_record("pytest") == "record once: pytest"
    assert found(OTHER, VLLM)[0].to_record("pytest") == "record once, with your key: VLLM_API_KEY=... pytest"
    assert found(OTHER)[0].to_record("pytest") == (
        'name the variable that holds the key of https://other.example/v1: [tool.graysplit.arms.ours] api_key_env = "..."'
        "; then record once: pytest"
    )


def test_key_of_another_vendor_is_named_without_showing_it():
    """A table that sends such a key says so; the warning names the variable and the relay."""
    access = found(OTHER, VLLM, VLLM_API_KEY="sk-proj-0123456789")[0]
    access.require("replies must be fetched", "replay")
    assert list(key_warnings(access.key, access.base_url, access.variable)) == [
        "the key in VLLM_API_KEY looks like one of OpenAI, but the relay is other.example"
    ]


def test_endpoints_with_one_address_and_two_keys_are_two():
    """The limits of one account do not hold for the other."""
    run = found()[0]
    assert found(RELAY)[0].endpoint == run.endpoint
    assert len({run.endpoint, found("", VLLM)[0].endpoint, found(OTHER)[0].endpoint}) == 3


@pytest.mark.parametrize(
    ("base_url", "variable", "names", "mode"),
    [
        (OTHER, "", (), ("none", f"no key is known for {OTHER}, the relay of arm ours")),
        (OTHER, VLLM, (), ("none", "VLLM_API_KEY is not set")),
        (OTHER, VLLM, (VLLM,), ("new", "")),
        (LOCAL, "", (), ("new", "")),
        (LOCAL, VLLM, (), ("none", "VLLM_API_KEY is not set")),
        ("", VLLM, (), ("none", "VLLM_API_KEY is not set")),
    ],
)
def test_run_records_if_the_endpoint_of_an_arm_can_be_asked(base_url, variable, names, mode):
    assert resolve_record("auto", {}, [found(base_url, variable, names=names)[0]]) == mode


def test_keys_of_all_arms_are_secrets():
    """Also those that are set and sent nowhere, and that of an arm that this run does not compare."""
    table = {"arms": {"ours": {"model": "m", "base_url": OTHER, "api_key_env": VLLM}}}
    environ = {OWN: "own-key-0123456789", SHOP: "shop-key-0123456789", VLLM: "vllm-key-0123456789"}
    assert set(environ.values()) <= set(resolve([], table, environ).secrets)
