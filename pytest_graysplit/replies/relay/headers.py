"""The headers of a request: common ones, the key, and those of its arm."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_graysplit.replies.relay import fatal_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.types import Secret

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_COMMON = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "pytest-graysplit",
}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_headers(access: Access, extra: Mapping[str, str] = NO_HEADERS, arm: str = "") -> None:
    """Raise RelayError for a key or header that cannot be sent, before an error of a library quotes it."""
    if not _is_sendable_key(access.key):
        raise fatal_errors.key_unusable(access.variable)
    if (bad := _unsendable_header(extra)) is not None:
        raise fatal_errors.header_unusable(bad, arm)


def headers_for(access: Access, extra: Mapping[str, str] = NO_HEADERS) -> dict[str, str]:
    """Return all headers of a request to an endpoint, in lower case; the extra ones win."""
    signed = {"authorization": f"Bearer {access.key.reveal()}"} if access.key else {}
    return {**_COMMON, **signed, **{name.lower(): value for name, value in extra.items()}}


def _is_sendable_key(key: Secret | None) -> bool:
    return key is None or (_is_visible(key.reveal()) and " " not in key.reveal())


def _unsendable_header(headers: Mapping[str, str]) -> str | None:
    unsendable = (name for name, value in headers.items() if not (_NAME.fullmatch(name) and _is_visible(value)))
    return next(unsendable, None)


def _is_visible(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isprintable()
