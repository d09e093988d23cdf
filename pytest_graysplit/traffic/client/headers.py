"""Header templates that tell a relay the arm of a request; none by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_graysplit.traffic.splitter import Assignment

# Header names that relays and the articles about them use; {route} is baseline or canary.
TEMPLATES = {
    "X-AB-Variant": "{role}",
    "X-Request-Route": "{route}",
    "X-Canary-Group": "{arm}",
    "X-Model-Select": "{model}",
}
FIELDS = ("arm", "model", "role", "route")


def templates_of(headers: Mapping[str, str] | Iterable[str]) -> dict[str, str]:
    """Return header templates by name: known ones by their names, custom ones with their texts.

    Raises UsageError for an unknown name and for an unknown field.
    """
    given = dict(headers) if isinstance(headers, Mapping) else {name: _known(name) for name in headers}
    for name, template in given.items():
        _check(name, template)
    return given


def headers_of(templates: Mapping[str, str], assignment: Assignment) -> dict[str, str]:
    """Fill in the templates for an arm, and add the arm's own headers.

    >>> from pytest_graysplit.traffic.splitter import Split, TrafficSplitter
    >>> splitter = TrafficSplitter([Split("a", 0.9), Split("b", 0.1)], salt="docs")
    >>> headers_of(templates_of(["X-AB-Variant", "X-Request-Route"]), splitter.forced("b"))
    {'X-AB-Variant': 'treatment', 'X-Request-Route': 'canary'}
    """
    values = {
        "arm": assignment.arm,
        "model": assignment.model,
        "role": assignment.role,
        "route": "canary" if assignment.role == "treatment" else "baseline",
    }
    filled = {name: template.format(**values) for name, template in templates.items()}
    return {**filled, **assignment.split.headers}


def _known(name: str) -> str:
    for known, template in TEMPLATES.items():
        if known.lower() == str(name).lower():
            return template
    raise UsageError(
        f"there is no header template {name!r}{nearest(str(name), list(TEMPLATES))}",
        hint=f'the templates are {", ".join(TEMPLATES)}; for others, pass a mapping: headers={{"{name}": "{{arm}}"}}',
        slug=Slug.SPLIT_HEADER,
    )


def _check(name: str, template: str) -> None:
    try:
        template.format(**dict.fromkeys(FIELDS, ""))
    except (AttributeError, IndexError, KeyError, ValueError):
        raise UsageError(
            f"the header {name!r} has a template that cannot be filled in: {template!r}",
            hint=f"a template is a text with these fields: {', '.join(f'{{{field}}}' for field in FIELDS)}",
            slug=Slug.SPLIT_HEADER,
        ) from None
