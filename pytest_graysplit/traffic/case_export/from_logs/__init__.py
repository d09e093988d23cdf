"""Cases from logs of other tools, with the logged answers of the control, which a run need not pay for again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases import build_case
from pytest_graysplit.cases.fields import fields_of, id_of
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.formatting.display import listed
from pytest_graysplit.replies.recordings.jsonl import encode
from pytest_graysplit.traffic.case_export.from_logs.calls import FORMATS, ReadCounts, Tally, calls_of
from pytest_graysplit.traffic.case_export.from_logs.recorded import lines_of, reply_of, texts_of
from pytest_graysplit.traffic.case_export.redaction import PiiRedactor
from pytest_graysplit.traffic.case_export.sampling import Prompt, draw, properties_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_graysplit.traffic.case_export.from_logs.call import LoggedCall
    from pytest_graysplit.types import Json, Reply

_NO_ANSWER = "without an answer that can be read"
_REDACTED = "with personal data, which was redacted in the case"
_FILES = "with images or files, in which personal data cannot be found"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """The options of `graysplit cases import` for logs; `control` is the model whose answers are recorded."""

    size: int
    seed: int
    control: str = ""
    format: str = ""
    personal_data: bool = False


@dataclass(slots=True, kw_only=True)
class LogImport:
    """The fields of all cases, the lines of their recordings, and the counts for the report.

    `models` has the calls of each model. `unrecorded` counts cases without a recording by reason, `unknown_params` the
    recorded ones whose parameters the log does not tell. `hidden` counts redacted values by kind.
    """

    rows: list[dict[str, Json]] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    counts: ReadCounts = field(default_factory=ReadCounts)
    models: Counter[str] = field(default_factory=Counter)
    control: str = ""
    repeats: int = 0
    distinct: int = 0
    recorded: int = 0
    unknown_params: int = 0
    unrecorded: dict[str, Tally] = field(default_factory=dict)
    hidden: Counter[str] = field(default_factory=Counter)


def import_logs(paths: Sequence[Path], options: LogOptions) -> LogImport:
    """Read the calls, choose the control, keep each prompt once, and draw the sample.

    The files are read twice: first without keeping the texts, then for the texts of the sample alone.
    """
    made = LogImport()
    found: dict[str, dict[bytes, Prompt]] = {}
    for call in calls_of(paths, options.format, made.counts):
        if reason := _unusable(call, options):
            made.counts.leave_out(reason, call.where)
            continue
        made.models[call.model] += 1
        _count(found.setdefault(call.model, {}), call)
    made.control = _control(made.models, options)
    for model, prompts in found.items():
        if model not in ("", made.control):
            number, first = made.models[model], next(iter(prompts.values())).where
            made.counts.left_out[f"of another model ({model})"] = Tally(number, first)
    prompts = {**found.get("", {}), **found.get(made.control, {})}
    made.distinct = len(prompts)
    made.repeats = sum(prompt.asked for prompt in prompts.values()) - len(prompts)
    wanted = {prompt.where for prompt in draw(tuple(prompts.values()), options.size, options.seed).prompts}
    taken: set[str] = set()
    for call in calls_of(paths, options.format, ReadCounts()):
        if call.where in wanted:
            _add(made, call, options, taken)
    return made


def _count(prompts: dict[bytes, Prompt], call: LoggedCall) -> None:
    reply = reply_of(call)
    kind = (call.model, reply.outcome if reply else "error")
    key = blake2b(encode(call.messages), digest_size=16).digest()
    prompt = prompts.get(key)
    if prompt is None:
        prompt = prompts[key] = Prompt(key, call.where, properties_of(call.messages), kind)
    elif reply is not None and prompt.kind[1] == "error":
        # The first call with an answer stands for the prompt.
        prompt.where, prompt.kind, prompt.others = call.where, kind, Counter({prompt.kind: prompt.count})
        prompt.count = 0
    prompt.add(kind)


def _control(models: Counter[str], options: LogOptions) -> str:
    named = Counter({model: count for model, count in models.items() if model})
    if options.control:
        if named and options.control not in named and "" not in models:
            raise UsageError(
                f"no answer of {options.control} is in the log",
                hint=f"models in it: {listed(sorted(named))}",
                slug=Slug.CASE_LOG_MODEL,
            )
        return options.control
    if models and not named:
        raise UsageError(
            "the log does not say which model answered",
            hint="name it as your relay does: --control MODEL",
            slug=Slug.CASE_LOG_MODEL,
        )
    return named.most_common(1)[0][0] if named else ""


def _unusable(call: LoggedCall, options: LogOptions) -> str:
    """Return the reason why a call cannot become a case, empty if it can."""
    if not options.personal_data and any(_beside_text(message.get("content")) for message in call.messages):
        return _FILES
    try:
        build_case(_fields(call, PiiRedactor() if not options.personal_data else None), where="")
    except UsageError as error:
        return f"that cannot be written as a case ({error.problem.removeprefix(': ')})"
    return ""


def _beside_text(content: object) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type", "text") not in ("text", "refusal") for part in content
    )


def _fields(call: LoggedCall, redactor: PiiRedactor | None) -> dict[str, Any]:
    messages: Sequence[Mapping[str, Any]] = call.messages
    params: Mapping[str, Any] = call.params or {}
    if redactor is not None:
        messages, params = [redactor.message(message) for message in messages], redactor.table(params)
    return {**fields_of(messages), **({"params": dict(params)} if params else {})}


def _add(made: LogImport, call: LoggedCall, options: LogOptions, taken: set[str]) -> None:
    """Add the case of a call, and the recording of its answer."""
    redactor = None if options.personal_data else PiiRedactor()
    fields = _fields(call, redactor)
    name = id_of(build_case(fields, where="").messages)
    if name in taken:  # two prompts that differ in personal data alone
        made.repeats += 1
        made.distinct -= 1
        return
    taken.add(name)
    row: dict[str, Json] = {"id": name, **fields}
    made.rows.append(row)
    reply = reply_of(call)
    if reply is not None and call.model != made.control:
        reply = replace(reply, model=made.control)
    if reason := _not_recorded(reply, redactor):
        known = made.unrecorded.get(reason, Tally(0, call.where))
        made.unrecorded[reason] = Tally(known.number + 1, known.first)
    elif reply is not None:
        made.recorded += 1
        made.unknown_params += reply.params_unknown
        made.lines += lines_of(build_case(row, where=""), reply)
    if redactor is not None:
        made.hidden.update(redactor.found)


def _not_recorded(reply: Reply | None, redactor: PiiRedactor | None) -> str:
    """Return the reason why an answer is not recorded: it is missing, or the case asks something else than the log."""
    if reply is None:
        return _NO_ANSWER
    if redactor is None:
        return ""
    if redactor.found:
        return _REDACTED
    for text in texts_of(reply):
        redactor.table({"text": text})
    return "with personal data in the answer" if redactor.found else ""


__all__ = ["FORMATS", "LogImport", "LogOptions", "import_logs"]
