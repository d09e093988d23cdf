"""Cases, their expectations, and the literal types of settings and arms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

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
# "auto" is a threshold that the run measures: how alike the control's own answers are.
MinSimilarity: TypeAlias = "float | Literal['auto']"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """Expectations of an answer, checked on every arm alike; the arguments of `tool_calls` are a subset."""

    contains: tuple[str, ...] = ()
    not_contains: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    equals: str | None = None
    json: Json = None
    json_schema: Json = None
    reference: str | None = None
    min_similarity: float | None = None
    max_words: int | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_order: bool = False
    no_other_tool_calls: bool = False
    no_tool_calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt under test, with all assertions about its answers.

    `where` is the line that the case came from (`support.jsonl:14`). A threshold that is None is not set.
    `min_similarity` is "auto" until the run calibrates it. Then it is a number: the measured one (`calibrated`), or
    `fallback_similarity`, a number that the user set elsewhere. With three control samples, the measured number is
    their similarity less `max_deficit`. Answers to other prompts reach `other_prompts` in 5% of pairs; it is None if
    that was not measured. Each criterion of `rubric` is judged by a model, for each answer by itself.
    """

    id: str
    messages: tuple[Message, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    expect: Expect | None = None
    rubric: tuple[str, ...] = ()
    min_similarity: MinSimilarity | None = None
    metric: str | None = None
    max_latency_s: float | None = None
    max_latency_ratio: float | None = None
    max_cost_usd: float | None = None
    samples: int | None = None
    must_pass: bool = False
    tags: tuple[str, ...] = ()
    cluster: str | None = None
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
    def prompt(self) -> str:
        """The last message of the user, as text."""
        for message in reversed(self.messages):
            if message.get("role") == "user":
                return _text_of(message.get("content"))
        return _text_of(self.messages[-1].get("content")) if self.messages else ""


def _text_of(content: Json) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
