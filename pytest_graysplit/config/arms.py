"""Arms: a model with its endpoint, parameters, system prompt, headers and price."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.config.credentials import Access
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import cut, toml_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from decimal import Decimal
    from typing import Self

    from pytest_graysplit.types import Json, Message, Reply

# Roles of messages that instruct the model, by vendor.
SYSTEM_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One configuration under test; a plain arm is a model with nothing else set, and has the name of its model.

    `params` are all parameters of its requests before those of the case, and `own_params` the ones that the options do
    not give. `unset` names the parameters that no request of the arm has. `system` replaces the system message of every
    case, and `source` says where it was read from. `headers` are sent beside those of every request; `unknown` has the
    names of its headers whose environment variables are not set, with these variables. `price` is in US dollars per
    million tokens, and None if the price of the model counts. `has_own_endpoint` is true if the arm's table decides
    where its requests go, and `has_own_headers` if it adds headers; then `endpoint_hash` identifies these settings.
    `is_configured` is true if there is a table. `metric` names the metric that asks it; `own_params` are then those of
    the metric's section.
    """

    name: str
    model: str
    params: Mapping[str, Json] = field(default_factory=dict)
    own_params: Mapping[str, Json] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    system: str | None = None
    source: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    unknown: Mapping[str, str] = field(default_factory=dict)
    price: Mapping[str, Decimal] | None = None
    access: Access = field(default_factory=Access)
    has_own_endpoint: bool = False
    has_own_headers: bool = False
    is_configured: bool = False
    metric: str = ""
    endpoint_hash: str = ""

    @classmethod
    def plain(cls, model: str, access: Access | None = None) -> Self:
        """Return the arm of a model with nothing else set."""
        return cls(name=model, model=model, access=access or Access())

    def is_elsewhere(self, reply: Reply) -> bool:
        """Tell whether a reply was recorded before the arm's table got another address or other headers."""
        return reply.replayed and reply.endpoint_hash != (self.endpoint_hash or None)

    @property
    def recorded_as(self) -> str:
        """The name of the arm in recording keys: empty where model and request identify a reply."""
        return self.name if self.has_own_endpoint or self.has_own_headers else ""

    @property
    def asks_as(self) -> str:
        """The sender of its requests: one model may be asked by an arm and by metrics, with other parameters."""
        return f"{self.name}, {self.metric}" if self.metric else self.name

    @property
    def priced_as(self) -> str:
        """The name under which the price table has the arm's price."""
        return self.model if self.price is None else f"arm {self.name}"

    def is_same_as(self, other: Arm) -> bool:
        """Tell whether two arms have equal configurations, so that a comparison of them is an A/A run."""
        return self._configuration() == other._configuration()

    def _configuration(self) -> tuple[object, ...]:
        given = {**self.headers, **{name: f"${variable}" for name, variable in self.unknown.items()}}
        headers = {name.lower(): value for name, value in given.items()}
        params = {name: value for name, value in self.params.items() if name not in self.unset}
        return self.model, self.access.base_url, params, set(self.unset), self.system, headers

    def with_system(self, messages: Iterable[Message]) -> list[Message]:
        """Return the messages of a case as this arm sends them: its own system prompt replaces the first ones."""
        sent = list(messages)
        if self.system is None:
            return sent
        begin = next((at for at, message in enumerate(sent) if message.get("role") not in SYSTEM_ROLES), len(sent))
        role = sent[0]["role"] if begin else SYSTEM_ROLES[0]
        return [{"role": role, "content": self.system}, *sent[begin:]]

    def with_params(self, params: Mapping[str, Json]) -> dict[str, Json]:
        """Return all parameters of a request: those of the arm, then those of the case, without the unset ones."""
        return {name: value for name, value in {**self.params, **params}.items() if name not in self.unset}

    def require_sendable(self, else_do: str, need: str = "replies must be fetched") -> None:
        """Raise UsageError if the arm has no endpoint, no key for it, or a header whose variable is not set."""
        self.access.require(need, else_do)
        for header, variable in self.unknown.items():
            raise UsageError(
                f"arm {self.name}: the header {header} needs {variable}, which is not set in the environment",
                hint=f"export {variable}, or remove the header from [tool.graysplit.arms.{toml_key(self.name)}], "
                f"or {else_do}",
                slug=Slug.TOOL_GRAYSPLIT,
            )

    def described(self) -> str:
        """Describe the arm in one line, without secrets; the name of the model alone for a plain arm.

        >>> Arm(name="low", model="gpt-4.1", own_params={"seed": 1}, unset=("top_p",)).described()
        'gpt-4.1, seed 1, without top_p'
        """
        return ", ".join([self.model, *self._additions()])

    def _additions(self) -> Iterator[str]:
        if self.has_own_endpoint:
            yield f"at {self.access.shown}"
        yield from (f"{name} {_short(value)}" for name, value in self.own_params.items() if name not in self.unset)
        if self.unset:
            yield f"without {' and '.join(self.unset)}"
        if self.system is not None:
            yield f"system prompt {self.source or _short(self.system)}"
        if self.has_own_headers:
            yield f"header{'s' if len(self.headers) + len(self.unknown) > 1 else ''} " + " and ".join(
                [*self.headers, *self.unknown]
            )
        if self.price is not None:
            yield f"price {self.price['input']:f} in, {self.price['output']:f} out"


def _short(value: Json) -> str:
    return cut(json.dumps(value, ensure_ascii=False), 40, "...")
