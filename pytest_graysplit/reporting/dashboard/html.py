"""The page as a browser loads it: the markup with a new policy per visit, and the scripts and styles that it links."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# Written out, because the types that Python guesses depend on the machine, and a browser runs no script of a wrong one.
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The markup, and the policy that lets a browser run only the scripts and styles that bear the nonce in it.

    Modules that a script imports inherit its nonce.
    """

    html: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """A script or a style sheet of the page."""

    content: bytes
    media_type: str


def new_page() -> Page:
    """Return the page with a nonce of its own."""
    nonce = secrets.token_urlsafe(18)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html=_markup().replace("{{ nonce }}", nonce), policy=policy)


@cache
def page_files() -> dict[str, PageFile]:
    """Return all scripts and styles of the page by name."""
    return {
        entry.name: PageFile(content=entry.read_bytes(), media_type=media_type)
        for entry in (files("pytest_graysplit.reporting.dashboard") / "page").iterdir()
        if (media_type := MEDIA_TYPES.get(f".{entry.name.rpartition('.')[2]}"))
    }


@cache
def _markup() -> str:
    return (files("pytest_graysplit.reporting.dashboard") / "page" / "page.html").read_text(encoding="utf-8")
