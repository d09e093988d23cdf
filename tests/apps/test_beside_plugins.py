"""Plugins that replace HTTP, sockets, files and clocks keep working beside an application, in both orders of loading."""

import re

import pytest
from app_runs import KEY, AppRuns
from relay_server.client import RunningRelay

pytest.importorskip("pytest_httpx", reason="the extra test-apps is not installed")
pytestmark = pytest.mark.xdist_group("beside-plugins")
OTHERS = ("respx", "pytest_httpx", "recording", "socket", "fakefs")
ORDERS = {"last": (*OTHERS, "graysplit"), "first": ("graysplit", *OTHERS)}


@pytest.fixture(scope="module", params=ORDERS)
def runs(request, tmp_path_factory):
    """The outcomes of a live run that records and of a replay of models and cassettes, for one order of the plugins."""
    folder = tmp_path_factory.mktemp(f"graysplit_{request.param}")
    loaded = ["--allow-unix-socket", *(f"-p{name}" for name in ORDERS[request.param])]  # event loops have such sockets
    with RunningRelay() as relay:
        apps = AppRuns(folder, relay, "beside.py")
        live = [*loaded, "--record-mode=once"]
        replay = [*loaded, "--record-mode=none", "--graysplit-record=none"]
        runs = apps.run(live, replay, plugins=OTHERS, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        return apps, runs, relay.stats()["total"]


def test_both_plugins_do_their_work(runs):
    apps, (live, replay), asked = runs
    assert {test["outcome"] for test in live["tests"].values()} == {"passed"}, apps.output
    skipped = [nodeid for nodeid, test in replay["tests"].items() if test["outcome"] == "skipped"]
    assert {test["outcome"] for test in replay["tests"].values()} == {"passed", "skipped"}, apps.output
    assert {nodeid.partition("[")[0] for nodeid in skipped} == {"test_beside.py::test_cassette_of_the_gateway"}
    assert asked == len(live["tests"]) - 1  # one of them has no application, and the replay asks nothing


def test_cassettes_have_no_key_and_no_model(runs):
    apps, *_ = runs
    files = apps.recordings()
    assert [name for name, text in files.items() if KEY in text] == []
    cassettes = {name: text for name, text in files.items() if name.startswith("cassettes/")}
    of_gateway = {name: text for name, text in cassettes.items() if "of_the_gateway" in name}
    assert len(of_gateway) == 2
    assert all("chatcmpl-loopback" in text for text in of_gateway.values())
    others = {name: text for name, text in cassettes.items() if name not in of_gateway}
    assert len(others) == 4
    assert not any(re.search("chatcmpl|openai", text) for text in others.values())


def test_recordings_have_the_real_time(runs):
    """A frozen clock of a test does not date the answers of a model."""
    apps, *_ = runs
    [recorded] = [text for name, text in apps.recordings().items() if name.startswith("__graysplit__")]
    assert '"at":"2012' not in recorded
    assert recorded.count('"at":"2') > 20
