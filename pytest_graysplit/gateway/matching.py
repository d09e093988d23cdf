"""The matching of an application's requests: the normal form that is stored, and the numbers of equal ones."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from copy import deepcopy
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.replies.fingerprint import canonical, holds_numbers, redact_api_json, unchanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_graysplit.types import Case, Json, Redactor, ReplyKey

IGNORED = "<ignored>"
# An image, a sound, a document or another sealed text: only its hash is stored. A word of ordinary text ends earlier.
_LONG_BASE64 = re.compile(r"(data:[^,]{0,200};base64,)?([A-Za-z0-9+/_-]{4096,}={0,2})")


class Normaliser:
    """The normal form of the requests of one test: it is hashed, looked up and stored, and never sent.

    Matches of `ignore` become `<ignored>`. `hook` is the caller of pytest_graysplit_normalize, which changes a copy.
    Secrets are redacted as in recordings: a replayed answer has none, and an application may send it back.
    """

    def __init__(
        self,
        case: Case,
        *,
        ignore: Sequence[re.Pattern[str]] = (),
        hook: Callable[..., object] | None = None,
        redact: Redactor = unchanged,
    ) -> None:
        """Set up for a case; `redact` is the redactor of its recording file."""
        self._case = case
        self._ignore = ignore
        self._hook = hook
        # Each request of a tool loop repeats the texts of the one before it.
        self._redact = redact if redact is unchanged else lru_cache(maxsize=4096)(redact)
        self._plain = lru_cache(maxsize=4096)(self._without_moving_parts)

    def __call__(self, body: Mapping[str, Json]) -> dict[str, Json]:
        """Return the normal form of a body without the model; raise UsageError where the hook makes that impossible."""
        normal: Any = _mapped({name: part for name, part in body.items() if name != "model"}, self._plain)
        if self._hook is not None:
            normal = self._hooked(self._hook, normal)
        clean: Any = redact_api_json(normal, self._redact)
        return dict(clean)

    def _without_moving_parts(self, text: str) -> str:
        if len(text) >= 4096 and (found := _LONG_BASE64.fullmatch(text)):
            digest = hashlib.sha256(found[2].encode()).hexdigest()
            return f"{found[1] or ''}sha256={digest}"
        for pattern in self._ignore:
            text = pattern.sub(IGNORED, text)
        return text

    def _hooked(self, hook: Callable[..., object], body: dict[str, Json]) -> dict[str, Json]:
        copy = deepcopy(body)
        try:
            _reject_return(hook(body=copy, case=self._case), copy)
            canonical(copy)
        except Exception as error:  # a hook of the user may raise anything
            raise UsageError(
                f"pytest_graysplit_normalize failed for case {self._case.id!r}: {type(error).__name__}: {error}",
                hint="the hook changes `body` in place, and leaves only values that JSON has",
                slug=Slug.NORMALIZE_FAILED,
            ) from error
        return copy


def _reject_return(result: object, body: dict[str, Json]) -> None:
    """Raise TypeError for a hook that returns another body: it would have no effect."""
    values = result if isinstance(result, list) else [result]  # pytest's caller returns those of all functions
    if any(value is not None and value is not body for value in values):
        raise TypeError("it returned a value, which is not used")


class CallNumbers:
    """The numbers of equal requests in one run of a test, from 0: each gets the lowest one that is free.

    The number of an answered or a running request is taken. A failed one frees its number, so that a second attempt is
    recorded under it.
    """

    def __init__(self) -> None:
        """Begin a run."""
        self._taken: dict[ReplyKey, set[int]] = defaultdict(set)
        self._lock = Lock()

    def take(self, key: ReplyKey) -> ReplyKey:
        """Return the key with the next number."""
        first = key._replace(call=0)
        with self._lock:
            taken = self._taken[first]
            number = next(number for number in range(len(taken) + 1) if number not in taken)
            taken.add(number)
        return first._replace(call=number)

    def free(self, key: ReplyKey) -> None:
        """Free the number of a request that was not answered."""
        with self._lock:
            self._taken[key._replace(call=0)].discard(key.call)


def _mapped(value: Json, change: Callable[[str], str]) -> Json:
    """Return a copy of a value in which every text is changed; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _mapped(part, change) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return list(value) if holds_numbers(value) else [_mapped(part, change) for part in value]
    return value
