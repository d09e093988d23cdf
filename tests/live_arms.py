"""Two configured arms of live traffic, the second at a relay of its own; shared by the tests of the client."""

from splits import user

from pytest_graysplit import Split, TrafficSplitter

OWN_KEY, TEAM = "key-of-the-second-relay", "team-token-4711"
ARMS = """
[tool.graysplit.arms.today]
model = "claude-sonnet-4.5"

[tool.graysplit.arms.ours]
model = "qwen3-32b"
base_url = "{url}"
api_key_env = "VLLM_API_KEY"
headers = {{ "X-Team" = "$TEAM_TOKEN" }}
system = "file:prompts/v2.md"
params = {{ temperature = 0.2, seed = 1, top_k = 5 }}
unset = ["max_tokens", "top_k"]
price = {{ input = 100, output = 200 }}
"""
SYSTEM = {"role": "system", "content": "Be brief."}


def arm_halves(treatment="ours", control="today", **fields):
    """Return a splitter of two configured arms with half of the units each."""
    return TrafficSplitter([Split(control, 0.5), Split(treatment, 0.5, **fields)], salt="halves")


def sent_keys(server):
    """Return the keys of all requests to a relay, by its log."""
    return {headers.get("authorization") for headers in server.stats()["header_log"]}


async def one_of_each(client):
    """Ask both arms once, and return both replies."""
    return [await client.chat(user("hi"), force=arm) for arm in ("control", "ours")]
