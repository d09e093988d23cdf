"""Tolerant reader for the errors of relays, in any known shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.errors import Slug
from pytest_graysplit.formatting.display import cut
from pytest_graysplit.formatting.json_text import read_json
from pytest_graysplit.replies.fingerprint import blanker
from pytest_graysplit.replies.relay.retry import meant_status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from decimal import Decimal

    from pytest_graysplit.types import Json, Redactor, Usage

LONGEST_MESSAGE = 300
# This much of a page is read, and of a message that a pattern searches.
LONGEST_PAGE = 4_000
FILTER_CODES = frozenset(
    {
        "content_filter",
        "content_filter_error",
        "content_policy_violation",
        "content_policy_violation_error",
        "data_inspection_failed",
        "input_moderation",
        "moderation",
        "moderation_blocked",
        "moderation_error",
        "prompt_blocked",
        "responsibleaipolicyviolation",
    }
)
# A mistake of the sender fails again; with any other status a later run may succeed.
LASTING_STATUSES = frozenset({400, 413, 422})

_REFUSES = re.compile(
    r"unsupported|(?:not|n't) (?:support|accept|allow)|unrecogni[sz]ed|unknown|not permitted|deprecated|extra inputs"
    r"|(?:cannot|can not|can't) (?:both )?be (?:set|used|specified)|(?:cannot|can not|can't) both|may only be set"
    r"|not compatible|incompatible|unexpected keyword|no longer (?:support|accept|allow)|no endpoints found that",
    re.IGNORECASE,
)
# A router's 404 about parameters: it has endpoints for the model, and none of them takes the request.
_NO_ENDPOINT = re.compile(r"no endpoints found that (?:support|can handle)", re.IGNORECASE)
_ABOUT_PROMPT = re.compile(
    r"moderat|flagged|content.?(?:filter|polic|management)|safety|inappropriate|sensitive|prohibited", re.IGNORECASE
)
_ABOUT_KEY = re.compile(
    r"\bkeys?\b|api.?key|token|credential|authenti|authori[sz]|unauthori|permission|not allowed to|access denied|scope",
    re.IGNORECASE,
)
_ABOUT_MODEL = re.compile(
    r"(?:unknown|invalid|no such|nonexistent|unrecogni[sz]ed|not a valid|unsupported)\s+model"
    r"|model[^\n]{0,120}?(?:not found|(?:not|n't) exist|is unknown|not available|not a valid|not loaded)"
    r"|no endpoints found|no (?:available )?(?:channel|deployment|provider)[^\n]{0,60}model",
    re.IGNORECASE,
)
# Words inside a 200 that say that the request may succeed later; without them, the error is permanent.
_LATER = re.compile(
    r"later|again|busy|overload|rate.?limit|too many|throttl|tempor|time.?out|timed out|unavailable|capacity|concurren"
    r"|\u7a0d\u540e|\u7e41\u5fd9|\u9650\u6d41|\u8d85\u65f6",
    re.IGNORECASE,
)
_RATE = re.compile(r"rate.?limit|too many|throttl|concurren|\u9650\u6d41", re.IGNORECASE)
# Parameters that newer models take under another name.
RENAMED = {"max_tokens": "max_completion_tokens"}
# Parts of a request that cannot be left out.
_NEEDED = frozenset({"model", "messages", "input"})
_NO_ERROR = frozenset({"", "0", "200", "ok", "success", "none", "null"})
_ERROR_CODES = ("code", "error_code", "errcode", "err_code", "status_code", "errorcode")
_ERROR_TEXTS = (
    *("message", "msg", "error_msg", "errmsg", "err_msg", "status_msg", "error_message", "errormessage", "title"),
)
# No known relay nests errors deeper than this.
_DEEPEST = 12
_PARAM_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter"})
_KEYLIKE = re.compile(r"\b(?:sk|pk|hs|cr|gsk|xai|key)[-_][\w*.-]{6,}|(?<=Bearer )[^\s),;]+")


class RawResponse(NamedTuple):
    """A response as it was received, not yet read; `ttft_s` is known for streams."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    ttft_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayFailure:
    """The reason why an attempt gave no reply: a sentence, its heading in docs/messages.md, and its status.

    `status` is None when no complete response arrived. `filtered` marks a request that a content filter stopped,
    `unsent` one that never left this machine, `about_model` an error about an unknown model, `about_key` an error that
    mentions the key. `param` is the parameter that the relay refuses, and `by_application` tells that an application
    has sent it. `usage` and the cost are set where an unusable answer was billed.
    """

    problem: str
    slug: Slug
    status: int | None = None
    filtered: bool = False
    unsent: bool = False
    about_model: bool = False
    about_key: bool = False
    param: str = ""
    by_application: bool = False
    usage: Usage | None = None
    reported_cost_usd: Decimal | None = None

    @property
    def kind(self) -> str:
        """The kind under which it is counted: its heading, or the status where a heading covers many."""
        return f"http-{self.status}" if self.slug == Slug.RELAY_HTTP_ERROR and self.status else self.slug

    @property
    def advised(self) -> str:
        """The problem, with the remedy for a refused parameter."""
        if not self.param:
            return self.problem
        instead = f", newer models want {RENAMED[self.param]}" if self.param in RENAMED else ""
        first = "let the application leave it out" if self.by_application else "change the params of this case"
        return f'{self.problem} ({first}, or unset = ["{self.param}"] for the arm{instead})'

    @property
    def retryable(self) -> bool:
        """Whether a later run may succeed; such a failure is never recorded."""
        return not self.filtered and self.status not in LASTING_STATUSES


