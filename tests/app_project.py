"""A project with a gateway, a fetcher and the loopback relay, for tests of an application's requests."""

import contextlib
import json
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from pytest_graysplit.config.arms import Arm
from pytest_graysplit.config.credentials import Access
from pytest_graysplit.config.settings import Settings
from pytest_graysplit.gateway.app_run import AppRun
from pytest_graysplit.gateway.gateway import Gateway
from pytest_graysplit.gateway.item_calls import ItemCalls
from pytest_graysplit.replies.fetcher import ReplyFetcher
from pytest_graysplit.replies.pricing import PriceTable
from pytest_graysplit.replies.recordings import Journal, Recordings, merge_journals
from pytest_graysplit.replies.relay.client import Relay
from pytest_graysplit.types import Case

CONTROL, TREATMENT, OTHER = "claude-sonnet-4.5", "deepseek-v3.2", "gemini-2.5-flash"


class HttpAnswer(NamedTuple):
    """An answer as a client without a library sees it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.json["choices"][0]["message"]["content"]


class AppProject:
    """A project folder whose gateway asks the relay, or replays the recordings."""

    def __init__(self, root: Path, relay_url: str):
        self.root = root
        self.relay_url = relay_url
        self.file = root / "tests" / "__graysplit__" / "test_app.jsonl"
        self.environ = {"OPENAI_BASE_URL": relay_url, "OPENAI_API_KEY": "a-key-of-the-user"}
        self._open = []
        self._runs = 0

    def gateway(self, record="new", **options) -> Gateway:
        """Return a started gateway; the settings may be given by name."""
        environ = options.pop("environ", self.environ)
        secret_names = options.pop("secret_names", ())
        hosts = options.pop("hosts", ())
        settings = Settings(
            **{"control": CONTROL, "treatments": (TREATMENT,), "base_url": self.relay_url, "retries": 0, **options},
            record=record,
        )
        self._runs += 1
        fetcher = ReplyFetcher(
            settings,
            recordings=Recordings(self.root),
            journal=Journal(self.root, mode=record, run_id=f"run{self._runs}") if record in ("new", "all") else None,
            open_relay=lambda access: Relay(settings, is_refusal=lambda text: False, access=access),
            prices=PriceTable({}),
            command="--graysplit-record=new",
        )
        if record != "none":
            fetcher.make_ready()  # as the plugin does before the first test, which may block sockets
        gateway = Gateway(begin=fetcher.begin, hosts=hosts, secret_names=secret_names, environ=environ)
        self._open.append((gateway, fetcher))
        gateway.start()
        return gateway

    def run(self, arm="control", model=CONTROL, **fields) -> AppRun:
        """Return a run of the arm in which the name of the control is replaced."""
        config = fields.pop("config", None) or Arm.plain(model, Access(base_url=self.relay_url))
        return AppRun(
            **{
                "nodeid": f"tests/test_app.py::test_it[{arm}]",
                "case": Case(id="tests/test_app.py::test_it", messages=()),
                "arm": arm,
                "config": config,
                "sample": 0,
                "recording_path": self.file,
                "swapped": frozenset({CONTROL}),
                "max_calls": 50,
                **fields,
            }
        )

    def calls(self, *arguments, normalise=lambda body: body, **fields) -> ItemCalls:
        """Return the calls of a new run."""
        return ItemCalls(self.run(*arguments, **fields), normalise)

    @contextlib.contextmanager
    def item(self, gateway, *arguments, **fields):
        """Enter an item, and leave it at the end."""
        calls = self.calls(*arguments, **fields)
        gateway.enter(calls)
        try:
            yield calls
        finally:
            gateway.leave()

    def merge(self):
        """Stop the gateways and their fetchers, and merge the journals into the recordings."""
        for gateway, fetcher in self._open:
            gateway.stop()
            fetcher.stop(grace_s=0.5)
        self._open.clear()
        merge_journals(self.root)


def post(url, body, headers=None, method="POST"):
    """Send a request over a connection of its own, as an application does without a library of ours."""
    host, _, path = url.removeprefix("http://").partition("/")
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    with contextlib.closing(HTTPConnection(host, timeout=20)) as connection:
        connection.request(method, f"/{path}", content, {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return HttpAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def chat(text, model=CONTROL, **fields):
    """Return the body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}
