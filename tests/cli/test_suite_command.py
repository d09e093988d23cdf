"""`graysplit suite check`: its page shows what it prints for the example, and its exit codes are right."""

import json
import re
from pathlib import Path

import pytest
from quiet import ADDOPTS

from pytest_graysplit.cli import main

ROOT = Path(__file__).resolve().parents[2]
[SHOWN] = re.findall(r"^```text\n(.*?)^```", (ROOT / "docs" / "suite.md").read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def graysplit(monkeypatch, capsys):
    """Return a function that runs the command in a folder; it returns the code, the output and the errors."""
    for name in ("GRAYSPLIT_CONTROL", "GRAYSPLIT_TREATMENT", "GRAYSPLIT_API_KEY", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", f"-p no:cacheprovider {ADDOPTS}")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("COLUMNS", "80")

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        code = main(["suite", "check", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_page_shows_the_output_for_the_example(graysplit, tmp_path):
    """To the letter, on a terminal of 80 columns; the JSON file has the same figures, and 68% is below 80%."""
    path = tmp_path / "suite.json"
    code, out, err = graysplit(ROOT / "examples" / "support-desk", "--min-caught=0.8", "--json", path)
    assert (out, err) == (f"{SHOWN}caught 0.68 of the wrong answers, below 0.8\n", "")
    assert code == 1
    found = json.loads(path.read_text("utf-8"))
    assert (found["format"], found["cases"], found["checked"]) == (1, 40, 22)
    assert sum(kind["caught"] for kind in found["kinds"]) == found["caught"]
    assert sum(map(len, found["not_checked"].values())) == 18
    assert 0.67 < found["caught_share"]["estimate"] < 0.68
    assert found["power"]["by_chance_from"] == "again"


def test_part_of_a_suite_in_colours_or_as_json(graysplit, monkeypatch):
    """One file and one case of it, with every missed answer; the JSON replaces the text, and keeps its exit code."""
    folder, part = ROOT / "examples" / "support-desk", ["answers.graysplit.yaml", "-k", "return-window"]
    code, out, err = graysplit(folder, *part, "--json=-", "--min-caught=0.9")
    found = json.loads(out)
    assert (code, err, found["cases"], found["power"]["at"]) == (1, "", 1, [])
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, out, err = graysplit(folder, *part, "-v")
    assert (code, err) == (0, "")
    assert "\x1b[1mwrong answer" in out
    missed = found["mutants"] - found["caught"]
    assert out.count("\x1b[33mMISSED return-window - meaning negated") == missed == 1
    assert "1 case cannot show a margin of 5 points" in " ".join(out.split())


def test_recorded_answers_are_needed(graysplit, tmp_path):
    """Nothing was shown, so the code is 2, also without a bound."""
    (tmp_path / "shop.graysplit.yaml").write_text("- {id: one, prompt: hi, expect: {contains: x}}\n", "utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\ngraysplit_control = "m"\n', "utf-8")
    code, out, err = graysplit(tmp_path, "--json=-")
    assert (code, out) == (2, "")
    assert err.startswith("nothing could be checked, 1 case: the control's answer is not recorded\n")
    assert err.rstrip().endswith("[suite-empty]")


def test_suite_of_applications_is_not_told_to_record(graysplit, tmp_path):
    """Recording changes nothing: only the code of the user could judge other answers."""
    test = "@pytest.mark.graysplit\ndef test_it(graysplit_app): pass\n"
    (tmp_path / "test_app.py").write_text(f"import pytest\n\n\n{test}", "utf-8")
    code, _, err = graysplit(tmp_path, "--", "--graysplit-control=m", "--graysplit-treatment=n")
    assert code == 2
    assert err.startswith("nothing could be checked, 1 case: the test runs an application, ")
    assert "\n  hint: only your code could judge other answers to an application: name the paths" in err


def test_errors_are_shown(graysplit, tmp_path):
    """Those of pytest, such as a path that does not exist, our own, and a share in percent."""
    code, out, err = graysplit(tmp_path, "nowhere.py", "--", "--graysplit-control=m")
    assert (code, out) == (2, "")
    assert err.startswith("the suite cannot be checked: pytest ended with 4\n")
    assert "file or directory not found: nowhere.py" in err
    code, out, err = graysplit(tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("no control is named, whose recorded answers the suite is checked with\n")
    assert err.rstrip().endswith("[control-missing]")
    with pytest.raises(SystemExit, match="2"):
        graysplit(tmp_path, "--min-caught=80")
