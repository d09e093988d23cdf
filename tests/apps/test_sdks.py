"""The SDKs that people call models with: each has one application, run live on both arms and replayed offline."""

import pytest
from app_runs import KEY, AppRuns
from relay_server.client import RunningRelay

SCRIPT = [
    {"match": "order 17", "results": 0, "tool_calls": [{"name": "find_order", "arguments": {"number": 17}}]},
    {"match": "order 17", "results": 1, "text": "Order 17 is on its way."},
]
# An SDK that looks for news of its own at import waits for seconds where there is no network.
VARIABLES = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false"}
UNANSWERED = "the application sent POST /completions, which the gateway does not answer"


def test_applications_on_sdks_run_on_both_arms_and_replay(tmp_path, pytestconfig):
    """One process has all of them, because to import them takes seconds; a missing one is named and left out."""
    with RunningRelay() as relay:
        relay.control(script=SCRIPT)
        apps = AppRuns(tmp_path, relay, "sdks.py")
        of_user = {"OPENAI_BASE_URL": relay.url, "OPENAI_API_KEY": "key-of-the-user"}
        live, replay = apps.run([], ["--graysplit-record=none"], **VARIABLES, **of_user)
        stats = relay.stats()
    for run in (live["tests"], replay["tests"]):
        check_outcomes(run, apps.output)
    assert live["tests"].keys() == replay["tests"].keys()
    [recorded] = [text for name, text in apps.recordings().items() if name.startswith("__graysplit__")]
    assert sum(stats["requests"].values()) == recorded.count('"case":')  # the replay asked nothing
    check_keys(apps.recordings(), stats["header_log"])
    if missing := sorted({test["why"] for test in live["tests"].values()} - {""}):
        pytest.skip(f"all others passed, and the extra test-apps would install these: {missing}")


def check_keys(files, header_log):
    """Check that the key of the run was sent alone for the models under test, and that no key is in any file."""
    assert {key for text in files.values() for key in (KEY, "key-of-the-user") if key in text} == set()
    assert [name for name, text in files.items() if "key-of-the-application" in text] == ["test_sdks.py"]
    assert "key-of-the-application" not in str(header_log)
    keys = [headers.get("authorization") for headers in header_log]
    assert set(keys) <= {f"Bearer {KEY}", "Bearer key-of-the-user"}
    assert keys.count("Bearer key-of-the-user") in (1, 2)  # the embeddings, once for both arms, and a list of models


def check_outcomes(tests, output):
    """Check that all tests have passed, except the one whose request has no answer: it cannot be judged."""
    assert len(tests), output
    unanswered = {nodeid: test for nodeid, test in tests.items() if "test_openai_errors" in nodeid}
    assert all(UNANSWERED in test["text"] for test in unanswered.values() if test["outcome"] != "skipped"), output
    others = [test["outcome"] for nodeid, test in tests.items() if nodeid not in unanswered]
    assert set(others) - {"skipped"} == {"passed"}, output
