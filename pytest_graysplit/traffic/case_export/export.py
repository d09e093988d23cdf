"""Export cases from a log of live traffic."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.fields import fields_of, id_of
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import plural
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.traffic.case_export.redaction import PiiRedactor, is_suspect
from pytest_graysplit.traffic.case_export.sampling import Prompt, Sample, draw, key_of, properties_of
from pytest_graysplit.traffic.log.records import RequestRecord, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_graysplit.traffic.case_export.sampling import Kind
    from pytest_graysplit.traffic.log.reader import Line, OpenedLogs
    from pytest_graysplit.types import Json, Message

# These parameters control delivery or identify the user; they do not change the reply.
NOT_ASKED = frozenset({
    "model", "messages", "stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "metadata",
    "store", "service_tier", "n",
})  # fmt: skip
# The fields of a message that holds a text and nothing else.
_PLAIN = {"role", "content"}
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


def export_cases(logs: OpenedLogs, options: ExportOptions) -> CaseExport:
    """Read the requests, keep each prompt once, and draw the sample; raise UsageError for a log without texts.

    The logs are read twice: first without keeping the texts, then for the texts of the sample alone.
    """
    export = CaseExport()
    prompts = _DistinctPrompts(options, export)
    for line in logs.lines():
        prompts.add(line)
    found = prompts.found
    if not found and export.left_out["without texts"]:
        raise UsageError(
            f"the log holds {plural(export.requests, 'request')} and no texts, so no case can be made",
            hint="cases need a log with texts; the redact hook of the log can remove personal data",
            slug=Slug.TRAFFIC_NO_TEXTS,
        )
    export.distinct = len(found)
    export.repeats = sum(prompt.asked for prompt in found.values()) - len(found)
    export.sample = draw(tuple(found.values()), options.size, options.seed)
    records = dict(logs.again({prompt.where for prompt in export.sample.prompts}))
    for prompt in export.sample.prompts:
        record = records.get(prompt.where)
        if isinstance(record, RequestRecord):
            export.rows.append(_case(prompt, record, options, export))
    return export


class _DistinctPrompts:
    """The prompts of a log, each once; `found` has them in the order of their first requests."""

    def __init__(self, options: ExportOptions, export: CaseExport) -> None:
        self.found: dict[bytes, Prompt] = {}
        self._options = options
        self._export = export
        self._kinds: dict[Kind, Kind] = {}
        # Most repeated prompts are identical, so they cost one lookup. Those that differ in digits or case alone are
        # found before personal data is looked for, which takes longer.
        self._identical: dict[bytes, Prompt] = {}
        self._alike: dict[bytes, Prompt] = {}

    def add(self, line: Line) -> None:
        where, record = line
        if isinstance(record, SplitRecord):
            self._export.models = tuple(arm.table or arm.model for arm in record.arms)
        if not isinstance(record, RequestRecord):
            return
        self._export.requests += 1
        if reason := _unusable(record, self._options):
            self._export.left_out[reason] += 1
            return
        kind = self._kinds.setdefault((record.arm, record.outcome), (record.arm, record.outcome))
        messages = record.messages or ()
        identity = blake2b(encode(messages), digest_size=16).digest()
        prompt = self._identical.get(identity) or self._prompt_of(messages, where, kind)
        if prompt is not None:
            self._identical[identity] = prompt
            prompt.add(kind)

    def _prompt_of(self, messages: Sequence[Message], where: str, kind: Kind) -> Prompt | None:
        """Return the prompt with these words; None if it cannot be written as a case."""
        has_suspects = not self._options.personal_data and any(map(_is_suspect, messages))
        raw = key_of(messages) if has_suspects else b""
        if prompt := self._alike.get(raw):
            return prompt
        fields = _fields(messages, PiiRedactor(), self._options) if has_suspects else fields_of(messages)
        if problem := _refused(fields):
            self._export.left_out[problem] += 1
            return None
        key = key_of([fields])
        prompt = self.found.get(key)
        if prompt is None:
            prompt = self.found[key] = Prompt(key, where, properties_of(messages), kind)
        if raw:
            self._alike[raw] = prompt
        return prompt


def _is_suspect(message: Message) -> bool:
    """Tell whether a message may be changed by the redaction."""
    content = message.get("content")
    return message.keys() != _PLAIN or not isinstance(content, str) or is_suspect(content)


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
    if "messages" not in fields and all(isinstance(text, str) and text.isascii() for text in fields.values()):
        return ""  # a prompt with text in it is always a case
    try:
        build_case(fields, where="")
    except UsageError as error:
        return f"that cannot be written as a case ({error.problem.removeprefix(': ')})"
    return ""


def _case(prompt: Prompt, record: RequestRecord, options: ExportOptions, export: CaseExport) -> dict[str, Json]:
    redactor = PiiRedactor()
    case_fields = _fields(record.messages or (), redactor, options)
    case = build_case(case_fields, where="")
    fields: dict[str, Json] = {"id": id_of(case.messages), **case_fields}
    params: dict[str, Json] = {
        name: value for name, value in (record.params or {}).items() if name not in NOT_ASKED and value is not None
    }
    if options.params and params:
        fields["params"] = dict(params) if options.personal_data else redactor.table(params)
    export.with_tools += not options.params and any(params.get(name) for name in _TOOLS)
    failures = [f"was-{outcome}" for outcome in prompt.failures]
    repeated = ["repeated"] if prompt.asked > 1 else []
    fields["tags"] = ["traffic", *failures, *repeated]
    if record.unit:
        fields["cluster"] = record.unit[:12]
    export.hidden.update(redactor.found)
    return fields


def _fields(messages: Sequence[Message], redactor: PiiRedactor, options: ExportOptions) -> dict[str, Json]:
    return fields_of(messages if options.personal_data else [redactor.message(message) for message in messages])
