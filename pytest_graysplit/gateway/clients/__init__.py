"""Clients of httpx and httpx2 in this process: the gateway answers their requests for models without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pytest_graysplit.gateway.app_run import Upstream
from pytest_graysplit.gateway.clients.addresses import KnownAddresses
from pytest_graysplit.gateway.clients.answered import AnsweredSends
from pytest_graysplit.gateway.clients.patches import SendPatches
from pytest_graysplit.gateway.upstream import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_graysplit.gateway.call_answer import CallAnswer
    from pytest_graysplit.gateway.clients.addresses import ModelAddress


class LocalAnswers(Protocol):
    """The part of the gateway that answers requests of this process, as its server does for others."""

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, upstream: Upstream | None = None
    ) -> CallAnswer:
        """Answer a request to a path of the gateway; `upstream` is the place that it would have gone to."""


class ProcessClients:
    """The clients of this process; between `enter` and `leave` their requests for models go to the gateway.

    `base_url` is the address of the gateway for clients of OpenAI, and `hosts` are hosts and addresses of models that
    only the user knows.
    """

    def __init__(self, gateway: LocalAnswers, base_url: str, hosts: Collection[str] = ()) -> None:
        self._gateway = gateway
        self._base_url = base_url
        self._hosts = tuple(hosts)
        self._sends = AnsweredSends(KnownAddresses(gateway=base_url), self._answer, base_url)
        self._patches = SendPatches(self._sends.make_send)

    def enter(self, addresses: Iterable[str] = ()) -> None:
        """Answer requests for models from now on; `addresses` are those of the arms and of the user's environment."""
        endpoints = tuple(address for address in addresses if address)
        self._sends.known = KnownAddresses(endpoints, self._hosts, self._base_url)
        self._patches.start()

    def leave(self) -> None:
        """Leave the clients as they were found."""
        self._patches.stop()

    def _answer(self, method: str, address: ModelAddress, headers: dict[str, str], body: bytes) -> CallAnswer:
        if address.is_gateway:
            return self._gateway.answer(method, address.route, headers, body)
        upstream = Upstream(address.base_url, key_of(headers))
        return self._gateway.answer(method, f"{urlsplit(self._base_url).path}{address.route}", headers, body, upstream)
