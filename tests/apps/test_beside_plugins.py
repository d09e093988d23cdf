"""Plugins that replace HTTP, sockets, files and clocks keep working beside an application, in both orders of loading."""

import re

import pytest
from app_runs import KEY, AppRuns
from relay_server.client import RunningRelay

pytest.importorskip("pytest_httpx", reason="the extra test-apps is not installed")
OTHERS = ("respx", "pytest_httpx", "recording", "socket", "fakefs")
ORDERS = {"last": (*OTHERS, "graysplit"), "first": ("graysplit", *OTHERS)}


@pytest.mark.parametrize("order", ORDERS)
def test_both_plugins_do_their_work_live_and_in_a_replay(tmp_path, order):
    loaded = ["--allow-unix-socket", *(f"-p{name}" for name in ORDERS[order])]  # event loops have such sockets
    with RunningRelay() as relay:
        apps = AppRuns(tmp_path, relay, "beside.py")
        recorded = [*loaded, "--record-mode=once"]
        replayed = [*loaded, "--record-mode=none", "--graysplit-record=none"]
        live, replay = apps.run(recorded, replayed, plugins=OTHERS, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        asked = relay.stats()["total"]
    assert {test["outcome"] for test in live["tests"].values()} == {"passed"}, apps.output
    skipped = [nodeid for nodeid, test in replay["tests"].items() if test["outcome"] == "skipped"]
    assert {test["outcome"] for test in replay["tests"].values()} == {"passed", "skipped"}, apps.output
    assert {nodeid.partition("[")[0] for nodeid in skipped} == {"test_beside.py::test_cassette_of_the_gateway"}
    assert asked == len(live["tests"]) - 1  # one of them has no application, and the replay asks nothing
    check_cassettes(apps.recordings())
    check_times(apps.recordings())


def check_cassettes(files):
    """Check that cassettes have neither a key nor an answer of a model, except the one that records the gateway."""
    assert [name for name, text in files.items() if KEY in text] == []
    cassettes = {name: text for name, text in files.items() if name.startswith("cassettes/")}
    of_gateway = {name: text for name, text in cassettes.items() if "of_the_gateway" in name}
    assert len(of_gateway) == 2
    assert all("chatcmpl-loopback" in text for text in of_gateway.values())
    others = {name: text for name, text in cassettes.items() if name not in of_gateway}
    assert len(others) == 4
    assert not any(re.search("chatcmpl|openai", text) for text in others.values())


def check_times(files):
    """Check that a frozen clock of a test does not date the answers of a model."""
    [recorded] = [text for name, text in files.items() if name.startswith("__graysplit__")]
    assert '"at":"2012' not in recorded
    assert recorded.count('"at":"2') > 20