class ErrorBody(NamedTuple):
    """The content of an error: its message, its codes and types, and the parameter that it names."""

    message: str
    codes: tuple[str, ...] = ()
    param: str = ""


def failure_of(response: RawResponse, *, sent: Collection[str], redact: Redactor, inside: Json = None) -> RelayFailure:
    """Turn an error response into a failure; `sent` are the names of the request's parameters.

    `inside` is the part of the response that contains the error, where it has been found already.
    """
    error = _read(inside) if inside else read_error(response.body)
    message = shorten(redact(error.message[:LONGEST_PAGE]))
    status = _meaning(response.status, error)
    problem = f"the relay answered {response.status}" + (f": {message}" if message else "")
    if status in {400, 403} and _is_about_prompt(status, error):
        return RelayFailure(problem=problem, slug=Slug.CONTENT_FILTERED, status=status, filtered=True)
    if param := _refused_param(status, error, sent):
        return RelayFailure(problem=problem, slug=Slug.PARAM_REFUSED, status=status, param=param)
    about_model = _is_about_model(status, error)
    if status == 404 and not about_model:
        problem += " (the base URL usually ends in /v1)"
    if 300 <= response.status < 400:
        problem = f"the relay redirects to {redact(response.headers.get('location', 'another address'))}"
    about_key = status == 403 and bool(_ABOUT_KEY.search(error.message[:LONGEST_PAGE]))
    return RelayFailure(
        problem=problem, slug=_slug(status), status=status, about_model=about_model, about_key=about_key
    )


def _meaning(status: int, error: ErrorBody) -> int | None:
    """Return the status that an error means; inside a 200, its words may be the only evidence."""
    meant = meant_status(status, error.codes)
    words = error.message[:LONGEST_PAGE]
    if meant == 404 and _NO_ENDPOINT.search(words):
        return 400
    if meant is not None and 200 <= meant < 300:
        if _LATER.search(words):
            return 429 if _RATE.search(words) else 503
        return 401 if "api key" in words.lower() or "api_key" in words.lower() else meant
    return meant


def _is_about_prompt(status: int | None, error: ErrorBody) -> bool:
    if not FILTER_CODES.isdisjoint(error.codes):
        return True
    return status == 403 and bool(_ABOUT_PROMPT.search(error.message[:LONGEST_PAGE]))


def _is_about_model(status: int | None, error: ErrorBody) -> bool:
    if not {"model_not_found", "model_not_exist", "modelnotfound", "invalid_model"}.isdisjoint(error.codes):
        return True
    words = error.message[:LONGEST_PAGE]
    if _NO_ENDPOINT.search(words):
        return False
    return status in {400, 404, 422, 500} and bool(_ABOUT_MODEL.search(words)) and not _LATER.search(words)


def not_json(response: RawResponse, redact: Redactor, *, parses: bool = False) -> RelayFailure:
    """Return the failure of a response that is not a JSON object: a web page, incomplete text, another type."""
    begin = bytes(response.body[:LONGEST_PAGE]).lstrip()
    seen = shorten(redact(_plain(begin.decode("utf-8", "replace").strip())))
    if begin.startswith((b"{", b"[")) and not parses:
        # The server did mean JSON: it was cut or garbled on the way, and the next response may be complete.
        return RelayFailure(
            problem=f"the answer is cut or garbled JSON, it begins {seen[:60]!r}", slug=Slug.RELAY_ANSWER_CUT
        )
    what = seen if seen.startswith("a web page") else f"{seen[:60]!r}" if seen else "nothing"
    return RelayFailure(
        problem=f"the answer is not JSON but {what} (the base URL usually ends in /v1)",
        slug=Slug.RELAY_NOT_JSON,
        status=response.status,
    )


