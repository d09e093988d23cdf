"""The gateway of this process: started once, and entered for each test with `graysplit_app`."""

from __future__ import annotations

import itertools
import os
import secrets
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pytest_graysplit.gateway.answering import Answerer
from pytest_graysplit.gateway.clients import ProcessClients
from pytest_graysplit.gateway.environment import ANTHROPIC_ADDRESSES, OPENAI_ADDRESSES, ItemEnvironment
from pytest_graysplit.gateway.interruption import Interruption
from pytest_graysplit.gateway.upstream import upstream_access

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, MutableMapping
    from concurrent.futures import Future

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.gateway.app_run import IncomingCall
    from pytest_graysplit.gateway.item_calls import ItemCalls
    from pytest_graysplit.gateway.server.thread import ServerThread
    from pytest_graysplit.replies.reply_request import ReplyRequest
    from pytest_graysplit.types import Reply, Route


class Gateway:
    """The one access of applications to models: an HTTP server on the loopback, and the answerer for this process.

    `begin` gives the future of a reply, recorded or sent, and raises GraysplitError for a request that cannot be sent.
    `hosts` are further hosts and addresses whose models an application calls from this process, and `secret_names` the
    variables that are out of its reach. `base_url` is the address for clients of OpenAI, `anthropic_url` for those of
    Anthropic.
    """

    def __init__(
        self,
        *,
        begin: Callable[[ReplyRequest], Future[Reply]],
        hosts: Collection[str] = (),
        secret_names: Collection[str] = (),
        environ: MutableMapping[str, str] = os.environ,
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self.hosts = frozenset(hosts)
        self.answerer = Answerer(begin, self._access_of)
        self._secret_names = secret_names
        self._environ = environ
        self._port = 0
        self._server: ServerThread | None = None
        self._environment: ItemEnvironment | None = None
        self._clients: ProcessClients | None = None
        self._interruption = Interruption()
        self._current: ItemCalls | None = None
        self._undo = ExitStack()
        self._numbers = itertools.count(1)
        self._items: weakref.WeakValueDictionary[str, ItemCalls] = weakref.WeakValueDictionary()

    @property
    def base_url(self) -> str:
        """The address for clients of OpenAI, with the token."""
        return f"{self.anthropic_url}/v1"

    @property
    def anthropic_url(self) -> str:
        """The address for clients of Anthropic, which append /v1 themselves."""
        return f"http://127.0.0.1:{self._port}/{self.token}"

    @property
    def current(self) -> ItemCalls | None:
        """The calls of the test that runs now."""
        return self._current

    @property
    def users_environ(self) -> Mapping[str, str]:
        """The environment of the user, without the changes for the test that runs."""
        return self._environ if self._environment is None else self._environment.users

    def url_of(self, calls: ItemCalls) -> str:
        """Return the address for clients of OpenAI that belongs to one item, also after the next one has begun."""
        number = next((number for number, known in self._items.items() if known is calls), None)
        if number is None:
            number = str(next(self._numbers))
            self._items[number] = calls
        return f"{self.anthropic_url}/{number}/v1"

    def start(self) -> None:
        """Bind the port and start the thread of the server; raise UsageError if a package is missing."""
        from pytest_graysplit.gateway.server.thread import ServerThread, listening, require_packages

        require_packages()
        from pytest_graysplit.gateway.server.app import GatewayApp

        listener = listening()
        self._port = listener.getsockname()[1]
        app = GatewayApp(
            self.answerer,
            token=self.token,
            port=self._port,
            find=self._calls_of,
            on_refused=self._interruption.refused,
        )
        self._server = ServerThread(app, listener)
        self._server.start()
        self._clients = ProcessClients(app, self.base_url, self.hosts)
        self._environment = ItemEnvironment(
            base_url=self.base_url,
            anthropic_url=self.anthropic_url,
            token=self.token,
            secret_names=self._secret_names,
            environ=self._environ,
        )

    def enter(self, calls: ItemCalls) -> None:
        """Begin an item: requests belong to it from now on, and the environment and the clients lead here."""
        self.leave()
        with ExitStack() as undo:
            self._current = calls
            undo.callback(setattr, self, "_current", None)
            undo.callback(calls.close)
            undo.callback(self._interruption.leave)
            self._interruption.enter(calls)
            if self._environment is not None:
                undo.callback(self._environment.leave)
                self._environment.enter()
            if self._clients is not None:
                undo.callback(self._clients.leave)
                environ = self.users_environ
                given = (environ.get(name, "") for name in (*OPENAI_ADDRESSES, *ANTHROPIC_ADDRESSES))
                self._clients.enter(calls, given)
            self._undo = undo.pop_all()

    def leave(self) -> None:
        """End the item: restore the environment and the clients, and answer none of its requests any more."""
        self._undo.close()

    def stop(self) -> None:
        """End the item and the server; no request is answered after that."""
        self.leave()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _calls_of(self, number: str) -> ItemCalls | None:
        return self._items.get(number) if number else self._current

    def _access_of(self, call: IncomingCall, route: Route) -> Access:
        return upstream_access(call, route, self.users_environ, self.token)
