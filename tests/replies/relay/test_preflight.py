"""Lists of models in any shape, and the messages that end a run."""

import json

import pytest

from pytest_graysplit.config.credentials import Access
from pytest_graysplit.config.pyproject import ProjectConfig
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.errors import RelayError
from pytest_graysplit.replies.relay import fatal_errors
from pytest_graysplit.replies.relay.failures import RawResponse, RelayFailure, redactor
from pytest_graysplit.replies.relay.headers import check_headers, headers_for
from pytest_graysplit.replies.relay.preflight import (
    is_listed,
    known_models,
    read_models,
    shutdown_warnings,
    unknown_model,
    unlisted_warnings,
)
from pytest_graysplit.types import Secret


@pytest.mark.parametrize(
    ("payload", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "b", "created": None}]}, ["a", "b"]),
        ({"models": [{"name": "models/a"}]}, ["a"]),
        ([{"id": "a"}], ["a"]),
        (["a", "b"], ["a", "b"]),
        ({"data": [{"no": "id"}, 7, None, {"id": ""}]}, []),
        ({"data": "many"}, []),
        ({}, []),
        ("text", []),
    ],
)
def test_lists_of_every_shape_are_read(payload, names):
    assert list(known_models(payload)) == names


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"data": [{"id": "a"}]}', {"a": {"id": "a"}}),
        (404, b"not here", {}),
        (405, b"", {}),
        (500, b"oops", RelayFailure(problem="the relay answered 500: oops", slug="relay-http-error", status=500)),
        (200, b'{"error": {"code": 401, "message": "no"}}',
         RelayFailure(problem="the relay answered 200: no", slug="key-refused", status=401)),
        (200, b"<html>", RelayFailure(problem="the answer is not JSON but a web page (the base URL usually ends in /v1)",
                               slug="relay-not-json", status=200)),
    ],
)  # fmt: skip
def test_response_with_the_list_of_models_is_read(status, body, expected):
    assert read_models(RawResponse(status, {}, body), redactor(())) == expected


@pytest.mark.parametrize("model", ["llama3", "models/gemini", "qwen:free", "gpt-4.1"])
def test_spellings_that_relays_accept_are_listed(model):
    assert is_listed(model, {"llama3:latest": {}, "gemini": {}, "qwen": {}, "gpt-4.1": {}})


def test_unlisted_model_is_a_warning_with_the_nearest_name():
    assert list(unlisted_warnings(["gpt-4.2"], {"gpt-4.1": {}})) == [
        "the relay lists no model 'gpt-4.2', did you mean gpt-4.1?; it may serve it all the same"
    ]


@pytest.mark.parametrize("known", [{"*": {}}, {"openai/*": {}, "other": {}}])
def test_list_of_patterns_is_one_warning(known):
    assert not is_listed("anything", known)
    assert list(unlisted_warnings(["anything", "else"], known)) == [
        f"the model names were not checked: the relay lists patterns, such as {next(iter(known))!r}"
    ]


def test_empty_list_warns_of_nothing():
    assert not is_listed("anything", {})
    assert list(unlisted_warnings(["anything"], {})) == []


def test_unknown_model_behind_an_alias_names_the_alias():
    known = {f"model-{number}": {} for number in range(9)}
    assert str(unknown_model("model-x", "the relay answered 404: no such model", known, {"fast": "model-x"})) == (
        "the relay knows no model 'model-x' (alias 'fast'), did you mean model-0? "
        "(the relay answered 404: no such model)\n"
        "  hint: it lists model-0, model-1, model-2, model-3, model-4, model-5, model-6, model-7, ...  [model-unknown]"
    )


def test_announced_shutdown_is_a_warning():
    known = {"a": {"shutdown_date": "2026-12-31"}, "b": {"shutdown_date": 1798675200}, "c": {"shutdown_date": None}}
    assert list(shutdown_warnings(["a", "b", "c", "d"], known)) == [
        "a is to be shut down on 2026-12-31, says the relay",
        "b is to be shut down on 2026-12-31, says the relay",
    ]