def read_error(body: bytes | bytearray) -> ErrorBody:
    """Find the message, codes and parameter in an error of any known shape; plain text and HTML are messages too."""
    text = body.decode("utf-8", "replace").strip()
    if not text.startswith(("{", "[", '"')):
        return ErrorBody(_plain(text))
    try:
        return _read(read_json(text))
    except (ValueError, RecursionError):
        return ErrorBody(_plain(text))


def is_error(payload: Mapping[str, Json]) -> bool:
    """Tell whether a parsed response is an error, also one with status 200."""
    return bool(payload.get("error")) or payload.get("object") == "error" or payload.get("type") == "error"


def is_error_in_other_words(payload: Mapping[str, Json]) -> bool:
    """Tell whether a response without choices is an error in one of the shapes that relays have invented."""
    lowered = {name.lower(): value for name, value in payload.items()}
    if lowered.get("success") is False or str(lowered.get("status", "")).lower() in ("error", "failed", "fail"):
        return True
    if any(lowered.get(name) for name in ("error", "errors", "detail", *_ERROR_TEXTS)):
        return True
    base = lowered.get("base_resp")
    tables = [lowered, base] if isinstance(base, dict) else [lowered]
    return any(str(table.get(name, "0")).lower() not in _NO_ERROR for table in tables for name in _ERROR_CODES)


def shorten(text: str) -> str:
    """Return the text on one line, shortened to a readable length."""
    return cut(" ".join(text[:LONGEST_PAGE].split()), LONGEST_MESSAGE, "...")


def redactor(secrets: Collection[str]) -> Redactor:
    """Return a function that removes these secrets from a text, and anything else that looks like a key."""
    return blanker(secrets, "***", [partial(_KEYLIKE.sub, "***")])


def _read(value: Json, depth: int = 0) -> ErrorBody:
    if isinstance(value, str):
        return _read_text(value, depth)
    if isinstance(value, list):
        return _read(value[0], depth + 1) if value and depth < _DEEPEST else ErrorBody("")
    if not isinstance(value, dict) or depth >= _DEEPEST:
        return ErrorBody("")
    lowered = {name.lower(): inner for name, inner in value.items()}
    for name in ("error", "detail", "errors", "base_resp"):
        if inner := lowered.get(name):
            return _join(_read(inner, depth + 1), lowered, depth)
    return _join(ErrorBody(""), lowered, depth)


def _read_text(text: str, depth: int) -> ErrorBody:
    if text.lstrip().startswith(("{", "[", '"')) and depth < _DEEPEST:
        try:
            return _read(read_json(text), depth + 1)
        except (ValueError, RecursionError):
            pass
    return ErrorBody(_plain(text))


def _join(inner: ErrorBody, outer: Mapping[str, Json], depth: int) -> ErrorBody:
    texts = (text for key in _ERROR_TEXTS if isinstance(text := outer.get(key), str) and text)
    own = next((_read_text(text, depth) for text in texts), None)
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
            for name in (*_ERROR_CODES, "type", "status"):
                code = part.get(name)
                if isinstance(code, str | int) and not isinstance(code, bool):
                    yield str(code).lower()[:100]


def _plain(text: str) -> str:
    page = text[:LONGEST_PAGE].lstrip()
    if not page.lower().startswith(("<!doctype", "<html", "<head", "<title", "<?xml")):
        return text
    lowered = page.lower()
    begin = lowered.find(">", max(0, lowered.find("<title")))
    end = lowered.find("</title", begin)
    titled = "<title" in lowered and 0 <= begin < end
    return f"a web page titled {' '.join(page[begin + 1 : end].split())!r}" if titled else "a web page"


def _refused_param(status: int | None, error: ErrorBody, sent: Collection[str]) -> str:
    words = error.message[:LONGEST_PAGE]
    refuses = _REFUSES.search(words) or 0 <= words.lower().find("only ") < words.lower().rfind("allowed")
    if status not in {400, 422} or not (_PARAM_CODES.intersection(error.codes) or refuses):
        return ""
    candidates = [error.param.partition(".")[0], *re.findall(r"\w+", words)]
    return next((name for name in candidates if name in sent and name not in _NEEDED), "")


def _slug(status: int | None) -> Slug:
    named = {401: Slug.KEY_REFUSED, 402: Slug.QUOTA_EXHAUSTED, 403: Slug.RELAY_FORBIDDEN, 429: Slug.RELAY_RATE_LIMITED}
    if status is not None and 300 <= status < 400:
        return Slug.RELAY_REDIRECTS
    return named.get(status or 0, Slug.RELAY_HTTP_ERROR)
