"""From a log of live traffic to the fields of cases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.fields import fields_of, id_of
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.traffic.case_export.redaction import Scrubber
from pytest_graysplit.traffic.case_export.sampling import Prompt, Sample, draw, key_of
from pytest_graysplit.traffic.log.records import Answered, Declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_graysplit.traffic.log.reader import Line
    from pytest_graysplit.types import Json, Message

# What tells the relay how to deliver, or whom it serves; it changes no answer.
_NOT_ASKED = frozenset({
    "model", "messages", "stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "metadata",
    "store", "service_tier", "n",
})  # fmt: skip
_TOOLS = ("tools", "functions", "response_format")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command was asked for."""

    size: int
    seed: int
    personal_data: bool = False
    params: bool = False
    forced: bool = False


@dataclass(slots=True, kw_only=True)
class Harvest:
    """The fields of every case, and what there is to tell about how they came to be.

    `left_out` counts requests by reason, `hidden` values that were taken out of the written cases by kind;
    `with_tools` are written cases whose request gave tools or a form of answer that the case does not; `models` are
    those of the split, the control's first.
    """

    rows: list[dict[str, Json]] = field(default_factory=list)
    sample: Sample = field(default_factory=lambda: Sample(prompts=(), strata=()))
    requests: int = 0
    distinct: int = 0
    repeats: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)
    with_tools: int = 0
    models: tuple[str, ...] = ()


def harvest(lines: Iterable[Line], wanted: Wanted) -> Harvest:
    """Read the requests, keep each prompt once, and draw the sample; raise UsageError for a log without texts."""
    made = Harvest()
    prompts = _distinct(lines, wanted, made)
    if not prompts and made.left_out["without texts"]:
        raise UsageError(
            f"the log holds {plural(made.requests, 'request')} and no texts: there is nothing to ask again",
            hint="cases need a log that keeps texts; it can take out personal data by its redact hook",
            slug=Slug.TRAFFIC_NO_TEXTS,
        )
    made.distinct = len(prompts)
    made.repeats = sum(prompt.asked for prompt in prompts.values()) - len(prompts)
    made.sample = draw(tuple(prompts.values()), wanted.size, wanted.seed)
    for prompt in made.sample.prompts:
        made.rows.append(_case(prompt, wanted, made))
    return made


def _distinct(lines: Iterable[Line], wanted: Wanted, made: Harvest) -> dict[str, Prompt]:
    prompts: dict[str, Prompt] = {}
    # Most of what is asked twice is asked in the same words: such a request costs one lookup.
    seen: dict[str, Prompt] = {}
    for _, record in lines:
        if isinstance(record, Declared):
            made.models = tuple(arm.model for arm in record.arms)
        if not isinstance(record, Answered):
            continue
        made.requests += 1
        if reason := _unusable(record, wanted):
            made.left_out[reason] += 1
            continue
        messages = record.messages or ()
        raw = key_of(messages)
        prompt = seen.get(raw)
        if prompt is None:
            fields = _fields(messages, Scrubber(), wanted)
            if problem := _refused(fields):
                made.left_out[problem] += 1
                continue
            key = key_of([fields])
            prompt = seen[raw] = prompts.setdefault(
                key, Prompt(key=key, messages=messages, params=record.params or {}, unit=record.unit)
            )
        prompt.outcomes[record.arm, record.outcome] += 1
    return prompts


def _unusable(record: Answered, wanted: Wanted) -> str:
    if record.forced and not wanted.forced:
        return "routed by force"
    if record.messages is None:
        return "without texts"
    if not any(_says_something(message.get("content")) for message in record.messages):
        return "without a word in them"
    if not wanted.personal_data and any(_beside_text(message.get("content")) for message in record.messages):
        return "with images or files, in which personal data cannot be found"
    return ""


def _says_something(content: object) -> bool:
    return bool(content.strip() if isinstance(content, str) else content)


def _beside_text(content: object) -> bool:
    return isinstance(content, list | tuple) and any(
        isinstance(part, dict) and part.get("type") not in ("text", "refusal") for part in content
    )


def _refused(fields: Mapping[str, Json]) -> str:
    try:
        build_case(fields, where="")
    except UsageError as error:
        return f"that no case can hold ({error.problem.removeprefix(': ')})"
    return ""


def _case(prompt: Prompt, wanted: Wanted, made: Harvest) -> dict[str, Json]:
    scrubber = Scrubber()
    asked = _fields(prompt.messages, scrubber, wanted)
    case = build_case(asked, where="")
    fields: dict[str, Json] = {"id": id_of(case.messages), **asked}
    params: dict[str, Json] = {
        name: value for name, value in prompt.params.items() if name not in _NOT_ASKED and value is not None
    }
    if wanted.params and params:
        fields["params"] = dict(params) if wanted.personal_data else scrubber.table(params)
    made.with_tools += not wanted.params and any(params.get(name) for name in _TOOLS)
    troubles = [f"was-{outcome}" for outcome in prompt.troubles]
    repeated = ["repeated"] if prompt.asked > 1 else []
    fields["tags"] = ["traffic", *troubles, *repeated]
    if prompt.unit:
        fields["cluster"] = prompt.unit[:12]
    made.hidden.update(scrubber.found)
    return fields


def _fields(messages: Sequence[Message], scrubber: Scrubber, wanted: Wanted) -> dict[str, Json]:
    return fields_of(messages if wanted.personal_data else [scrubber.message(message) for message in messages])
