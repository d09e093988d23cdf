"""The SDKs that people call models with: each has one application, run live on both arms and replayed offline."""

import pytest
from app_runs import KEY, AppRuns
from relay_server.client import RunningRelay

pytestmark = pytest.mark.xdist_group("sdks")  # a process of them takes seconds
SDKS = (
    *("openai_chat", "openai_tool_loop", "openai_async", "openai_stream", "openai_responses"),
    *("anthropic", "litellm", "pydantic_ai", "langchain_openai", "requests", "aiohttp"),
    *("subprocess[curl]", "subprocess[node]"),
)
SCRIPT = [
    {"match": "order 17", "results": 0, "tool_calls": [{"name": "find_order", "arguments": {"number": 17}}]},
    {"match": "order 17", "results": 1, "text": "Order 17 is on its way."},
]
# An SDK that looks for news of its own at import waits for seconds where there is no network.
VARIABLES = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The outcomes of a live run and of a replay without a key, and the statistics of the relay after each."""
    with RunningRelay() as relay:
        relay.control(script=SCRIPT)
        apps = AppRuns(tmp_path_factory.mktemp("sdks"), relay, "sdks.py")
        live, replay = apps.run([], ["--graysplit-record=none"], **VARIABLES)
        return apps, live, replay, relay.stats()


def outcomes_of(run, sdk):
    name, _, parameter = sdk.partition("[")
    begins = f"test_sdks.py::test_{name}[{parameter.rstrip(']')}"
    return {nodeid: test for nodeid, test in run["tests"].items() if nodeid.startswith(begins)}


@pytest.mark.parametrize("sdk", SDKS)
def test_application_runs_on_both_arms_and_replays(runs, sdk):
    apps, live, replay, _ = runs
    tests = outcomes_of(live, sdk)
    assert len(tests) == 2, apps.output
    for run in (tests, outcomes_of(replay, sdk)):
        if why := next((test["why"] for test in run.values() if test["outcome"] == "skipped"), ""):
            pytest.skip(why)
        assert {test["outcome"] for test in run.values()} == {"passed"}, "\n".join(
            test["text"] for test in run.values()
        )


def test_route_that_the_gateway_has_not_is_an_error_of_the_sdk(runs):
    """The SDK sends it once, and the test cannot be judged even if the application goes on."""
    apps, live, _, _ = runs
    tests = outcomes_of(live, "openai_errors")
    if why := next((test["why"] for test in tests.values() if test["outcome"] == "skipped"), ""):
        pytest.skip(why)
    assert [test["outcome"] for test in tests.values()] == ["failed", "failed"], apps.output
    assert all(
        "the application sent POST /completions, which the gateway does not answer" in test["text"]
        for test in tests.values()
    )


def test_replay_asked_no_relay(runs):
    apps, live, replay, stats = runs
    assert live["tests"].keys() == replay["tests"].keys(), apps.output
    assert len(stats["requests"]) == 2


def test_no_key_is_in_any_file(runs):
    apps, *_ = runs
    assert [name for name, text in apps.recordings().items() if KEY in text] == []
    assert [name for name, text in apps.recordings().items() if "key-of-the-application" in text] == ["test_sdks.py"]
