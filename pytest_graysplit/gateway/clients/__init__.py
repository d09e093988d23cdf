"""Clients of httpx and httpx2 in this process: the gateway answers their requests for models without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from pytest_graysplit.config.address import shown_address
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.escaping import visible
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.gateway.app_run import Upstream
from pytest_graysplit.gateway.clients.addresses import KnownAddresses
from pytest_graysplit.gateway.clients.answered import AnsweredSends
from pytest_graysplit.gateway.clients.patches import SendPatches
from pytest_graysplit.gateway.upstream import key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_graysplit.gateway.call_answer import CallAnswer
    from pytest_graysplit.gateway.clients.addresses import ModelAddress
    from pytest_graysplit.gateway.item_calls import ItemCalls


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
        self._hosts = tuple(filter(None, hosts))
        self._sends = AnsweredSends(KnownAddresses(gateway=base_url), self._answer, base_url, self._escaped)
        self._patches = SendPatches(self._sends.make_send)
        self._calls: ItemCalls | None = None

    def enter(self, calls: ItemCalls, addresses: Iterable[str] = ()) -> None:
        """Answer requests for models from now on; `addresses` are those of the user's environment."""
        self._calls = calls
        endpoints = tuple(filter(None, (calls.run.config.access.base_url, *addresses)))
        self._sends.known = KnownAddresses(endpoints, self._hosts, self._base_url)
        self._patches.start()

    def leave(self) -> None:
        """Leave the clients as they were found."""
        self._patches.stop()
        self._calls = None

    def _answer(self, method: str, address: ModelAddress, headers: dict[str, str], body: bytes) -> CallAnswer:
        if address.is_gateway:
            return self._gateway.answer(method, address.route, headers, body)
        upstream = Upstream(address.base_url, key_of(headers))
        return self._gateway.answer(method, f"{urlsplit(self._base_url).path}{address.route}", headers, body, upstream)

    def _escaped(self, url: str, body: bytes) -> None:
        """Spoil the run if a request for a swapped model goes past the gateway: both arms would get one answer."""
        calls, model = self._calls, _model_of(body)
        if calls is None or model not in calls.run.swapped:
            return
        host = urlsplit(url).hostname
        problem = (
            f"the application asked {visible(model)} at {shown_address(url)}, and the model of the arm did not answer: "
            f"{host} is not known to serve models"
        )
        hint = f'write hosts = ["{host}"] into [tool.graysplit.app]'
        calls.spoil(UsageError(problem, hint=hint, slug=Slug.GATEWAY_HOST))


def _model_of(body: bytes) -> str:
    """Return the model that a request names; empty if it names none."""
    try:
        value = read_json(body)
    except ValueError:
        return ""
    model = value.get("model") if isinstance(value, dict) else None
    return model if isinstance(model, str) else ""
