"""The size of the package: few entries at the top, no long module, and few short ones."""

from pathlib import Path

import pytest

import pytest_graysplit

HOME = Path(pytest_graysplit.__file__).parent

MAX_ENTRIES = 19
MAX_LINES = 400
SHORT_LINES = 60
MAX_SHORT = 30


def too_many_entries(home):
    """Return the entries of the top level where they are too many, else none."""
    entries = sorted(path.name for path in home.iterdir() if path.name != "__pycache__")
    return entries if len(entries) > MAX_ENTRIES else []


def line_counts(home):
    """Return the number of lines of each module."""
    paths = sorted(home.rglob("*.py"))
    return {path.relative_to(home).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}


def too_long(home):
    """Return the modules with too many lines."""
    return [module for module, lines in line_counts(home).items() if lines > MAX_LINES]


def too_many_short(home):
    """Return the short modules where they are too many, else none; `__init__.py` may be short."""
    counts = line_counts(home).items()
    short = [module for module, lines in counts if lines < SHORT_LINES and Path(module).name != "__init__.py"]
    return short if len(short) > MAX_SHORT else []


def plant(home, modules):
    """Write modules with so many lines each into a package."""
    for name, lines in modules.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("# a line\n" * lines, encoding="utf-8")


def test_top_level_has_few_entries():
    assert too_many_entries(HOME) == []


def test_no_module_is_too_long():
    assert too_long(HOME) == []


def test_few_modules_are_short():
    """An idea that is spread over several modules of 40 lines is read in none of them."""
    assert too_many_short(HOME) == []


@pytest.mark.parametrize(("more", "count"), [(0, 0), (1, MAX_ENTRIES + 1)])
def test_planted_entries_are_counted(tmp_path, more, count):
    """Folders and files count, a cache of Python does not."""
    plant(tmp_path, {f"wing_{number}/__init__.py": 1 for number in range(MAX_ENTRIES - 1)})
    plant(tmp_path, {f"module_{number}.py": 1 for number in range(1 + more)} | {"__pycache__/module_0.py": 1})
    assert len(too_many_entries(tmp_path)) == count


def test_planted_long_module_is_found(tmp_path):
    plant(tmp_path, {"wing/long.py": MAX_LINES + 1, "wing/longest_allowed.py": MAX_LINES, "wing/__init__.py": 500})
    assert too_long(tmp_path) == ["wing/__init__.py", "wing/long.py"]


@pytest.mark.parametrize(("more", "count"), [(0, 0), (1, MAX_SHORT + 1)])
def test_planted_short_modules_are_counted(tmp_path, more, count):
    """A module of 60 lines is not short, and the `__init__.py` of a folder is not counted."""
    plant(tmp_path, {"__init__.py": 1, "wing/__init__.py": 1, "wing/longer.py": SHORT_LINES})
    plant(tmp_path, {f"wing/short_{number}.py": SHORT_LINES - 1 for number in range(MAX_SHORT + more)})
    assert len(too_many_short(tmp_path)) == count
