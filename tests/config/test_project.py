"""Settings outside pytest."""

import pytest

from pytest_graysplit import load_splitter
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.errors import UsageError

SPLIT = """
[tool.graysplit.splits.docs]
arms = [{ model = "claude-sonnet-4.5", weight = 0.9 }, { model = "deepseek-v3.2", weight = 0.1 }]
"""


def test_load_splitter_finds_a_split_by_name(tmp_path):
    """The split is salted by its name, and has the weights of its arms."""
    (tmp_path / "pyproject.toml").write_text(SPLIT)
    splitter = load_splitter("docs", tmp_path / "pyproject.toml")
    assert (splitter.salt, splitter.arms, splitter.basis_points) == ("docs", ("control", "deepseek-v3.2"), (9000, 1000))


def test_load_splitter_reads_the_file_of_this_folder(tmp_path, monkeypatch):
    """Another file can be named."""
    (tmp_path / "pyproject.toml").write_text(SPLIT)
    monkeypatch.chdir(tmp_path)
    assert load_splitter("docs").salt == "docs"


@pytest.mark.parametrize("text", [SPLIT, "", None], ids=["another", "empty", "missing"])
def test_load_splitter_names_an_unknown_split(tmp_path, monkeypatch, text):
    """The message has the most similar name, and an example."""
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load_splitter("doc")
    assert str(caught.value) == (
        f"pyproject.toml has no split 'doc'{', did you mean docs?' if text else ''}\n"
        "  hint: write [tool.graysplit.splits.doc] with arms = [{model = ..., weight = ...}, ...]  [split-unknown]"
    )


def test_read_settings_names_a_file_with_invalid_toml(tmp_path):
    """The hint says why the file matters."""
    (tmp_path / "pyproject.toml").write_text("[tool.graysplit\n")
    with pytest.raises(UsageError, match=r"^pyproject\.toml cannot be read: "):
        load_splitter("docs", tmp_path / "pyproject.toml")


def test_environment_wins_over_the_file(tmp_path):
    """As in a run of pytest."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ngraysplit_margin = "0.1"\ngraysplit_timeout = "5"\n'
    )
    settings = read_settings(tmp_path / "pyproject.toml", {"GRAYSPLIT_MARGIN": "0.02"})
    assert (settings.margin, settings.timeout_s) == (0.02, 5.0)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('arms = [{model = "m", weight = 0.3}, {model = "n", weight = 0.3}]',
         "the weights sum to 0.6, not to 1: 0.3 + 0.3"),
        ('salt = ""\narms = [{model = "m", weight = 1}]', "'' is not a salt"),
    ],
)  # fmt: skip
def test_load_splitter_names_an_invalid_split(tmp_path, section, message):
    """The settings hold plain tables; the splitter checks weights, names and salt."""
    (tmp_path / "pyproject.toml").write_text(f"[tool.graysplit.splits.s]\n{section}\n")
    with pytest.raises(UsageError) as caught:
        load_splitter("s", tmp_path / "pyproject.toml")
    assert caught.value.problem == f"pyproject.toml [tool.graysplit] splits.s: {message}"
