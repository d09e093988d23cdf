"""The `graysplit_splitter` fixture: it gives the configured split, or equal shares of the run's models."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "traffic.md"
SPLIT = """
[tool.graysplit.splits.{name}]
arms = [{{model = "claude-sonnet-4.5", weight = 0.9}}, {{model = "{model}", weight = 0.1}}]
"""
UNCLEAR = """\
[tool.graysplit.splits] has summaries, answers, and the run's models are those of none of them
  hint: name the models of one with --graysplit-control and --graysplit-treatment, or take one by its name: \
load_splitter("NAME")  [split-unclear]
"""


def write_splits(project, **models):
    """Write a split per name, with that treatment."""
    project.write("pyproject.toml", "".join(SPLIT.format(name=name, model=model) for name, model in models.items()))


def test_splitter_fixture_has_equal_shares_without_configuration(project):
    """The control gets the rest; the example of the docs works, and nothing is sent."""
    [example] = re.findall(r"```python\n(def test_\w*ramp\w*\(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    project.test_file(
        example
        + """
def test_shares(graysplit_splitter):
    assert graysplit_splitter.arms == ("control", "deepseek-v3.2", "gpt-4.1")
    assert graysplit_splitter.basis_points == (3334, 3333, 3333)
    assert (graysplit_splitter.salt, graysplit_splitter.unassigned) == ("graysplit", 0)
    graysplit_splitter.assign()

test_shares_again = test_shares
"""
    )
    project.run("--graysplit-treatment=gpt-4.1").assert_outcomes(passed=3)
    assert project.sent() == 0


def test_splitter_fixture_takes_the_only_split(project):
    """It needs no model of the run, and each test starts with its own count of anonymous units."""
    write_splits(project, summaries="gpt-4.1")
    project.test_file(
        """
        @pytest.mark.parametrize("again", [1, 2])
        def test_x(graysplit_splitter, again):
            assert (graysplit_splitter.arms, graysplit_splitter.salt) == (("control", "gpt-4.1"), "summaries")
            assert (graysplit_splitter.basis_points, graysplit_splitter.unassigned) == ((9000, 1000), 0)
            graysplit_splitter.assign()
        """
    )
    project.run_without_models().assert_outcomes(passed=2)


def test_splitter_fixture_takes_the_split_of_the_runs_models(project):
    """If none of several splits has these models, the message names the splits and the remedy."""
    write_splits(project, summaries="gpt-4.1", answers="deepseek-v3.2")
    project.test_file(
        """
        def test_x(graysplit_splitter):
            assert graysplit_splitter.salt == "answers"
        """
    )
    project.run().assert_outcomes(passed=1)
    result = project.run_without_models()
    result.assert_outcomes(errors=1)
    assert UNCLEAR in result.stdout.str()


ARMS = """
[tool.graysplit.arms.today]
model = "claude-sonnet-4.5"

[tool.graysplit.arms.ours]
model = "qwen3-32b"
base_url = "https://relay.example/v1"
api_key_env = "NOT_SET_HERE"
"""
ARM_SPLITS = """
[tool.graysplit.splits.a]
arms = [{model = "today", weight = 0.9}, {model = "ours", weight = 0.1}]

[tool.graysplit.splits.b]
arms = [{model = "ours", weight = 0.9}, {model = "today", weight = 0.1}]
"""


@pytest.mark.parametrize(
    ("splits", "salt", "weights"), [("", "graysplit", (5000, 5000)), (ARM_SPLITS, "a", (9000, 1000))]
)
def test_splitter_fixture_knows_configured_arms(project, splits, salt, weights):
    """The names of the run's arms select the split; no key of an arm is needed."""
    project.write("pyproject.toml", ARMS + splits)
    project.test_file(
        f"""
        def test_x(graysplit_splitter):
            assert (graysplit_splitter.salt, graysplit_splitter.basis_points) == ({salt!r}, {weights})
            assert [(one.arm, one.model) for one in graysplit_splitter.assignments] == [
                ("control", "claude-sonnet-4.5"), ("ours", "qwen3-32b")
            ]
        """
    )
    result = project.run_without_models("--graysplit-control=today", "--graysplit-treatment=ours")
    result.assert_outcomes(passed=1)
    assert project.sent() == 0


def test_splitter_fixture_skips_without_a_treatment(project):
    """The reason is that of every test that needs one."""
    project.test_file("def test_x(graysplit_splitter): raise AssertionError")
    result = project.run_without_models("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no treatment model: name the candidate with --graysplit-treatment=MODEL"])


def test_invalid_split_is_a_usage_error(project):
    """The run does not even use the split; the message names its section."""
    project.write(
        "pyproject.toml",
        '[tool.graysplit.splits.s]\narms = [{model = "m", weight = 0.5}, {model = "n", weight = 0.1}]\n',
    )
    project.test_file("def test_x(): pass")
    result = project.run()
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*splits.s: the weights sum to 0.6, not to 1*"])
