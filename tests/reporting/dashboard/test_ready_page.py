"""Probes of a service over real HTTP: alive and ready, without the token, and without any figure."""

import asyncio
import json
import shutil
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
import uvicorn
from splits import KEY, TREATMENT, halves, unit_in, user
from starlette.applications import Starlette
from starlette.routing import Mount

from pytest_graysplit import Monitor, RequestFailedError, SplitClient, dashboard_app

READY, TOKEN = (200, {"status": "ready", "failing": []}), "page-token"


def failing(*parts):
    return 503, {"status": "not ready", "failing": list(parts)}


@contextmanager
def served(app, port=0):
    """Serve the page of an application below a prefix, and yield a function that gets an address of the page."""
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=[Mount("/graysplit", app)]), port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/graysplit/", trust_env=False, timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def told(answer):
    return answer.status_code, answer.json()


@pytest.fixture
def service_relay(relay, monkeypatch):
    """The relay in the environment, with a key."""
    monkeypatch.setenv("GRAYSPLIT_API_KEY", KEY)
    monkeypatch.setenv("GRAYSPLIT_BASE_URL", relay.url)
    return relay


def test_service_is_ready_while_its_client_is_open_and_its_log_takes_lines(service_relay, tmp_path):
    """From the start to the end, with a folder of the log that is removed and comes back."""
    folder = tmp_path / "logs"
    folder.mkdir()
    monitor = Monitor(halves())
    with served(dashboard_app(monitor, token=TOKEN)) as page:
        # Before there is a client, the monitor may be fed by the application itself.
        assert told(page.get("readyz")) == READY
        client = SplitClient(halves(), monitor=monitor, log=folder / "traffic.jsonl", fallback=True)
        assert told(page.get("readyz")) == failing("client")

        async def serve():
            async with client:
                states = [await asyncio.to_thread(lambda: told(page.get("readyz")))]
                shutil.rmtree(folder)
                replies = [await client.chat(user("?"), unit=1)]
                while states[-1] == READY:
                    states.append(await asyncio.to_thread(lambda: told(page.get("readyz"))))
                states.append(await asyncio.to_thread(lambda: told(page.get("readyz", params={"exclude": "log"}))))
                return states, replies

        states, [reply] = asyncio.run(serve())
        assert (states[0], states[-2], states[-1]) == (READY, failing("log"), READY)
        assert reply.outcome == "ok"  # an answer is worth more than its line
        assert told(page.get("readyz")) == failing("client")
        assert told(page.get("readyz", params=[("exclude", "client"), ("exclude", "log")])) == READY
        assert told(page.get("healthz")) == (200, {"status": "ok"})


def test_service_whose_control_has_no_budget_left_is_not_ready(service_relay):
    """A used-up budget of the treatment is not a reason, because the control answers."""
    monitor, splitter = Monitor(halves()), halves()
    client = SplitClient(splitter, monitor=monitor, fallback=True, usd_per_day={"control": 1e-9, TREATMENT: 1e-9})

    async def serve(page):
        async with client:
            before = await asyncio.to_thread(lambda: told(page.get("readyz")))
            with pytest.raises(RequestFailedError):
                await client.chat(user("?"), unit=unit_in(splitter, TREATMENT), max_tokens=9)
            return before, await asyncio.to_thread(lambda: told(page.get("readyz")))

    with served(dashboard_app(monitor)) as page:
        assert asyncio.run(serve(page)) == (READY, failing("control"))


def test_application_adds_its_own_check():
    """Its state decides with ours."""
    state = {"warm": False}
    with served(dashboard_app(Monitor(halves()), ready=lambda: state["warm"])) as page:
        assert told(page.get("readyz")) == failing("application")
        state["warm"] = True
        assert told(page.get("readyz")) == READY
        assert page.head("readyz").status_code == 200


@pytest.mark.parametrize("address", ["healthz", "readyz", "readyz?exclude=log", "healthz?token=wrong"])
def test_probes_need_no_token_and_tell_nothing(address):
    """They name neither models nor weights nor counts, and set no cookie."""
    monitor = Monitor(halves())
    monitor.record("control", unit="anna", outcome="error", error="http-503")
    with served(dashboard_app(monitor, token=TOKEN)) as page:
        answer = page.get(address)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert set(json.dumps(answer.json())) <= set('{}[]":, ') | set("statusreadyfailingok")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "address", ["", "metrics", "events", "readyz/", "readyz/x", "x/healthz", "Healthz", "healthz%2f", "metrics/dashboard?/healthz", "//healthz"]
)  # fmt: skip
def test_every_other_address_needs_the_token(address):
    """An address that looks like a probe opens nothing."""
    with served(dashboard_app(Monitor(halves()), token=TOKEN)) as page:
        url = f"{page.base_url}{address}"
        assert page.get(url).status_code == 401
        assert page.head(url, headers={"Authorization": f"Bearer {TOKEN}"}).status_code != 401
