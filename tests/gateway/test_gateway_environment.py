"""The environment of an application: it leads to the gateway, holds no key, and is restored."""

import os
import subprocess
import sys

import pytest
from app_project import CONTROL, chat, post

from pytest_graysplit.gateway.environment import ItemEnvironment

KEYS = {
    "OPENAI_API_KEY": "sk-of-the-user",
    "ANTHROPIC_API_KEY": "sk-ant-of-the-user",
    "ANTHROPIC_AUTH_TOKEN": "a-token",
    "OPENROUTER_API_KEY": "sk-or-of-the-user",
    "HOLYSHEEP_API_KEY": "hs_of-the-user",
    "GRAYSPLIT_API_KEY": "a-relay-key",
    "GRAYSPLIT_BASE_URL": "https://relay.example/v1?key=in-the-query",
    "TEAM_KEY": "the-key-of-an-arm",
}


def environment(environ, **options):
    fields = {"base_url": "http://g/v1", "anthropic_url": "http://g", "token": "TOKEN", "secret_names": ("TEAM_KEY",)}
    return ItemEnvironment(**fields, **options, environ=environ)


def test_environment_leads_to_the_gateway_and_is_restored():
    before = {"OPENAI_BASE_URL": "https://mine.example/v1", "HOME": "/home/me", "NO_PROXY": "intra.example"}
    environ = dict(before)
    variables = environment(environ)
    variables.enter()
    assert environ == {
        "HOME": "/home/me",
        "OPENAI_BASE_URL": "http://g/v1",
        "OPENAI_API_BASE": "http://g/v1",
        "ANTHROPIC_BASE_URL": "http://g",
        "ANTHROPIC_API_BASE": "http://g",
        "OPENAI_API_KEY": "TOKEN",
        "ANTHROPIC_API_KEY": "TOKEN.ANTHROPIC_API_KEY",
        "NO_PROXY": "intra.example,127.0.0.1,localhost",
        "no_proxy": "intra.example,127.0.0.1,localhost",
    }
    assert variables.users == before
    variables.leave()
    assert environ == before
    assert variables.users == before


def test_keys_are_out_of_reach():
    """Code that reads the key of another vendor finds a token there, and our own variables are gone."""
    environ = dict(KEYS)
    environment(environ).enter()
    assert {name: value for name, value in environ.items() if name in KEYS} == {
        name: "TOKEN" if name == "OPENAI_API_KEY" else f"TOKEN.{name}"
        for name in KEYS
        if not name.startswith("GRAYSPLIT_")
    }


def test_variable_that_was_not_set_appears_only_where_it_leads_to_the_gateway():
    environ = {}
    environment(environ).enter()
    assert not {"OPENROUTER_API_KEY", "HOLYSHEEP_API_KEY", "TEAM_KEY", "ANTHROPIC_AUTH_TOKEN"} & environ.keys()


def test_address_of_one_test_that_a_test_sets_does_not_stay():
    """It leads to a test that is over; a request for another model would be sent there."""
    environ = {"OPENAI_BASE_URL": "https://mine.example/v1"}
    variables = environment(environ)
    variables.enter()
    environ["OPENAI_BASE_URL"] = "http://g/TOKEN/7/v1"
    variables.leave()
    assert environ == {"OPENAI_BASE_URL": "https://mine.example/v1"}


def test_value_that_a_test_sets_itself_stays():
    """A fixture of a wider scope may set a variable during the first item, and removes it at the end of the session."""
    environ = {"OPENAI_API_KEY": "before"}
    variables = environment(environ)
    variables.enter()
    environ["OPENAI_API_KEY"] = "of a fixture"
    del environ["ANTHROPIC_API_KEY"]
    variables.leave()
    assert environ == {"OPENAI_API_KEY": "of a fixture"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost"),
        ({"no_proxy": " localhost , a.example"}, "localhost,a.example,127.0.0.1"),
        ({"NO_PROXY": "a.example", "no_proxy": "b.example"}, "a.example,b.example,127.0.0.1,localhost"),
        ({"NO_PROXY": "*"}, "*"),  # libraries look for this text alone
    ],
)
def test_no_request_to_the_gateway_takes_a_proxy(given, expected):
    """Libraries read one spelling of the variable, and not the same one."""
    environ = dict(given)
    environment(environ).enter()
    assert (environ["NO_PROXY"], environ["no_proxy"]) == (expected, expected)


def test_subprocess_finds_the_gateway_and_no_key(project, relay, monkeypatch):
    """The test's token is in its environment, and no key."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    gateway = project.gateway(environ=os.environ, secret_names=["TEAM_KEY"])
    code = f"""
import json, os, urllib.request
url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
request = urllib.request.Request(url, json.dumps({chat("Hi")!r}).encode(), {{"content-type": "application/json"}})
print(json.load(urllib.request.urlopen(request))["choices"][0]["message"]["content"])
print(json.dumps(dict(os.environ)))
"""
    with project.item(gateway) as calls:
        done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    text, _, environ = done.stdout.partition("\n")
    assert text == f"Answer of {CONTROL} to: Hi"
    assert len(calls.replies) == 1
    assert [value for value in KEYS.values() if value in environ] == []
    assert {name: os.environ[name] for name in KEYS} == KEYS


def test_leaving_twice_changes_nothing(project):
    environ = dict(project.environ)
    gateway = project.gateway(environ=environ)
    with project.item(gateway):
        gateway.leave()
        environ["OPENAI_API_KEY"] = "changed later"
    assert environ["OPENAI_API_KEY"] == "changed later"


def test_next_item_begins_with_the_environment_of_the_user(project):
    """Also where the item before was not left, because its teardown failed."""
    environ = dict(project.environ)
    gateway = project.gateway(environ=environ)
    first, second = project.calls(), project.calls()
    gateway.enter(first)
    gateway.enter(second)
    assert first.is_closed
    assert gateway.users_environ["OPENAI_API_KEY"] == project.environ["OPENAI_API_KEY"]
    assert post(f"{gateway.base_url}/models", None, method="GET").status == 200
    gateway.leave()
    assert environ == project.environ
