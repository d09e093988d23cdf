"""One tolerant reader for the errors of relays, whatever shape they come in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.relay.retry import KEY_STATUSES, meant_status
from pytest_graysplit.relay.stream import read_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from decimal import Decimal

    from pytest_graysplit.types import Json, Redactor, Usage

LONGEST_MESSAGE = 300
FILTER_CODES = frozenset(
    {
        "content_filter",
        "content_filter_error",
        "content_policy_violation",
        "data_inspection_failed",
        "moderation_blocked",
        "responsibleaipolicyviolation",
    }
)
# What the sender did wrong stays wrong when it is sent again; anything else may end otherwise in a later run.
LASTING_STATUSES = frozenset({400, 413, 422})

_REFUSES = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|not permitted|not allowed|deprecated|extra inputs|only .*allowed",
    re.IGNORECASE,
)
_PARAM_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
_KEYLIKE = re.compile(r"\b(?:sk|pk|hs|cr|gsk|xai|key)[-_][\w*.-]{6,}|(?<=Bearer )[^\s),;]+")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


class Answer(NamedTuple):
    """What came over the wire, unread; `ttft_s` is known for streams."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ttft_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why an attempt gave no reply: a sentence, its heading in docs/messages.md, and the status that it means.

    `status` is None when no whole answer came at all; `filtered` marks a request that a content filter stopped,
    `unsent` one that never left this machine. `usage` and the cost are there where an answer without use was billed.
    """

    problem: str
    slug: str
    status: int | None = None
    filtered: bool = False
    unsent: bool = False
    usage: Usage | None = None
    reported_cost_usd: Decimal | None = None

    @property
    def kind(self) -> str:
        """What it is counted as: its heading, or the status where a heading stands for many."""
        return f"http-{self.status}" if self.slug == "relay-http-error" and self.status else self.slug

    @property
    def retryable(self) -> bool:
        """Whether a later run may fare better; such a fault is never recorded."""
        return not self.filtered and self.status not in LASTING_STATUSES


class ErrorBody(NamedTuple):
    """The relay's own words about an error: its message, the codes and types it gave, the parameter it names."""

    message: str
    codes: tuple[str, ...] = ()
    param: str = ""


def fault_of(answer: Answer, *, sent: Collection[str], redact: Redactor, inside: Json = None) -> Fault:
    """Turn an answer that is an error into its cause; `sent` are the names of the request's parameters.

    `inside` is the part of the answer that holds the error, where it has been parsed and found already.
    """
    error = _read(inside) if inside else read_error(answer.body)
    message = shorten(redact(error.message))
    status = meant_status(answer.status, error.codes)
    problem = f"the relay answered {answer.status}" + (f": {message}" if message else "")
    if status in {400, 403} and not FILTER_CODES.isdisjoint(error.codes):
        return Fault(problem=problem, slug="content-filtered", status=status, filtered=True)
    if param := _refused_param(status, error, sent):
        return Fault(problem=f"{problem} ({_advice(param)})", slug="param-refused", status=status)
    if status == 404:
        problem += " (the base URL usually ends in /v1)"
    if 300 <= answer.status < 400:
        problem = f"the relay redirects to {redact(answer.headers.get('location', 'another address'))}"
    return Fault(problem=problem, slug=_slug(status), status=status)


def not_json(answer: Answer, redact: Redactor) -> Fault:
    """Return the fault of an answer that was to be JSON and is a web page, nothing, or anything else."""
    seen = shorten(redact(read_error(answer.body[:2000]).message))
    what = seen if seen.startswith("a web page") else f"{seen[:60]!r}" if seen else "nothing"
    return Fault(
        problem=f"the answer is not JSON but {what} (the base URL usually ends in /v1)",
        slug="relay-not-json",
        status=answer.status,
    )


def read_error(body: bytes) -> ErrorBody:
    """Find the message, codes and parameter in an error of any known shape; plain text and HTML are messages too."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return _read(read_json(text))
    except (ValueError, RecursionError):
        return ErrorBody(_plain(text))


def is_error(payload: Mapping[str, Json]) -> bool:
    """Tell whether a parsed answer is an error, also one that came with status 200."""
    return bool(payload.get("error")) or payload.get("object") == "error" or payload.get("type") == "error"


def shorten(text: str) -> str:
    """Return the text on one line, and cut where nobody would read on."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[: LONGEST_MESSAGE - 3]}..."


def redactor(secrets: Collection[str]) -> Redactor:
    """Return a function that takes these secrets out of a text, and whatever else in it looks like a key."""
    longest_first = sorted(secrets, key=len, reverse=True)

    def redact(text: str, /) -> str:
        for secret in longest_first:
            text = text.replace(secret, "***")
        return _KEYLIKE.sub("***", text)

    return redact


def _read(value: Json) -> ErrorBody:
    if isinstance(value, str):
        return _read_text(value)
    if isinstance(value, list):
        return _read(value[0]) if value else ErrorBody("")
    if not isinstance(value, dict):
        return ErrorBody("")
    for name in ("error", "detail", "errors"):
        if inner := value.get(name):
            return _join(_read(inner), value)
    return _join(ErrorBody(""), value)


def _read_text(text: str) -> ErrorBody:
    if text.lstrip().startswith(("{", "[", '"')):
        try:
            return _read(read_json(text))
        except (ValueError, RecursionError):
            pass
    return ErrorBody(_plain(text))


def _join(inner: ErrorBody, outer: Mapping[str, Json]) -> ErrorBody:
    own = next((_read_text(text) for key in ("message", "msg") if isinstance(text := outer.get(key), str)), None)
    place = outer.get("loc")
    param = outer.get("param") or (place[-1] if isinstance(place, list) and place else "")
    return ErrorBody(
        inner.message or (own.message if own else ""),
        (*inner.codes, *(own.codes if own else ()), *_codes(outer)),
        inner.param or (own.param if own else "") or (param if isinstance(param, str) else ""),
    )


def _codes(outer: Mapping[str, Json]) -> Iterator[str]:
    inner = outer.get("innererror") or outer.get("inner_error")
    for part in (outer, inner):
        if isinstance(part, dict):
            for name in ("code", "type", "status"):
                code = part.get(name)
                if isinstance(code, str | int) and not isinstance(code, bool):
                    yield str(code).lower()


def _plain(text: str) -> str:
    if text[:200].lstrip().lower().startswith(("<!doctype", "<html")):
        title = _TITLE.search(text)
        return f"a web page titled {' '.join(title[1].split())!r}" if title else "a web page"
    return text


def _refused_param(status: int | None, error: ErrorBody, sent: Collection[str]) -> str:
    if status not in {400, 422} or not (_PARAM_CODES.intersection(error.codes) or _REFUSES.search(error.message)):
        return ""
    candidates = [error.param.partition(".")[0], *re.findall(r"\w+", error.message)]
    return next((name for name in candidates if name in sent and name not in {"model", "messages"}), "")


def _advice(param: str) -> str:
    instead = ", newer models want max_completion_tokens" if param == "max_tokens" else ""
    return f"change --graysplit-param {param}=... or the model's params in [tool.graysplit.models]{instead}"


def _slug(status: int | None) -> str:
    if status in KEY_STATUSES:
        return "key-refused"
    named = {402: "quota-exhausted", 429: "relay-rate-limited"}
    if status is not None and 300 <= status < 400:
        return "relay-redirects"
    return named.get(status or 0, "relay-http-error")
