"""The section `app` of `[tool.graysplit]`, and a message for each value that cannot be used."""

import pytest

from pytest_graysplit.config.policy import MAX_CALLS
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.config.pyproject.app import AppTable
from pytest_graysplit.errors import UsageError


@pytest.fixture
def app_of(tmp_path):
    """Return a function that reads the section from a file with this text."""

    def app_of(text):
        path = tmp_path / "pyproject.toml"
        path.write_text(text)
        return read_settings(path, {}).table.app

    return app_of


def test_section_is_read(app_of):
    """Patterns in single quotes are as they are written."""
    app = app_of("[tool.graysplit.app]\nignore = ['\\d{4}-\\d\\d', 'a|b']\nhosts = [\"llm.local\"]\nmax_calls = 7\n")
    assert [pattern.pattern for pattern in app.ignore] == [r"\d{4}-\d\d", "a|b"]
    assert (app.hosts, app.max_calls) == (("llm.local",), 7)


@pytest.mark.parametrize(
    "host",
    ["llm", "LLM.corp.example", "localhost:8000", "*.corp.example", "https://llm.corp.example/v1", "[::1]:8000", "::1"],
)
def test_host_may_be_a_name_an_address_or_a_domain(app_of, host):
    """Each is found by clients in the process."""
    assert app_of(f"[tool.graysplit.app]\nhosts = ['{host}']\n").hosts == (host,)


@pytest.mark.parametrize("text", ["", "[tool.graysplit.app]\n"])
def test_nothing_is_ignored_by_default(app_of, text):
    """A request is looked up as it is, and a loop ends."""
    assert app_of(text) == AppTable()
    assert AppTable() == AppTable(ignore=(), hosts=(), max_calls=MAX_CALLS)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ignored = []", "app.ignored: unknown setting, did you mean ignore?"),
        ("ignore = '['", "app.ignore: '[' is not a list of names"),
        ("ignore = ['[']", "app.ignore: '[' is not a regular expression: unterminated character set at position 0"),
        ("hosts = [1]", "app.hosts: [1] is not a list of names"),
        ("hosts = ['*']", "app.hosts: '*' is not a host"),
        ("hosts = ['llm.corp.example/v1']", "app.hosts: 'llm.corp.example/v1' is not a host"),
        ("hosts = ['*.corp.example:8000']", "app.hosts: '*.corp.example:8000' is not a host"),
        ("max_calls = 0", "app.max_calls: 0 is not a number of requests"),
        ("max_calls = 2.5", "app.max_calls: 2.5 is not a number of requests"),
        ("max_calls = true", "app.max_calls: True is not a number of requests"),
    ],
)
def test_unusable_setting_is_named(app_of, line, problem):
    """By its dotted name, with its value."""
    with pytest.raises(UsageError) as caught:
        app_of(f"[tool.graysplit.app]\n{line}\n")
    assert caught.value.problem == f"pyproject.toml [tool.graysplit] {problem}"
    assert caught.value.slug == "tool-graysplit"


def test_section_that_is_not_a_table_is_named(app_of):
    """The hint has the head of the section."""
    with pytest.raises(UsageError, match="app: 3 is not a table"):
        app_of("[tool.graysplit]\napp = 3\n")
