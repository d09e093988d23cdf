"""The cap on the cost of applications: it holds by the count of the relay, on every route and in every worker."""

from decimal import Decimal

import pytest

CAP = "0.03"
PRICE = {"input": "3", "output": "150"}
MODELS = ("claude-sonnet-4.5", "deepseek-v3.2")
TABLE = "\n".join(
    [
        "[tool.graysplit.prices]",
        *(f'"{model}" = {{input = 3, output = 150}}' for model in MODELS),
        '"small-vectors" = {input = 3, output = 0}',
    ]
)
# Each test asks on all routes, and stops at the first answer that it does not get.
TESTS = """
import json
import os
import urllib.request

import pytest

MODEL = "claude-sonnet-4.5"
SAID = [{"role": "user", "content": "Explain the theorem, please, in many words"}]


def post(path, body):
    headers = {"content-type": "application/json", "authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    request = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read().decode()


@pytest.mark.graysplit
@pytest.mark.parametrize("number", range(8))
def test_all_routes(graysplit_app, number):
    post("/embeddings", {"model": "small-vectors", "input": [f"one {number}", "two"]})
    for streams in (False, True):
        post("/chat/completions", {"model": MODEL, "messages": SAID, "max_tokens": 9, "user": str(number), "stream": streams})
        post("/responses", {"model": MODEL, "input": f"Explain {number}", "max_output_tokens": 9, "stream": streams})
        post("/messages", {"model": MODEL, "messages": SAID, "max_tokens": 9, "top_k": 9 + number, "stream": streams})
    graysplit_app.output = "done"
"""


@pytest.fixture
def app_with_prices(app_project):
    app_project.write("pyproject.toml", TABLE)
    app_project.relay.control(prices=dict.fromkeys((*MODELS, "small-vectors"), PRICE))
    app_project.write("test_app.py", TESTS)
    return app_project


def billed(app):
    return Decimal(app.relay.stats()["billed"]["cost_usd"])


@pytest.mark.parametrize("workers", [[], pytest.param(["-n2"], marks=pytest.mark.xdist)])
def test_cap_holds_by_the_count_of_the_relay(app_with_prices, workers):
    """Answers are lost on the way after they were billed, and attempts are made again; the cap counts all of them."""
    app = app_with_prices
    app.relay.control(faults=[{"kind": kind, "times": 2} for kind in ("bill-drop", "sse", "503")])
    result = app.run(*workers, f"--graysplit-max-cost={CAP}", "-rs")
    outcomes = result.parseoutcomes()
    assert 0 < billed(app) <= Decimal(CAP)
    assert outcomes["skipped"] > 0
    result.stdout.fnmatch_lines([f"*the cap of ${CAP} is used up*"])


def test_cap_that_suffices_pays_for_every_route(app_with_prices):
    """The cost in the report is the bill of the relay to the last digit, without anything unconfirmed."""
    app = app_with_prices
    result = app.run("--graysplit-max-cost=5", "--graysplit-json=report.json")
    result.assert_outcomes(passed=16)
    assert app.relay.stats()["paths"] | {"GET /v1/models": 1} == {
        "GET /v1/models": 1,
        "POST /v1/embeddings": 8,
        "POST /v1/chat/completions": 32,
        "POST /v1/responses": 32,
        "POST /v1/messages": 32,
    }
    arms = app.report()["arms"]
    assert len(arms) == 2
