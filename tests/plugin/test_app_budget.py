"""The cap on the cost of applications: it holds by the count of the relay, on every route."""

from decimal import Decimal

import pytest

CAP = "0.02"
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
@pytest.mark.parametrize("number", range(4))
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
    app_project.write("test_billed.py", TESTS)
    return app_project


def billed(app):
    return Decimal(app.relay.stats()["billed"]["cost_usd"])


def test_cap_holds_by_the_count_of_the_relay(app_with_prices):
    """Answers are lost on the way after they were billed, and attempts are made again; the cap counts all of them."""
    app = app_with_prices
    app.relay.control(faults=[{"kind": kind, "match": "Explain"} for kind in ("bill-drop", "sse", "cut")])
    result = app.run(f"--graysplit-max-cost={CAP}", "-rs")
    assert Decimal(CAP) / 2 < billed(app) <= Decimal(CAP)
    assert result.parseoutcomes()["skipped"] > 0
    result.stdout.fnmatch_lines([f"*the cap of ${CAP} is used up*"])


def test_cap_that_suffices_pays_for_every_route(app_with_prices):
    """The spending in the report is the bill of the relay to the last digit, with nothing unconfirmed."""
    app = app_with_prices
    result = app.run("--graysplit-max-cost=5", "--graysplit-json=report.json")
    result.assert_outcomes(passed=8)
    asked = {path.rpartition("/v1")[2]: count for path, count in app.relay.stats()["paths"].items() if "POST" in path}
    assert asked == {"/embeddings": 4, "/chat/completions": 16, "/responses": 16, "/messages": 16}
    report = app.report()
    spent = report["run"]["spent"]
    assert (Decimal(str(spent["usd"])), spent["unconfirmed_usd"]) == (billed(app), 0)
    # The vectors are paid for once, and are a part of the cost of each arm, as in production.
    arms = [(Decimal(str(arm["cost_usd"])), arm["other_calls"]["small-vectors"]) for arm in report["arms"]]
    twice = Decimal(str(arms[0][1]["cost_usd"]))
    assert sum(cost for cost, _ in arms) == billed(app) + twice > billed(app)


@pytest.mark.parametrize(
    ("call", "slug", "told"),
    [
        ('post("/responses", {"model": MODEL, "input": "Hi"})', "cap-unlimited", "let the application send max_output_tokens"),
        ('post("/messages", {"model": MODEL, "messages": SAID})', "cap-unlimited", "let the application send max_tokens"),
        ('post("/responses", {"model": MODEL, "input": "Hi", "max_output_tokens": 9, "tools": [{"type": "web_search"}]})',
         "cap-unlimited", "because of the tool web_search"),
        ('post("/embeddings", {"model": "unknown-vectors", "input": "Hi"})', "cap-unpriced", "no price is known for unknown-vectors"),
    ],
)  # fmt: skip
def test_request_without_a_maximum_cost_fails_its_test(app_with_prices, call, slug, told):
    """It is not sent, and its test fails: skipped tests would leave a comparison of the others that looks whole."""
    app = app_with_prices
    app.write(
        "test_billed.py",
        TESTS.partition("@pytest.mark")[0] + f"@pytest.mark.graysplit\ndef test_one(graysplit_app):\n    {call}\n",
    )
    result = app.run("--graysplit-max-cost=1")
    result.assert_outcomes(failed=2)
    assert (f"[{slug}]" in result.stdout.str(), told in result.stdout.str(), app.sent()) == (True, True, 0)
