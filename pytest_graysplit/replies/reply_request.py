"""Requests for replies, and the order in which they are sent."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.config.policy import SEED
from pytest_graysplit.types import ReplyKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.types import AttachedFile, ByteListener, Json, Message, Route

# The place of a reply in the recordings.
Address = tuple[Path, ReplyKey]


class ReplyRequest(NamedTuple):
    """One reply that a test needs: of which arm and model, to which request, in which recording file.

    `arm` is "control" or the name of a treatment, and `config` its configuration. `body` is the request as the user
    wrote it, without the model; sample n adds n to its seed when it is sent. `metric` names the metric that asks, where
    no arm does: a judge, or one that compares vectors. `turn` is the turn of a conversation, from 0, and `following`
    are the messages of the user in its later turns. `files` are those that messages refer to.

    A request of an application (`keeps_answer`) keeps its answer as the server sends it; `sent_body` is then the body
    that is sent, where the recorded one is normalised. `headers` are sent with it, and `listener` hears its streamed
    answer. `passes` marks a request for another model than those under test: a failure of its endpoint ends nothing
    else.
    """

    arm: str
    config: Arm
    key: ReplyKey
    recording_path: Path
    body: Mapping[str, Json]
    route: Route = "chat"
    metric: str = ""
    turn: int | None = None
    following: tuple[Message, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    keeps_answer: bool = False
    passes: bool = False
    sent_body: Mapping[str, Json] | None = None
    headers: Mapping[str, str] = {}
    listener: ByteListener | None = None

    @property
    def role(self) -> str:
        """The origin of the request in messages: control, treatment, or the metric."""
        return self.metric or (self.arm if self.arm == "control" else "treatment")

    @property
    def recording_key(self) -> Address:
        """The place of the reply in the recordings."""
        return self.recording_path, self.key

    def full_body(self) -> dict[str, Json]:
        """Return the body that is sent."""
        body = {"model": self.key.model, **(self.body if self.sent_body is None else self.sent_body)}
        if self.files and isinstance(messages := body.get("messages"), list):
            body["messages"] = with_contents(messages, self.files)
        seed = body.get("seed")
        if isinstance(seed, int) and not isinstance(seed, bool) and not self.keeps_answer:
            body["seed"] = seed + self.key.sample
        return body


def shuffled(groups: Iterable[Sequence[ReplyRequest]], random: Random | None = None) -> list[ReplyRequest]:
    """Put cases in a random order, and the arms of each case next to each other in a random order too.

    Random, so that neither arm meets a less busy relay; seeded, so that the order can be repeated.
    """
    rng = random or Random(SEED)
    ordered = [list(group) for group in groups]
    rng.shuffle(ordered)
    for group in ordered:
        rng.shuffle(group)
    return [request for group in ordered for request in group]


def with_contents(messages: Sequence[Json], files: Sequence[AttachedFile]) -> list[Json]:
    """Return messages as they are sent: with the content of each file instead of its reference."""
    by_reference = {file.reference: file for file in files}
    return [_filled(message, by_reference) for message in messages]


def _filled(value: Json, files: Mapping[str, AttachedFile], *, is_plain: bool = False) -> Json:
    if isinstance(value, str):
        file = files.get(value)
        return value if file is None else file.base64 if is_plain else file.data_url
    if isinstance(value, dict):
        # The protocol has sounds without a media type in front.
        return {name: _filled(part, files, is_plain=name == "input_audio" or is_plain) for name, part in value.items()}
    return [_filled(part, files) for part in value] if isinstance(value, list) else value
