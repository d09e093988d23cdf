"""The page about the architecture names the wings of the package, in their order, and paths that exist."""

import re
import tomllib
from pathlib import Path

import pytest_graysplit

PACKAGE = Path(pytest_graysplit.__file__).parent
ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PICTURE = re.search(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[1]
PATH = r"[a-z_]+(?:/[a-z_]+)*(?:/|\.py)"


def test_paths_on_the_architecture_page_exist():
    """Paths in the text and in the tables; a folder ends with a slash."""
    paths = set(re.findall(rf"`({PATH})`", PAGE.replace(PICTURE, ""))) - {"pytest_graysplit/"}
    assert len(paths) > 40
    assert sorted(path for path in paths if not (PACKAGE / path).exists()) == []


def test_picture_shows_the_wings_in_the_order_of_the_import_contract():
    """Every entry at the top of the package, from the top layer to the bottom one."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [wings] = [
        contract["layers"]
        for contract in pyproject["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["pytest_graysplit"]
    ]
    shown = [re.findall(r"(?<![\w/])([a-z]+)(?:/|\.py)(?=\s)", line) for line in PICTURE.splitlines()]
    assert [sorted(names) for names in shown if names] == [sorted(layer.split(" | ")) for layer in wings]
