"""Runs of an application on both arms: the comparison, its failures on the right test, and runs that lack a side."""

import pytest

CONTROL, TREATMENT = "claude-sonnet-4.5", "deepseek-v3.2"

# An application that knows only the usual environment variables.
AGENT = '''
import json, os, urllib.request

def ask(*texts, model="claude-sonnet-4.5", path="chat/completions", **body):
    """Return the message with which the model answers."""
    sent = {"model": model, **body}
    if texts:
        sent["messages"] = [{"role": "user", "content": text} for text in texts]
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/" + path,
        json.dumps(sent).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]},
    )
    answer = json.loads(urllib.request.urlopen(request).read())
    return answer["choices"][0]["message"] if "choices" in answer else answer
'''


@pytest.fixture
def app(project):
    project.write("agent.py", AGENT)
    return project


def test_it(app):
    app.relay.control(script=[{"model": CONTROL, "text": "30 days."}, {"model": TREATMENT, "text": "Green cheese"}])
    app.test_file("""
        from agent import ask

        @pytest.mark.graysplit(min_similarity=0.7)
        @pytest.mark.parametrize("ticket", ["one", "two", "three"])
        def test_agent(graysplit_app, ticket):
            ask(ticket)
            graysplit_app.output = ask("more " + ticket)["content"]
    """)
    result = app.run("--graysplit-json=report.json", "-v", "--junitxml=j.xml")
    print((app.path / "j.xml").read_text())
