"""Splits that name configured arms: their models, names and identity."""

import os

import pytest

from pytest_graysplit import Split, TrafficSplitter, load_splitter
from pytest_graysplit.config.project import read_settings
from pytest_graysplit.errors import UsageError
from pytest_graysplit.traffic.splitter.configured import with_arms

ARM = '[tool.graysplit.arms.ours]\nmodel = "qwen3-32b"\n'


def halves(*treatments, control="gpt-4.1", weight=0.5):
    splits = [Split(control, weight), *(Split(one, weight / len(treatments)) for one in treatments)]
    return TrafficSplitter(splits, salt="halves")


def resolved(folder, text, splitter=None):
    """Return the splitter with the arms of a pyproject.toml with this text."""
    file = folder / "pyproject.toml"
    file.write_text(text)
    return with_arms(splitter or halves("ours"), read_settings(file, os.environ))


def test_identity_of_plain_splits_is_as_before():
    """Logs of earlier versions hold these letters."""
    plain = TrafficSplitter([Split("claude-sonnet-4.5", 0.9), Split("deepseek-v3.2", 0.1)], salt="docs")
    twins = [Split("a", 0.5), Split("b", 0.25), Split("b", 0.25, name="b-2", params={"seed": 1})]
    assert (plain.identity, TrafficSplitter(twins, salt="x").identity) == ("878ff196", "115efa28")


def test_configured_arm_keeps_its_name_and_gets_its_model(tmp_path):
    """Also behind an alias; a plain splitter stays the same object, so its counts stay too."""
    text = f'{ARM}[tool.graysplit.aliases]\n"cheap" = "deepseek-v3.2"\n'
    made = resolved(tmp_path, text, halves("ours", "cheap", control="ours"))
    assert [(one.arm, one.role, one.model, one.split.table) for one in made.assignments] == [
        ("control", "control", "qwen3-32b", "ours"),
        ("ours", "treatment", "qwen3-32b", "ours"),
        ("cheap", "treatment", "deepseek-v3.2", ""),
    ]
    plain = halves("deepseek-v3.2")
    assert resolved(tmp_path, text, plain) is plain
    assert resolved(tmp_path, text, made) is made


def test_units_do_not_move_when_a_model_becomes_an_arm(tmp_path):
    """The hash depends on the salt, the order and the weights only."""
    before, after = halves("qwen3-32b"), resolved(tmp_path, ARM)
    assert [before.assign(n).index for n in range(1_000)] == [after.assign(n).index for n in range(1_000)]


def test_two_splits_of_one_model_are_two_arms(tmp_path):
    """Two prompts of one model, and one arm twice under two names."""
    text = "".join(f'[tool.graysplit.arms.v{n}]\nmodel = "gpt-4.1"\nsystem = "Prompt {n}."\n' for n in (1, 2))
    splits = [Split("v1", 0.4), Split("v2", 0.2), Split("gpt-4.1", 0.2), Split("v2", 0.2, name="v2-again")]
    made = resolved(tmp_path, text, TrafficSplitter(splits, salt="s"))
    assert made.arms == ("control", "v2", "gpt-4.1", "v2-again")
    prints = [split.fingerprint for split in made.splits]
    assert len(set(prints)) == 3
    assert (prints[1], prints[2]) == (prints[3], "")


OTHER = [
    "params = { seed = 1 }",
    "params = { seed = 2 }",
    'unset = ["seed"]',
    'base_url = "http://127.0.0.1:8000/v1"',
    'base_url = "http://127.0.0.1:8000/v1?api-version=2"',
    'api_key_env = "OPENAI_API_KEY"',
    'headers = { "X-Team" = "$TEAM" }',
    'headers = { "X-Team" = "blue" }',
    'system = "Be brief."',
    'system = "file:prompt.md"',
]  # fmt: skip


def test_identity_changes_with_everything_that_changes_the_answers(tmp_path):
    """So a changed table begins a new comparison; its price and its name alone do not."""
    (tmp_path / "prompt.md").write_text("Be kind.\n")
    plain = resolved(tmp_path, ARM)
    assert plain.splits[1].fingerprint == ""
    assert resolved(tmp_path, f"{ARM}price = {{ input = 1, output = 2 }}").identity == plain.identity
    identities = [resolved(tmp_path, ARM + more).identity for more in OTHER]
    assert len({plain.identity, *identities}) == len(OTHER) + 1
    removed = resolved(tmp_path, f'{ARM}params = {{ seed = 1 }}\nunset = ["seed"]')
    assert removed.identity == identities[2]


def test_identity_covers_the_text_of_the_prompt(tmp_path):
    """The file may be edited in place; its name does not matter."""
    made = []
    for name, text in (("a.md", "one\n"), ("b.md", "one"), ("a.md", "two\n")):
        (tmp_path / name).write_text(text)
        made.append(resolved(tmp_path, f'{ARM}system = "file:{name}"').identity)
    assert made[0] == made[1] != made[2]


def test_identity_does_not_depend_on_secrets(tmp_path, monkeypatch):
    """Another key and another token in the environment, and another key in the address, are the same experiment."""
    made = set()
    for secret in ("one-secret", "another-secret"):
        monkeypatch.setenv("TOKEN", secret)
        monkeypatch.setenv("OUR_KEY", secret)
        table = (
            f'base_url = "http://h.example/v1?key={secret}"\napi_key_env = "OUR_KEY"\nheaders = {{ "X" = "$TOKEN" }}\n'
        )
        made.add(resolved(tmp_path, ARM + table).identity)
    monkeypatch.delenv("TOKEN")
    made.add(resolved(tmp_path, ARM + table).identity)
    assert len(made) == 1


def test_ramp_keeps_table_and_fingerprint(tmp_path):
    """A splitter of `load_splitter` can be ramped, and its identity changes with the weights only."""
    made = resolved(tmp_path, f'{ARM}system = "Be brief."')
    ramped = made.ramped({"ours": 0.6})
    assert [(one.table, one.fingerprint) for one in ramped.splits] == [
        (one.table, one.fingerprint) for one in made.splits
    ]
    assert ramped.ramped({"ours": 0.5}).identity == made.identity


def test_split_of_the_project_names_arms(tmp_path):
    """Its inline parameters and headers stay with the split."""
    file = tmp_path / "pyproject.toml"
    file.write_text(
        f"{ARM}[tool.graysplit.splits.s]\n"
        'arms = [{model = "gpt-4.1", weight = 0.9}, {model = "ours", weight = 0.1, params = {seed = 1}}]\n'
    )
    [control, ours] = load_splitter("s", file).splits
    assert (control.model, control.table, ours.model, ours.table) == ("gpt-4.1", "", "qwen3-32b", "ours")
    assert ours.params == {"seed": 1}


def test_split_with_an_unreadable_prompt_is_refused(tmp_path):
    """The message names the setting of the arm."""
    with pytest.raises(UsageError, match=r"arms\.ours\.system: missing\.md cannot be read"):
        resolved(tmp_path, f'{ARM}system = "file:missing.md"')
