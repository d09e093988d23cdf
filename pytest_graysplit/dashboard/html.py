"""The page as one document: its markup, style and script are package files, put together once."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# What stands further on uses what stands before it; together they are one script.
SCRIPTS = ("numbers", "dom", "charts", "plots", "table", "verdicts", "figures", "sections", "case", "live")
# What stands further on overrides what stands before it.
STYLES = ("base", "head", "verdicts", "charts", "lists", "case", "narrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole page, and the policy under which a browser runs nothing but what is in it."""

    html: str
    policy: str


@cache
def document() -> Document:
    """Return the page; nothing in it is loaded from anywhere else."""
    style = "".join(_file(f"{name}.css") for name in STYLES)
    script = "".join(['"use strict";\n(() => {\n', *(_file(f"{name}.js") for name in SCRIPTS), "})();\n"])
    html = _file("page.html").replace("/* style */", style).replace("/* script */", script)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Document(html=html, policy=policy)


def _file(name: str) -> str:
    return (files("pytest_graysplit.dashboard") / "page" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
