"""The arms of a splitter as the client sends their requests: model, parameters, system prompt, headers, endpoint."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import toml_key
from pytest_graysplit.replies.relay.headers import check_headers
from pytest_graysplit.traffic.client.headers import headers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.traffic.splitter import Split, TrafficSplitter
    from pytest_graysplit.types import Json, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveArm:
    """One arm of live traffic: `arm` with the parameters of its table and its split, but not those of the options.

    `headers` are sent beside those of the arm: the templates of the client, and the headers of the split.
    """

    arm: Arm
    headers: Mapping[str, str]

    def body(self, messages: Iterable[Message], params: Mapping[str, Json]) -> dict[str, Json]:
        """Return the body of a request: parameters of the call override those of the arm, without the unset ones."""
        sent: list[Json] = [dict(message) for message in self.arm.with_system(messages)]
        return {"model": self.arm.model, "messages": sent, **self.arm.with_params(params)}


def live_arms(splitter: TrafficSplitter, settings: Settings, templates: Mapping[str, str]) -> tuple[LiveArm, ...]:
    """Return the arms of a splitter, the control first; its models are known, as `with_arms` returns it.

    Raises UsageError for a table that is missing.
    """
    return tuple(
        LiveArm(arm=_arm(one.split, settings), headers=headers_of(templates, one)) for one in splitter.assignments
    )


def require_sendable(arms: Iterable[LiveArm]) -> None:
    """Raise UsageError for an arm that lacks an address, a key or a header, and RelayError for an invalid header."""
    for live in arms:
        arm = live.arm
        # The arguments of the client can replace the key and the address of the run, but not those of a table.
        of_the_table = arm.access.arm or (arm.unknown and arm.access.suffices)
        else_do = "take the arm out of the split" if of_the_table else "pass SplitClient(base_url=..., api_key=...)"
        arm.require_sendable(else_do, "a live request needs it")
        check_headers(arm.access, {**arm.headers, **live.headers})


def _arm(split: Split, settings: Settings) -> Arm:
    if split.table and split.table not in settings.table.arms:
        raise UsageError(
            f"the split names the arm {split.table}, and the client has no table of it",
            hint="pass SplitClient(project=...): the pyproject.toml with "
            f"[tool.graysplit.arms.{toml_key(split.table)}]",
            slug=Slug.SPLIT_ARMS,
        )
    arm = settings.arm(split.table or split.model)
    return replace(arm, params={**arm.own_params, **split.params})
