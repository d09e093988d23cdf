"""The README and the pages of docs/: options, settings, sample output, code, keys and hooks match the program."""

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from runpy import run_path

import pytest

from pytest_graysplit.config.credentials import HOMES, find_access
from pytest_graysplit.config.options import OPTIONS
from pytest_graysplit.config.pyproject.table import SECTIONS
from pytest_graysplit.config.settings import resolve
from pytest_graysplit.plugin import MARKER_HELP, hookspecs
from pytest_graysplit.plugin.collect.marks import KNOWN_NAMES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def code_blocks(language, page=README):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page, re.DOTALL | re.MULTILINE)


def read_page(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_readme_has_at_most_250_lines():
    """Details go to the pages of docs/."""
    assert len(README.splitlines()) <= 250


def test_readme_options_exist():
    """The short table has only existing options, each with its placeholder."""
    shown = re.findall(r"^\| `(--graysplit-[^`]+)`", README.replace(r"\|", "|"), re.MULTILINE)
    assert 5 <= len(shown) <= 8
    assert set(shown) <= {f"{option.flag} {option.metavar}" for option in OPTIONS}


def test_options_page_lists_the_options_of_the_package():
    """If this fails, run `python docs/make_options.py`."""
    make = run_path(str(ROOT / "docs" / "make_options.py"))
    assert make["with_table"](read_page("options.md")) == read_page("options.md")
    assert read_page("options.md").count("\n| `--graysplit-") == len(OPTIONS)
    assert set(make["DETAILS"]) <= {option.name for option in OPTIONS}


def test_settings_page_names_every_section():
    """Each section of [tool.graysplit] is in the example and in the table below it."""
    [example] = code_blocks("toml", read_page("options.md"))
    shown = tomllib.loads(example)["tool"]["graysplit"]
    assert set(shown) == set(SECTIONS)
    assert all(f"`{section}`" in read_page("options.md") for section in SECTIONS)


def test_readme_sample_output_is_that_of_the_example():
    """The text is equal to the letter, on a terminal of that width."""
    [shown] = code_blocks("text")
    environ = {name: value for name, value in os.environ.items() if not re.match("GRAYSPLIT|HOLYSHEEP|OPEN|CI$", name)}
    environ |= {"COLUMNS": str(len(shown.splitlines()[0])), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = "-m pytest -p graysplit -p no:cacheprovider --graysplit-treatment=smollm2-135m --graysplit-gate=none"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT / "examples" / "support-desk", env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, shown in done.stdout) == (0, True), done.stdout


def test_readme_figures_of_the_suite_check_are_those_of_its_page():
    """The README has some rows of the same table and its sum; the page is compared with the command itself."""
    row = re.compile(r"^(\S.*?)  +(\d+ of \d+) +([\d.]+%)", re.MULTILINE)
    shown, of_page = row.findall(README), row.findall(read_page("suite.md"))
    assert set(shown) <= set(of_page)
    assert shown[-1] == of_page[-1]
    assert len(shown) > 1


@pytest.mark.parametrize(
    "text", [README, read_page("options.md"), read_page("tests.md")], ids=["README", "options", "tests"]
)
def test_code_blocks_of_the_pages_are_valid(text):
    """The Python blocks compile, the TOML blocks can be parsed, and our table in them is accepted."""
    for block in code_blocks("python", text):
        ast.parse(block)
    for block in code_blocks("toml", text):
        table = tomllib.loads(block)["tool"]
        resolve([], table.get("graysplit", {}), {"TEAM_TOKEN": "x"})


def test_marker_help_lists_every_name_the_marker_takes():
    """`pytest --markers` lists them all, and so does the page about tests."""
    listed = set(re.findall(r"(\w+)=\.\.\.", MARKER_HELP))
    assert listed == set(KNOWN_NAMES)
    section = read_page("tests.md").partition("## The marker")[2].partition("\n## ")[0]
    assert set(KNOWN_NAMES) <= set(re.findall(r"\w+", section))


def test_tests_page_lists_every_hook():
    """Each hook is listed with its arguments."""
    listed = dict(re.findall(r"^\| `(pytest_graysplit_\w+)\(([^)]*)\)` \|", read_page("tests.md"), re.MULTILINE))
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("pytest_graysplit_")}
    assert listed == {name: ", ".join(inspect.signature(hook).parameters) for name, hook in hooks.items()}


def test_readme_and_relay_page_name_every_key():
    """The table of the relay page has the address of each key, and the demo runs without any key."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for variable, home in HOMES.items():
        assert variable in README
        assert re.search(rf"^\| `{variable}` \|.*`{home}` \|$", read_page("relay.md"), re.MULTILINE)
        assert f"-u {variable}" in makefile


def test_readme_quickstarts_lead_to_their_relays():
    """The exported key is enough, together with the address if the quickstart gives one."""
    [quickstarts] = [block for block in code_blocks("sh") if "# OpenAI" in block]
    asked = []
    for text in quickstarts.split("\n\n"):
        given = re.search(r"--graysplit-base-url=(\S+)", text)
        environ = dict(re.findall(r"export (\w+)=(\S+)", text))
        asked.append(find_access(given and given[1], environ))
    assert [(access.described(), access.suffices) for access in asked] == [
        ("https://api.openai.com/v1, key from OPENAI_API_KEY", True),
        ("http://127.0.0.1:11434/v1, without a key", True),
        ("https://relay.example/v1, key from GRAYSPLIT_API_KEY", True),
    ]
