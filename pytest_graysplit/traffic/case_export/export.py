"""Export cases from a log of live traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.fields import fields_of, id_of
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.traffic.case_export.redaction import PiiRedactor
from pytest_graysplit.traffic.case_export.sampling import Prompt, Sample, draw, key_of
from pytest_graysplit.traffic.log.records import RequestRecord, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_graysplit.traffic.log.reader import Line
    from pytest_graysplit.types import Json, Message

# These parameters control delivery or identify the user; they do not change the reply.
_NOT_ASKED = frozenset({
    "model", "messages", "stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "metadata",
    "store", "service_tier", "n",
})  # fmt: skip
_TOOLS = ("tools", "functions", "response_format")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """The options of `graysplit cases from-traffic`."""

    size: int
    seed: int
    personal_data: bool = False
    params: bool = False
    forced: bool = False


@dataclass(slots=True, kw_only=True)
class CaseExport:
    """The fields of all exported cases, and the counts for the report.

    `left_out` counts requests by reason, `hidden` the redacted values of the exported cases by kind. `with_tools`
    counts cases whose request had tools or a response format that the case lacks. `models` are those of the split,
    or the names of its configured arms, the control first.
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


def export_cases(lines: Iterable[Line], options: ExportOptions) -> CaseExport:
    """Read the requests, keep each prompt once, and draw the sample; raise UsageError for a log without texts."""
    export = CaseExport()
    prompts = _distinct(lines, options, export)
    if not prompts and export.left_out["without texts"]:
        raise UsageError(
            f"the log holds {plural(export.requests, 'request')} and no texts, so no case can be made",
            hint="cases need a log with texts; the redact hook of the log can remove personal data",
            slug=Slug.TRAFFIC_NO_TEXTS,
        )
    export.distinct = len(prompts)
    export.repeats = sum(prompt.asked for prompt in prompts.values()) - len(prompts)
    export.sample = draw(tuple(prompts.values()), options.size, options.seed)
    for prompt in export.sample.prompts:
        export.rows.append(_case(prompt, options, export))
    return export


def _distinct(lines: Iterable[Line], options: ExportOptions, export: CaseExport) -> dict[str, Prompt]:
    prompts: dict[str, Prompt] = {}
    # Most repeated prompts are identical, so they cost one lookup.
    seen: dict[str, Prompt] = {}
    for _, record in lines:
        if isinstance(record, SplitRecord):
            export.models = tuple(arm.table or arm.model for arm in record.arms)
        if not isinstance(record, RequestRecord):
            continue
        export.requests += 1
        if reason := _unusable(record, options):
            export.left_out[reason] += 1
            continue
        messages = record.messages or ()
        raw = key_of(messages)
        prompt = seen.get(raw)
        if prompt is None:
            fields = _fields(messages, PiiRedactor(), options)
            if problem := _refused(fields):
                export.left_out[problem] += 1
                continue
            key = key_of([fields])
            prompt = seen[raw] = prompts.setdefault(
                key, Prompt(key=key, messages=messages, params=record.params or {}, unit=record.unit)
            )
        prompt.outcomes[record.arm, record.outcome] += 1
    return prompts


def _unusable(record: RequestRecord, options: ExportOptions) -> str:
    if record.forced and not options.forced:
        return "routed by force"
    if record.messages is None:
        return "without texts"
    if not any(_says_something(message.get("content")) for message in record.messages):
        return "without a word in them"
    if not options.personal_data and any(_beside_text(message.get("content")) for message in record.messages):
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
        return f"that cannot be written as a case ({error.problem.removeprefix(': ')})"
    return ""


def _case(prompt: Prompt, options: ExportOptions, export: CaseExport) -> dict[str, Json]:
    redactor = PiiRedactor()
    case_fields = _fields(prompt.messages, redactor, options)
    case = build_case(case_fields, where="")
    fields: dict[str, Json] = {"id": id_of(case.messages), **case_fields}
    params: dict[str, Json] = {
        name: value for name, value in prompt.params.items() if name not in _NOT_ASKED and value is not None
    }
    if options.params and params:
        fields["params"] = dict(params) if options.personal_data else redactor.table(params)
    export.with_tools += not options.params and any(params.get(name) for name in _TOOLS)
    failures = [f"was-{outcome}" for outcome in prompt.failures]
    repeated = ["repeated"] if prompt.asked > 1 else []
    fields["tags"] = ["traffic", *failures, *repeated]
    if prompt.unit:
        fields["cluster"] = prompt.unit[:12]
    export.hidden.update(redactor.found)
    return fields


def _fields(messages: Sequence[Message], redactor: PiiRedactor, options: ExportOptions) -> dict[str, Json]:
    return fields_of(messages if options.personal_data else [redactor.message(message) for message in messages])
