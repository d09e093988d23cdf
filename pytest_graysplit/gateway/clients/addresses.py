"""The addresses whose requests are answered by the gateway when a client in this process sends them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlsplit

from pytest_graysplit.config.address import Origin, is_loopback

# Hosts of vendors and aggregators that serve models through an API that the gateway speaks.
VENDORS = frozenset(
    {
        "ai-gateway.vercel.sh",
        "api.anthropic.com",
        "api.cerebras.ai",
        "api.cohere.ai",
        "api.cohere.com",
        "api.deepinfra.com",
        "api.deepseek.com",
        "api.fireworks.ai",
        "api.groq.com",
        "api.holysheep.ai",
        "api.hyperbolic.xyz",
        "api.mistral.ai",
        "api.moonshot.ai",
        "api.novita.ai",
        "api.openai.com",
        "api.perplexity.ai",
        "api.sambanova.ai",
        "api.studio.nebius.com",
        "api.together.ai",
        "api.together.xyz",
        "api.x.ai",
        "api.z.ai",
        "dashscope-intl.aliyuncs.com",
        "dashscope.aliyuncs.com",
        "eu.api.openai.com",
        "generativelanguage.googleapis.com",
        "integrate.api.nvidia.com",
        "models.github.ai",
        "models.inference.ai.azure.com",
        "openrouter.ai",
        "router.huggingface.co",
        "us.api.openai.com",
    }
)
# Vendors that give each customer a host of its own.
VENDOR_DOMAINS = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")

# The routes of models. The gateway has no answer to old completions and to stored responses, and says so.
_ROUTE = re.compile(r"/(chat/completions|completions|embeddings|messages|models|responses(?:/.*)?)/?$")

# Names that lead nowhere, by RFC 2606: only mocks answer them.
_RESERVED = (".test", ".example", ".invalid")
_PORTS = {"http": 80, "https": 443}


class ModelAddress(NamedTuple):
    """The address of a request to a model: the API's base address with its query, and the route below it.

    At the gateway itself the route is the whole path, because the path says for which test it is.
    """

    base_url: str
    route: str
    is_gateway: bool = False


@dataclass(frozen=True)
class KnownAddresses:
    """The places where applications ask models: vendors, the endpoints of the arms, and hosts that the user names.

    `endpoints` are addresses; their host and port count. `hosts` are names, with or without a port, or addresses, and
    `*.corp.example` stands for all hosts below a domain. `gateway` is the address of the gateway.
    """

    endpoints: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    gateway: str = ""

    def find(self, url: str) -> ModelAddress | None:
        """Return the address of a request to a model, or None for any other request."""
        if url not in self._found:
            self._found[url] = self._find(url)
        return self._found[url]

    def resembles(self, url: str) -> bool:
        """Tell whether a request to an unknown address may ask a model on another machine."""
        origin = _origin(url)
        if origin is None or origin.host == "localhost" or "." not in origin.host or origin.host.endswith(_RESERVED):
            return False
        return _ROUTE.search(urlsplit(url).path) is not None

    def _find(self, url: str) -> ModelAddress | None:
        origin = _origin(url)
        if origin is None:
            return None
        parts = urlsplit(url)
        if origin == self._gateway:
            return ModelAddress(self.gateway, parts.path, is_gateway=True)
        route = _ROUTE.search(parts.path)
        if route is None or not self._is_known(origin):
            return None
        path = parts.path[: route.start()]
        return ModelAddress(parts._replace(path=path, fragment="").geturl(), f"/{route[1]}")

    @cached_property
    def _found(self) -> dict[str, ModelAddress | None]:
        """The addresses by URL: a client looks at the same one several times for each request."""
        return {}

    @cached_property
    def _gateway(self) -> Origin | None:
        return _origin(self.gateway) if self.gateway else None

    @cached_property
    def _origins(self) -> frozenset[Origin | None]:
        named = (host for host in self.hosts if "://" in host)
        return frozenset(map(_origin, (*self.endpoints, *named)))

    @cached_property
    def _names(self) -> frozenset[str]:
        return VENDORS.union(_as_origin(host) for host in self.hosts if "://" not in host and not host.startswith("*."))

    @cached_property
    def _domains(self) -> tuple[str, ...]:
        return *VENDOR_DOMAINS, *(host.lower()[1:] for host in self.hosts if host.startswith("*."))

    def _is_known(self, origin: Origin) -> bool:
        return (
            origin.host in self._names
            or f"{origin.host}:{origin.port}" in self._names
            or origin.host.endswith(self._domains)
            or origin in self._origins
        )


def _origin(address: str) -> Origin | None:
    """Return the origin of an address, or None for a text that is not an address."""
    try:
        parts = urlsplit(address)
        return Origin(parts.scheme, _host_name(parts.hostname), parts.port or _PORTS.get(parts.scheme, 0))
    except ValueError:
        return None


def _as_origin(host: str) -> str:
    """Return a host with or without a port as an origin spells it: each name of this machine is localhost."""
    name, colon, port = host.lower().partition(":")
    is_port = port.isdecimal()
    return f"{_host_name(name)}{colon}{port}" if is_port or not colon else _host_name(host.lower().strip("[]"))


def _host_name(host: str | None) -> str:
    """Return one name for all names of this machine: applications write localhost, and options 127.0.0.1."""
    name = (host or "").removesuffix(".")
    is_local = bool(name) and is_loopback(f"http://[{name}]" if ":" in name else f"http://{name}")
    return "localhost" if is_local else name
