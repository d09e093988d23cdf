"""The README says what the program does: its options, its sample output, its code."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from pytest_graysplit.config.credentials import HOMES, find_access
from pytest_graysplit.config.options import OPTIONS
from pytest_graysplit.config.settings import resolve
from pytest_graysplit.plugin import MARKER_HELP
from pytest_graysplit.plugin.collect.marks import KNOWN_NAMES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", README, re.DOTALL | re.MULTILINE)


def test_every_option_is_in_the_table_as_it_is_written():
    """No option is missing, none is made up, and each shows its placeholder."""
    assert re.findall(r"^\| `(--graysplit-[^`]+)`", README.replace(r"\|", "|"), re.MULTILINE) == [
        f"{option.flag} {option.metavar}" for option in OPTIONS
    ]


def test_the_sample_output_is_what_the_example_prints():
    """To the letter, on a terminal of that width."""
    [shown] = blocks("text")
    environ = {name: value for name, value in os.environ.items() if not re.match("GRAYSPLIT|HOLYSHEEP|OPEN|CI$", name)}
    environ |= {"COLUMNS": str(len(shown.splitlines()[0])), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = "-m pytest -p graysplit -p no:cacheprovider --graysplit-treatment=smollm2-135m --graysplit-gate=none"
    done = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT / "examples" / "support-desk", env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, shown in done.stdout) == (0, True), done.stdout


def test_the_code_is_code_and_the_settings_can_be_read():
    """The Python block compiles; every TOML block is TOML, and our table in it is accepted."""
    for block in blocks("python"):
        ast.parse(block)
    for block in blocks("toml"):
        table = tomllib.loads(block)["tool"]
        resolve([], table.get("graysplit", {}), {"TEAM_TOKEN": "x"})


def test_the_marker_is_registered_with_every_name_it_takes():
    """`pytest --markers` lists them all."""
    listed = set(re.findall(r"(\w+)=\.\.\.", MARKER_HELP))
    assert listed == set(KNOWN_NAMES)


def test_every_key_and_its_home_is_named():
    """In the table of options and on the page about the relay; and the demo runs without any of them."""
    page = (ROOT / "docs" / "relay.md").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for variable, home in HOMES.items():
        assert variable in README
        assert re.search(rf"^\| `{variable}` \|.*`{home}` \|$", page, re.MULTILINE)
        assert f"-u {variable}" in makefile


def test_the_relays_of_the_readme_are_those_that_a_run_would_ask():
    """The key that a quickstart exports is enough, with the address that it gives, if it gives one."""
    [quickstarts] = [block for block in blocks("sh") if "# OpenAI" in block]
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
