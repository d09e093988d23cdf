"""The headers of an application's request that are sent on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Versions and experiments of an API, which change its answers.
_OF_API = ("anthropic-version", "anthropic-beta", "openai-beta")
# The account of a key: sent with that key alone.
_OF_ACCOUNT = ("openai-organization", "openai-project", "http-referer", "x-title")


def passed_headers(headers: Mapping[str, str], *, of_account: bool) -> dict[str, str]:
    """Return the headers that belong to the request itself; never a key, a cookie or a header of the connection."""
    names = (*_OF_API, *_OF_ACCOUNT) if of_account else _OF_API
    sent = {name: headers[name] for name in names if name in headers}
    return {name: value for name, value in sent.items() if value.isascii() and value.isprintable()}
