"""The relay and the key of a run, and the lines that show them."""

import pytest

TEST = '@pytest.mark.graysplit(prompt="One?")\ndef test_x(graysplit): pass\n'
KEY = "another-key-0123456789"


@pytest.fixture
def unconfigured(project, monkeypatch):
    """A project without an address and without a key."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.delenv("GRAYSPLIT_BASE_URL")
    project.test_file(TEST)
    return project


def header_lines(result):
    return [line for line in result.outlines if line.startswith("graysplit: ")]


def test_header_shows_address_and_key_variable(unconfigured, monkeypatch):
    """The first of several keys is used, and the key itself is never shown."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HOLYSHEEP_API_KEY", KEY)
    result = unconfigured.run("--collect-only")
    assert header_lines(result) == ["graysplit: https://api.holysheep.ai/v1, key from HOLYSHEEP_API_KEY"]
    assert KEY not in result.stdout.str()
    assert header_lines(unconfigured.run("--collect-only", "-q")) == []


def test_header_says_why_a_run_only_replays(unconfigured, monkeypatch):
    result = unconfigured.run("--collect-only")
    assert header_lines(result) == ["graysplit: no relay is set; replays only, because no key is set"]
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", "https://relay.example/v1?key=abcdefgh")
    assert header_lines(unconfigured.run("--collect-only", "--graysplit-record=none")) == [
        "graysplit: https://relay.example/v1, no key for it is set; replays only"
    ]


def test_header_is_left_out_without_a_treatment(unconfigured):
    assert header_lines(unconfigured.run_without_models("--graysplit-control=gpt-4.1")) == []


def test_header_is_left_out_while_a_setting_is_invalid(unconfigured, monkeypatch):
    """A treatment from the environment does not activate the plugin before one of its tests is collected."""
    monkeypatch.setenv("GRAYSPLIT_TREATMENT", "deepseek-v3.2")
    monkeypatch.setenv("GRAYSPLIT_RETRIES", "many")
    unconfigured.test_file("def test_own(): pass")
    result = unconfigured.run_without_models()
    result.assert_outcomes(passed=1)
    assert header_lines(result) == []


@pytest.mark.parametrize("mode", ["auto", "new"])
def test_missing_address_and_key_show_three_settings(unconfigured, mode):
    """There is one usage error, whether the run would only replay or was told to record."""
    result = unconfigured.run(f"--graysplit-record={mode}")
    message = result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message.count("\n    export ") == 3
    assert "no key is set" in message or "neither a key nor an address is set" in message


def test_missing_address_fails_a_call_from_a_test_body(unconfigured):
    unconfigured.test_file('def test_x(graysplit_relay): graysplit_relay.reply("One?")')
    result = unconfigured.run("--graysplit-record=new")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*there is no relay to ask: neither a key nor an address is set*"])


def test_local_relay_needs_no_key(project, monkeypatch):
    """The mode `auto` records as well, and no key of a vendor is sent."""
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    project.test_file(TEST)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert header_lines(result)[0] == f"graysplit: {project.relay.url}, without a key"
    assert "authorization" not in project.relay.stats()["headers"]
    assert len(project.recorded()) == 2


def test_openai_key_is_sent_to_openai_base_url(project, monkeypatch):
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.delenv("GRAYSPLIT_BASE_URL")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", project.relay.url + "/")
    project.test_file(TEST)
    project.run().assert_outcomes(passed=1)
    assert project.relay.stats()["headers"]["authorization"] == f"Bearer {KEY}"


def test_local_relay_that_refuses_a_missing_key_names_the_one_that_is_set(project, monkeypatch):
    project.relay.control(key=KEY)
    monkeypatch.delenv("GRAYSPLIT_API_KEY")
    monkeypatch.setenv("HOLYSHEEP_API_KEY", KEY)
    project.test_file(TEST)
    assert "hint: export GRAYSPLIT_API_KEY=$HOLYSHEEP_API_KEY  [key-refused]" in project.run().stderr.str()


def test_key_of_another_vendor_is_refused_before_anything_is_sent(unconfigured, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-proj-abcdef0123456789")
    result = unconfigured.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "the key in OPENROUTER_API_KEY looks like one of OpenAI" in result.stderr.str()
    assert "abcdef0123456789" not in result.stderr.str()


def test_unused_keys_are_redacted(project, monkeypatch):
    """A recording does not hold the key of another vendor."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    project.test_file(f'@pytest.mark.graysplit(prompt="Is {KEY} secret?")\ndef test_x(graysplit): pass')
    project.run().assert_outcomes(passed=1)
    assert KEY not in (project.path / "__graysplit__" / "test_it.jsonl").read_text()
    assert project.sent() == 2


def test_query_of_the_base_url_is_not_shown(project):
    """It may hold a key; a path that ends in /chat/completions already is not extended."""
    project.test_file(TEST)
    url = f"{project.relay.url}/chat/completions?api-version=2024-10-21&code=abcdefgh"
    result = project.run(f"--graysplit-base-url={url}")
    result.assert_outcomes(passed=1)
    assert "abcdefgh" not in result.stdout.str()
    assert project.relay.stats()["paths"]["POST /v1/chat/completions"] == 2
