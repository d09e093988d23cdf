"""Errors that end a run: each is raised once, and names the cause and the remedy. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.config.credentials import OWN_KEY
from pytest_graysplit.errors import RelayError, Slug
from pytest_graysplit.formatting.display import toml_key

if TYPE_CHECKING:
    from pytest_graysplit.config.credentials import Access
    from pytest_graysplit.replies.relay.failures import RelayFailure


def stop_for(failure: RelayFailure, access: Access) -> RelayError | None:
    """Return the error for a failure that every further request would meet too, or None."""
    if failure.slug == Slug.KEY_REFUSED:
        return _key_refused(failure, access)
    if failure.slug == Slug.QUOTA_EXHAUSTED:
        return RelayError(
            f"the account at {access.shown} cannot pay: {failure.problem}",
            hint=f"top it up, or set {access.variable} to the key of another account; finished replies are kept",
            slug=failure.slug,
        )
    return None


def relay_name(access: Access) -> str:
    """Return the relay of a run for a sentence; that of an arm with an endpoint of its own is named."""
    return f"the relay of arm {access.arm} at {access.shown}" if access.arm else "the relay"


def wait_too_long(failure: RelayFailure, access: Access, wait_s: float) -> RelayError:
    """Return the error for a relay that requests a longer wait than a run accepts."""
    return RelayError(
        f"{relay_name(access)} asks to wait {wait_s:.0f} s before the next request ({failure.problem})",
        hint="run again after that time; finished replies are kept and are not paid for twice",
        slug=Slug.RELAY_WAIT_TOO_LONG,
    )


def not_a_relay(failure: RelayFailure, access: Access) -> RelayError:
    """Return the error for an address whose response to a chat request shows that it is not a relay."""
    return RelayError(
        f"{access.shown} is not an OpenAI-compatible relay: {failure.problem}",
        hint=f"check {access.address_setting}; the base URL usually ends in /v1",
        slug=_address_slug(failure),
    )


def no_route(failure: RelayFailure, access: Access, path: str) -> RelayError:
    """Return the error for a relay that does not serve the route which an application asks."""
    return RelayError(
        f"{access.shown} does not serve {path}: {failure.problem}",
        hint=f"the application sends POST {path}: use a relay that serves it, or let it ask /chat/completions",
        slug=Slug.RELAY_NO_ROUTE,
    )


def _address_slug(failure: RelayFailure) -> Slug:
    return failure.slug if failure.slug in {Slug.RELAY_NOT_JSON, Slug.RELAY_REDIRECTS} else Slug.RELAY_NO_ROUTE


def no_preflight(failure: RelayFailure, access: Access) -> RelayError:
    """Return the error for an address at which nothing can be reached."""
    problem = f"no relay answers at {access.shown}: {failure.problem}"
    hint = f"check {access.address_setting}, and that the relay runs and this machine reaches it (proxy, VPN, firewall)"
    if "CERTIFICATE" in failure.problem:
        hint = "if your network replaces certificates, name its authority's file in SSL_CERT_FILE"
    return RelayError(problem, hint=hint, slug=Slug.RELAY_UNREACHABLE)


def key_unusable(variable: str = OWN_KEY) -> RelayError:
    """Return the error for a key that cannot be sent in a header."""
    return RelayError(
        f"the key in {variable} holds a blank, a line break or a letter that no HTTP header can carry",
        hint="copy the key again, without quotes or surrounding text",
        slug=Slug.KEY_UNUSABLE,
    )


def header_unusable(name: str, arm: str = "") -> RelayError:
    """Return the error for an extra header that cannot be sent; `arm` names the arm whose table gives it."""
    place = f"[tool.graysplit.arms.{toml_key(arm)}]" if arm else "[tool.graysplit.headers] or the model's headers"
    return RelayError(
        f"the header {name!r} holds a line break or a letter that no HTTP header can carry",
        hint=f"correct it in {place}, or in the variable that it names",
        slug=Slug.HEADER_UNUSABLE,
    )


def environment_unusable(cause: str) -> RelayError:
    """Return the error for proxy or certificate settings that are unusable."""
    return RelayError(
        f"the environment's proxy or certificate settings cannot be used: {cause}",
        hint="check HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR",
        slug=Slug.ENVIRONMENT_UNUSABLE,
    )


def _key_refused(failure: RelayFailure, access: Access) -> RelayError:
    if access.key is not None:
        return RelayError(
            f"{access.shown} refused the key: {failure.problem}",
            hint=f"set {access.variable} to a key of this relay that is allowed to use these models",
            slug=Slug.KEY_REFUSED,
        )
    return RelayError(
        f"{access.shown} wants a key, and none is set: {failure.problem}",
        hint=access.setting_hint,
        slug=Slug.KEY_REFUSED,
    )