def test_headers_of_the_settings_win_and_no_key_means_no_authorization():
    table = ProjectConfig(headers={"User-Agent": "ours"}, model_headers={"m": {"X-Arm": "control"}})
    settings = Settings(key=Secret("abc"), table=table)
    assert headers_for(settings.access, settings.arm("m").headers) == {
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "content-type": "application/json",
        "user-agent": "ours",
        "authorization": "Bearer abc",
        "x-arm": "control",
    }
    assert headers_for(settings.access, {"x-arm": "control", "X-Arm": "canary"})["x-arm"] == "canary"
    assert "authorization" not in headers_for(Access())


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel", "tab\t"])
def test_unsendable_key_is_refused_without_showing_it(key):
    with pytest.raises(RelayError) as caught:
        check_headers(Access(key=Secret(key)))
    assert str(caught.value) == (
        "the key in GRAYSPLIT_API_KEY holds a blank, a line break or a letter that no HTTP header can carry\n"
        "  hint: copy the key again, without quotes or surrounding text  [key-unusable]"
    )


def test_unsendable_header_is_named_without_its_value():
    with pytest.raises(RelayError) as caught:
        check_headers(Access(), {"X-Team": "grün"})
    assert str(caught.value) == (
        "the header 'X-Team' holds a line break or a letter that no HTTP header can carry\n"
        "  hint: correct it in [tool.graysplit.headers] or the model's headers, or in the variable that it names"
        "  [header-unusable]"
    )


def failure(problem, slug, status=None):
    return RelayFailure(problem=problem, slug=slug, status=status)


def test_relay_that_wants_a_key_says_how_to_set_it():
    stop = fatal_errors.stop_for(failure("the relay answered 401", "key-refused", 401), Access(base_url="http://r/v1"))
    assert str(stop) == (
        "http://r/v1 wants a key, and none is set: the relay answered 401\n"
        "  hint: export GRAYSPLIT_API_KEY=...  [key-refused]"
    )


def test_relay_that_wants_a_key_names_the_variable_that_is_set():
    access = Access(base_url="http://r/v1", idle={"HOLYSHEEP_API_KEY": Secret("k")})
    stop = fatal_errors.stop_for(failure("the relay answered 401", "key-refused", 401), access)
    assert stop.hint == "export GRAYSPLIT_API_KEY=$HOLYSHEEP_API_KEY"


def test_empty_account_ends_the_run():
    stop = fatal_errors.stop_for(
        failure("the relay answered 402: pay", "quota-exhausted", 402),
        Access(base_url="http://r/v1", key=Secret("k"), variable="OPENAI_API_KEY"),
    )
    assert str(stop) == (
        "the account at http://r/v1 cannot pay: the relay answered 402: pay\n"
        "  hint: top it up, or set OPENAI_API_KEY to the key of another account; finished replies are kept"
        "  [quota-exhausted]"
    )


def test_failed_call_ends_nothing():
    assert (
        fatal_errors.stop_for(
            failure("the relay answered 500", "relay-http-error", 500), Access(base_url="http://r/v1")
        )
        is None
    )


def test_replaced_certificates_have_their_own_hint():
    stop = fatal_errors.no_preflight(
        failure("cannot connect: [SSL: CERTIFICATE_VERIFY_FAILED]", "relay-unreachable"), Access(base_url="https://r")
    )
    assert str(stop) == (
        "no relay answers at https://r: cannot connect: [SSL: CERTIFICATE_VERIFY_FAILED]\n"
        "  hint: if your network replaces certificates, name its authority's file in SSL_CERT_FILE  [relay-unreachable]"
    )


def test_lists_are_also_read_from_text():
    assert known_models(json.loads('{"data": ["x"]}')) == {"x": {"id": "x"}}
