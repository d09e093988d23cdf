"""One request of the application: its arm, its messages and parameters, its deadline; and the checks of these."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import shortened

if TYPE_CHECKING:
    from pytest_graysplit.traffic.client.live_arms import LiveArm
    from pytest_graysplit.traffic.splitter import Assignment, TrafficSplitter, Unit
    from pytest_graysplit.types import Json, Message

# Arguments of other clients that are not parameters of the model, and the way to say the same here.
_ELSEWHERE = {
    "timeout": "timeout_s=20 is the deadline of this request in seconds, with all its retries and the fallback",
    "max_retries": "retries are a setting of the whole client: SplitClient(retries=...)",
    "extra_query": "write the query into the address: SplitClient(base_url=...) or base_url of the arm",
}
_CHOSEN_BY_THE_SPLIT = "leave it out, or choose the arm of this request with force=ARM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The user's wait, in seconds: `timeout_s` for a whole request, retries and fallback included.

    If the control may answer in place of a treatment, the treatment has `treatment_s` of it, and the control the rest.
    """

    timeout_s: float
    treatment_s: float

    def for_request(self, timeout_s: float | None) -> Deadlines:
        """Return the deadlines of a request that may have a `timeout_s` of its own; raise UsageError for a wrong one.

        A shorter wait leaves the control at least half of it.
        """
        if timeout_s is None:
            return self
        if not is_seconds(timeout_s):
            raise UsageError(
                f"timeout_s={timeout_s!r} is not a number of seconds above 0",
                hint="timeout_s is how long the user of this request waits, with all its retries and the fallback",
                slug=Slug.SPLIT_PARAM,
            )
        treatment_s = self.treatment_s if timeout_s >= self.timeout_s else min(self.treatment_s, timeout_s / 2)
        return Deadlines(timeout_s=timeout_s, treatment_s=treatment_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request of the application and its arm; `key` identifies the unit, None without a unit.

    `arms` are all arms of the splitter, the control first. `headers` are those of this request alone. `began_s` is the
    moment at which the user began to wait, by `time.perf_counter`.
    """

    splitter: TrafficSplitter
    assignment: Assignment
    arms: tuple[LiveArm, ...]
    key: bytes | None
    messages: tuple[Message, ...] = ()
    params: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    deadlines: Deadlines = Deadlines(timeout_s=math.inf, treatment_s=math.inf)
    began_s: float = field(default_factory=time.perf_counter)

    @property
    def arm(self) -> LiveArm:
        """The arm of the unit."""
        return self.arms[self.assignment.index]

    def waited_s(self) -> float:
        """Return the seconds that the user has waited so far."""
        return time.perf_counter() - self.began_s


class LiveSplit(NamedTuple):
    """The splitter of the next requests, and its arms; replaced as one, because other threads may ask meanwhile."""

    splitter: TrafficSplitter
    arms: tuple[LiveArm, ...]

    def call(self, unit: Unit, force: str | None, deadlines: Deadlines) -> Call:
        """Return a request of the unit, which begins now; raise UsageError for an unknown arm and an unusable unit."""
        splitter = self.splitter
        key = None if unit is None else splitter.key(unit)
        if force is not None:
            assignment = splitter.forced(force)
        else:
            assignment = splitter.assign() if key is None else splitter.assigned(key)
        return Call(splitter=splitter, assignment=assignment, arms=self.arms, key=key, deadlines=deadlines)


def is_seconds(value: object) -> bool:
    """Tell whether a value is a number of seconds above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def checked_messages(messages: object) -> tuple[Message, ...]:
    """Return the messages of a conversation; raise UsageError for anything else."""
    if isinstance(messages, list | tuple) and all(isinstance(message, Mapping) for message in messages):
        return tuple(messages)
    raise UsageError(
        f"messages contain an invalid message: {shortened(repr(messages), 60)}",
        hint='write them as [{"role": "user", "content": "..."}], the oldest first',
        slug=Slug.SPLIT_MESSAGES,
    )


def read_params(params: Mapping[str, Json], *, streams: bool) -> tuple[dict[str, Json], dict[str, str]]:
    """Return the parameters of the body and the headers of this request, from the arguments of `chat` or `stream`.

    `extra_body` and `extra_headers` have the meaning that the openai package gives them. Raises UsageError for an
    argument that would not do the thing that it is named after.
    """
    sent = dict(params)
    sent |= _mapping(sent.pop("extra_body", None), "extra_body")
    headers: dict[str, Any] = _mapping(sent.pop("extra_headers", None), "extra_headers")
    for name in ("model", "messages"):
        if name in sent:
            raise _refused(_twice(name), _CHOSEN_BY_THE_SPLIT if name == "model" else "pass them as the first argument")
    for name, hint in _ELSEWHERE.items():
        if name in sent:
            raise _refused(f"{name} is not a parameter of a model", hint)
    _check_answers(sent)
    if sent.pop("stream", streams) not in (streams, None):
        other = "chat" if streams else "stream"
        raise _refused(
            f"stream={not streams} was given to {'stream, which yields pieces' if streams else 'chat, which waits'}",
            f"call client.{other}(...): "
            + ("it returns the whole reply" if streams else "it yields the answer in pieces as they arrive"),
        )
    return sent, headers


def _mapping(value: object, name: str) -> dict[str, Json]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return dict(value)
    raise _refused(f"{name} is of the type {type(value).__name__}", f'write a mapping: {name}={{"name": "value"}}')


def _check_answers(sent: Mapping[str, Json]) -> None:
    answers = sent.get("n")
    if answers is not None and answers != 1:
        raise _refused(
            f"n={answers!r} asks for several answers, and a reply is one", "leave n out, and ask once for each answer"
        )


def _twice(name: str) -> str:
    if name == "model":
        return "the split decides the model, but model was given as a parameter"
    return "messages were given twice"


def _refused(problem: str, hint: str) -> UsageError:
    return UsageError(problem, hint=hint, slug=Slug.SPLIT_PARAM)
