"""Tests of an application: one item per arm, recorded and replayed, judged by its asserts and its output."""

import pytest

# An application that knows nothing but its environment: a loop over tools, with no library of a vendor.
APPLICATION = """
import json
import os
import urllib.request


def post(path, body):
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + path,
        json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def ask(text, model="claude-sonnet-4.5", **params):
    body = {"model": model, "messages": [{"role": "user", "content": text}], **params}
    return post("/chat/completions", body)["choices"][0]["message"]["content"]


def support(ticket):
    vector = post("/embeddings", {"model": "small-vectors", "input": ticket})["data"][0]["embedding"]
    draft = ask(f"draft {ticket} {len(vector)}")
    return ask(f"check {draft}")
"""


@pytest.fixture
def app_project(project, monkeypatch):
    """A project with an application beside its tests; the models that are not under test are at the same relay."""
    monkeypatch.setenv("OPENAI_BASE_URL", project.relay.url)
    monkeypatch.setenv("OPENAI_API_KEY", "key-of-the-user")
    project.write("application.py", APPLICATION)
    project.write("pyproject.toml", '[tool.graysplit.prices]\n"small-vectors" = {input = 0.02, output = 0}\n')
    return project


def states(result):
    """Return the outcome of each test by its id."""
    found = {}
    for line in result.outlines:
        name, _, rest = line.partition(" ")
        if "::" in name and rest.split()[:1]:
            found.setdefault(name.partition("::")[2], rest.split()[0])
    return found


def test_application_runs_once_per_arm_and_replays(app_project):
    """Requests of the control's model get the arm's model; the run is recorded, replayed, and compared by its output."""
    app_project.test_file(
        """
        from application import ask, support
        from pytest_graysplit import App

        @pytest.mark.graysplit(max_cost_usd=0.01)
        @pytest.mark.parametrize("ticket", ["One?", "Two?"])
        def test_support(graysplit_app: App, ticket):
            before = graysplit_app.calls
            answer = support(ticket)
            graysplit_app.output = "overwritten"
            graysplit_app.output = answer
            app = graysplit_app
            assert graysplit_app.output == answer
            assert (before, len(app.calls)) == ((), 3)
            assert [reply.route for reply in app.calls] == ["embeddings", "chat", "chat"]
            assert answer.count(app.model) == 2
            assert app.role == ("control" if app.model == "claude-sonnet-4.5" else "treatment")
            assert app.arm == app.model and app.case.id == f"test_support[{ticket}]"
            assert app.usage.prompt > 0 and app.latency_s > 0 and app.cost_usd > 0 and app.tool_calls == ()
            assert "calls=3" in repr(app)

        @pytest.fixture
        def answer(graysplit_app):
            return ask("in a fixture")

        @pytest.mark.graysplit
        def test_calls_of_fixtures_count(graysplit_app, answer):
            assert len(graysplit_app.calls) == 1 and graysplit_app.cost_usd > 0

        @pytest.mark.graysplit(cases="rows.yaml")
        def test_rows(graysplit_app):
            graysplit_app.output = ask(graysplit_app.case.prompt)
            assert graysplit_app.case.tags == ("billing",)
        """
    )
    app_project.write(
        "rows.yaml", '- {id: first, prompt: "a?", tags: [billing], expect: {contains: "Answer"}, max_latency_s: 9}\n'
    )
    result = app_project.run("-v", "--graysplit-json=report.json")
    result.assert_outcomes(passed=8)
    names = ("test_support[One?-", "test_support[Two?-", "test_calls_of_fixtures_count[", "test_rows[first-")
    assert sorted(states(result)) == sorted(f"{name}{arm}]" for name in names for arm in ("control", "deepseek-v3.2"))
    sent = app_project.sent()
    assert sent == 14  # the vectors are asked for once and serve both arms
    live = app_project.report()
    assert {case["id"]: case["comparisons"][0]["similarity"] for case in live["cases"]}["test_support[One?]"] < 1
    assert [arm["pass_rate"] for arm in live["arms"]] == [1.0, 1.0]
    result = app_project.run("--graysplit-record=none", "--graysplit-json=report.json")
    result.assert_outcomes(passed=8)
    assert app_project.sent() == sent
    replayed = app_project.report()
    assert [one["similarity"] for case in replayed["cases"] for one in case["comparisons"]] == [
        one["similarity"] for case in live["cases"] for one in case["comparisons"]
    ]
    assert all(reply["replayed"] for case in replayed["cases"] for arm in case["arms"] for reply in arm["replies"])
