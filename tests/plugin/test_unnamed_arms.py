"""Recordings of arms that a command does not name: the next run may compare them, so they are not unused."""

import json
from xml.etree import ElementTree as ET

import pytest

from pytest_graysplit.cli import main

ARMS = """
    [tool.graysplit.arms.brief]
    model = "deepseek-v3.2"
    system = "Be brief."
    params = { seed = 1 }
    [tool.graysplit.arms.unreadable]
    model = "deepseek-v3.2"
    system = "file:missing.md"
"""


def test_recordings_of_a_configured_arm_are_used_while_their_case_exists(project, monkeypatch, capsys):
    """Its requests differ from those of the models that the check names; without its table, no case makes them."""
    monkeypatch.chdir(project.path)
    project.write("pyproject.toml", ARMS)
    project.test_file("""
        @pytest.mark.graysplit(prompt="How long?")
        def test_x(graysplit): pass
    """)
    models, project.models = project.models, [project.models[0], "--graysplit-treatment=brief"]
    project.run().assert_outcomes(passed=1)
    capsys.readouterr()
    assert main(["recordings", "check", "--", *models]) == 0
    project.write("pyproject.toml", "")
    assert main(["recordings", "check", "--", *models]) == 1
    assert "no case asks for 'test_x' (deepseek-v3.2, sample 0)" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--graysplit-early-stop", "-n2"])
def test_endpoint_that_is_down_is_named_before_the_other_is_paid(project, option):
    """Also in a run that fetches only a little ahead of its tests, whose first tests ask one arm alone."""
    project.write(
        "pyproject.toml",
        """
        [tool.graysplit.arms.ours]
        model = "qwen3-32b"
        base_url = "http://127.0.0.1:9/v1"
    """,
    )
    project.test_file("""
        @pytest.mark.graysplit(prompt="How long?")
        def test_x(graysplit_reply): assert graysplit_reply.text
    """)
    project.models = [project.models[0], "--graysplit-treatment=ours"]
    result = project.run(option)
    assert "no relay answers at http://127.0.0.1:9/v1: " in result.stdout.str() + result.stderr.str()
    assert project.relay.stats()["requests"] == {}


def test_name_of_an_arm_may_have_blanks_quotes_and_letters_of_any_language(project):
    """It is a part of node ids, of a verdict's id, of the XML report and of the recordings' keys."""
    name = """l\u00fc's "new" a/b & <c>"""
    project.write(
        "pyproject.toml",
        f"""
        [tool.graysplit.arms.{json.dumps(name, ensure_ascii=False)}]
        model = "deepseek-v3.2"
        base_url = "{project.relay.url}"
        api_key_env = "GRAYSPLIT_API_KEY"
    """,
    )
    project.test_file("""
        @pytest.mark.graysplit(prompt="How long?", expect={"contains": "Answer"})
        def test_x(graysplit): pass

        @pytest.mark.graysplit(prompt="How long?")
        def test_y(graysplit_reply): assert "Answer" in graysplit_reply.text
    """)
    project.models = [project.models[0], f"--graysplit-treatment={name}"]
    for options in (["--junitxml=junit.xml", "--graysplit-json=report.json"], ["--graysplit-record=none"]):
        project.run(*options).assert_outcomes(passed=3)
    assert [one["treatment"] for one in project.report()["comparisons"]] == [name]
    assert {one.get("arm", "") for one in project.recorded()} == {"", name}
    nodes = [case.get("name") for case in ET.parse(project.path / "junit.xml").iter("testcase")]
    assert len(set(nodes)) == 3
