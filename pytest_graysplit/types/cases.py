"""Cases, their expectations, and the literal types of settings and arms."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.formatting.json_text import Json
    from pytest_graysplit.types.replies import Message, ToolCall

RecordMode = Literal["none", "new", "all", "off"]
Gate = Literal["case", "verdict", "none"]
OnHold = Literal["pass", "fail"]
EarlyStopWhen = Literal["harm", "both"]
Role = Literal["control", "treatment"]
# The name of the control's arm; a treatment's arm is named after its model.
CONTROL = "control"
# The beginning of the text that stands for the content of a file.
REFERENCE = "attached:"
# "auto" is a threshold that the run measures: how alike the control's own answers are.
MinSimilarity: TypeAlias = "float | Literal['auto']"


# The name of the metric of a case with `json_fields`.
JSON_FIELDS = "json_fields"
FieldMode = Literal["exact", "number", "lexical", "semantic", "ignore"]


class JsonField(NamedTuple):
    """The way in which one field of JSON answers is compared; `tolerance` is the distance that numbers may have."""

    path: str
    mode: FieldMode
    tolerance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Expectations of an answer, checked on every arm alike; the arguments of `tool_calls` are a subset."""

    contains: tuple[str, ...] = ()
    icontains: tuple[str, ...] = ()
    contains_any: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    starts_with: str | None = None
    regex: tuple[str, ...] = ()
    not_regex: tuple[str, ...] = ()
    equals: str | None = None
    number: float | None = None
    tolerance: float | None = None
    choice: str | None = None
    language: str | None = None
    json: Json = None
    json_schema: Json = None
    reference: str | None = None
    min_similarity: float | None = None
    min_words: int | None = None
    max_words: int | None = None
    exact_text: bool = False
    tool_calls: tuple[ToolCall, ...] = ()
    tool_order: bool = False
    no_other_tool_calls: bool = False
    no_tool_calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One scripted message of the user in a conversation, with the expectations of the answer to it alone."""

    message: Message
    expect: Expect | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """An image, a sound or a document that a request sends.

    Everything else (recordings, reports, hooks) has the `reference` to it: its media type, its size and its hash. The
    content does not travel between processes.
    """

    reference: str
    media_type: str
    data: bytes = field(repr=False, compare=False)

    @property
    def base64(self) -> str:
        """The content in base64."""
        return b64encode(self.data).decode()

    @property
    def data_url(self) -> str:
        """The content as an address that holds it."""
        return f"data:{self.media_type};base64,{self.base64}"

    def __deepcopy__(self, memo: object) -> AttachedFile:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _without_content, (self.reference, self.media_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt under test, with all assertions about its answers.

    `turns` is the script of a conversation, in which each arm continues its own answers; `messages` then end with the
    message of the first turn, and `expect` holds for the answer to every turn. `files` are those that messages refer
    to. `where` is the line that the case came from (`support.jsonl:14`). A threshold that is None is not set.
    `min_similarity` is "auto" until the run calibrates it. Then it is a number: the measured one (`calibrated`), or
    `fallback_similarity`, a number that the user set elsewhere. With three control samples, the measured number is
    their similarity less `max_deficit`. Answers to other prompts reach `other_prompts` in 5% of pairs; it is None if
    that was not measured. Each criterion of `rubric` is judged by a model, for each answer by itself, or for all
    answers of a conversation together.
    """

    id: str
    messages: tuple[Message, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    expect: Expect | None = None
    rubric: tuple[str, ...] = ()
    min_similarity: MinSimilarity | None = None
    metric: str | None = None
    json_fields: tuple[JsonField, ...] = ()
    max_latency_s: float | None = None
    max_ttft_s: float | None = None
    max_latency_ratio: float | None = None
    max_cost_usd: float | None = None
    samples: int | None = None
    must_pass: bool = False
    tags: tuple[str, ...] = ()
    cluster: str | None = None
    turns: tuple[Turn, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    where: str = ""
    fallback_similarity: float | None = None
    calibrated: bool = False
    max_deficit: float | None = None
    other_prompts: float | None = None

    @property
    def asserts_similarity(self) -> bool:
        """Whether an answer can fail the threshold: every answer reaches 0, and the similarity of unrelated answers."""
        number = self.min_similarity
        if number is None or isinstance(number, str):
            return False
        return number > (max(0.0, self.other_prompts or 0.0) if self.calibrated else 0.0)

    @property
    def expectations(self) -> tuple[Expect, ...]:
        """The expectations of the case and those of its turns."""
        return tuple(one for one in (self.expect, *(turn.expect for turn in self.turns)) if one is not None)

    def expectations_of(self, turn: int | None) -> tuple[Expect, ...]:
        """Return the expectations of the answer to a turn, None for a single prompt."""
        of_turn = None if turn is None else self.turns[turn].expect
        return tuple(one for one in (self.expect, of_turn) if one is not None)

    @property
    def prompt(self) -> str:
        """The last message of the user, as text."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return text_of(message.get("content"))
        return text_of(self.messages[-1].get("content")) if self.messages else ""


def _without_content(reference: str, media_type: str) -> AttachedFile:
    return AttachedFile(reference=reference, media_type=media_type, data=b"")


def text_of(content: Json) -> str:
    """Return the text of a message's content, without its images and documents."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
