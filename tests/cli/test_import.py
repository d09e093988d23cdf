"""`graysplit cases import`: the output of the command, and the file that it writes."""

from pathlib import Path

import pytest

from pytest_graysplit.cli import main

CONFIG = """\
prompts: ["Answer in one word: {{question}}"]
providers:
  - {id: "openai:chat:gpt-4o", config: {temperature: 0, max_tokens: 50}}
  - {id: "openai:chat:gpt-4o-mini", config: {temperature: 0}}
tests:
  - vars: {question: "Is water wet?"}
    assert:
      - {type: icontains, value: "yes"}
"""
PROGRAM = "      - {type: python, value: len(output)}\n"


@pytest.fixture(autouse=True)
def suite_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def graysplit(capsys):
    """Return a function that runs the command and returns its code, its output and its errors."""

    def run(*arguments):
        code = main(["cases", "import", *arguments])
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_complete_import_exits_with_0(graysplit):
    """The report ends with the next command, with models and parameters of the suite; a folder may be named too."""
    Path("promptfooconfig.yaml").write_text(CONFIG)
    code, out, err = graysplit(".")
    assert (code, err) == (0, "")
    assert (
        out
        == """\
read       1 test of promptfooconfig.yaml
written    1 case to promptfoo.graysplit.yaml
models     gpt-4o, gpt-4o-mini: name them as your relay does
note       max_tokens differ by model: see models in [tool.graysplit]
next       pytest --graysplit-control=gpt-4o --graysplit-treatment=gpt-4o-mini --graysplit-param temperature=0 promptfoo.graysplit.yaml
"""
    )
    assert Path("promptfoo.graysplit.yaml").read_text() == """\
# Made of promptfooconfig.yaml by graysplit cases import; edit it here from now on.

- id: is-water-wet
  prompt: 'Answer in one word: Is water wet?'
  expect:
    icontains: 'yes'
"""  # fmt: skip


def test_incomplete_import_exits_with_1(graysplit):
    """The case is written, and the missing check is named."""
    Path("promptfooconfig.yaml").write_text(CONFIG + PROGRAM)
    code, out, err = graysplit("promptfooconfig.yaml", "--into", "own.graysplit.yaml")
    assert (code, err) == (1, "")
    assert out.splitlines()[1] == (
        "missing    tests[0].assert[1]: python: runs a program; write it as an assert in a Python test"
    )
    assert Path("own.graysplit.yaml").exists()


def test_failed_import_exits_with_2(graysplit, suite_folder):
    """A missing configuration, an existing file, a wrong name, and a suite without a single case."""
    Path("promptfooconfig.yaml").write_text(CONFIG)
    Path("loops.yaml").write_text("prompts: ['{% for x in y %}{{x}}{% endfor %}']\n")
    Path("there.graysplit.yaml").write_text("mine")
    output = [
        graysplit("gone.yaml"),
        graysplit("promptfooconfig.yaml", "--into", "there.graysplit.yaml"),
        graysplit("promptfooconfig.yaml", "--into", "cases.jsonl"),
        graysplit("loops.yaml"),
    ]
    assert [code for code, _, _ in output] == [2, 2, 2, 2]
    assert [err for _, _, err in output] == [
        "gone.yaml: no such file\n  hint: name promptfooconfig.yaml, or its folder  [promptfoo-file]\n",
        "there.graysplit.yaml: already exists\n  hint: --force replaces it, --into names another file  [case-file-exists]\n",
        "cases.jsonl: the cases are written as YAML\n  hint: name it *.graysplit.yaml, so that pytest collects it by itself  [case-file-format]\n",
        "no case was written: no test in loops.yaml can be a case\n",
    ]
    assert output[3][1].splitlines()[1] == "missing    tests[0]: has a {% ... %} block, which is not run"
    assert len(list(suite_folder.iterdir())) == 3
