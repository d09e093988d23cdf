"""The values of one request to the gateway: the run that it belongs to, and the request as the application made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.types import Case, Route, Secret

# The routes of model calls, as clients append them to their base URL.
ROUTES: Mapping[str, Route] = {
    "/chat/completions": "chat",
    "/embeddings": "embeddings",
    "/responses": "responses",
    "/messages": "messages",
}
MODELS = "/models"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRun:
    """One arm's run of one test, with the names that are replaced and the place of its replies.

    `case.id` is the node id without arm and sample. `arm` is "control" or the name of a treatment, and `config` its
    configuration. `swapped` are the names of models that are replaced by that of the arm. After `max_calls` requests
    the application is taken to loop.
    """

    nodeid: str
    case: Case
    arm: str
    config: Arm
    sample: int
    recording_path: Path
    swapped: frozenset[str]
    max_calls: int


class Upstream(NamedTuple):
    """The address that a request would have gone to, and the key that it would have had; None for no key."""

    base_url: str
    key: Secret | None = None


class IncomingCall(NamedTuple):
    """A request of an application: `path` is that below the base URL of its client, and header names are lower case.

    `upstream` is None if the address of the request was that of the gateway, as the environment says.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    upstream: Upstream | None = None

    @property
    def route(self) -> Route | None:
        """The route of a model call; None for any other request."""
        return ROUTES.get(self.path.partition("?")[0]) if self.method == "POST" else None
