"""The parts of a request that are not billed by their bytes: images, and content that is at the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_graysplit.types.cases import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.types import Json, Route

# The field with the messages of a request, or the items that take their place.
ITEMS: dict[Route, str] = {"chat": "messages", "responses": "input", "messages": "messages", "embeddings": "input"}
# The fields with the parts of an item; a part that is a tool's result has parts of its own.
_HOLDERS = ("content", "output")
_DEEPEST = 3
_IMAGES = ("image_url", "image", "input_image")
_FILES = ("document", "input_file")
_AT_SERVER = ("file_id", "file_url")
# With these the server adds to the prompt (earlier answers, a stored prompt, searches, the tools of another server), or
# lets a model with another price answer.
_ADDED = (
    *("previous_response_id", "conversation", "prompt", "mcp_servers", "web_search_options", "plugins"),
    *("models", "fallbacks"),
)
# Tools that the application runs. Others are run by the server, which reads their results as a part of the prompt.
_OWN_TOOLS: dict[Route, tuple[str, ...]] = {
    "chat": ("function", "custom"),
    "responses": ("function", "custom"),
    "messages": ("custom", "bash_", "text_editor_", "computer_", "memory_"),
}
# Values with which each token has another price than that of the table.
_DEARER = {"service_tier": "priority", "speed": "fast"}


def attachments(items: Json) -> Iterator[Mapping[str, Json]]:
    """Yield the images and files among the parts of the messages; an image has no price by its bytes."""
    for part in _parts(items):
        if part.get("type") in (*_IMAGES, *_FILES) or _is_reference(part):
            yield part


def without_attachments(body: Mapping[str, Json], route: Route) -> Mapping[str, Json]:
    """Return the request without its images, and without the files of which only the reference is known."""
    field = ITEMS[route]
    items = body.get(field)
    left_out = [id(part) for part in attachments(items) if part.get("type") not in _FILES]
    if not left_out or not isinstance(items, list):
        return body
    return {**body, field: [_stripped(item, left_out) for item in items]}


def unbounded_part(body: Mapping[str, Json], route: Route) -> str:
    """Return the name of the part with which a request may cost any amount; empty where there is none."""
    if route not in _OWN_TOOLS:
        return ""
    return next(_unbounded(body, route), "")


def _unbounded(body: Mapping[str, Json], route: Route) -> Iterator[str]:
    items, tools = body.get(ITEMS[route]), body.get("tools")
    yield from (name for name in _ADDED if body.get(name))
    yield from (f"{name} {value}" for name, value in _DEARER.items() if body.get(name) == value)
    for kind in _kinds(tools):
        if not kind.startswith(_OWN_TOOLS[route]):
            yield f"the tool {kind}"
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and item.get("type") == "item_reference":
            yield "item_reference"
    for part in _parts(items):
        if part.get("type") not in _IMAGES:
            source, inner = part.get("source"), part.get(str(part.get("type")))
            for table in (part, inner) if isinstance(inner, Mapping) else (part,):
                yield from (name for name in _AT_SERVER if table.get(name))
            if isinstance(source, Mapping) and source.get("type") in ("url", "file"):
                yield f"{part.get('type')} from a {source['type']}"


def tools_of_vendor(body: Mapping[str, Json], route: Route) -> int:
    """Count the tools that the application runs and the vendor describes to its model."""
    return sum(kind != "custom" for kind in _kinds(body.get("tools"))) if route == "messages" else 0


def _kinds(tools: Json) -> Iterator[str]:
    for tool in tools if isinstance(tools, list) else ():
        yield str(tool.get("type") or "custom") if isinstance(tool, Mapping) else "of an unknown kind"


def _parts(items: Json, depth: int = 0) -> Iterator[Mapping[str, Json]]:
    for item in items if isinstance(items, list) and depth < _DEEPEST else ():
        for inner in (item.get(name) for name in _HOLDERS) if isinstance(item, Mapping) else ():
            yield from (part for part in (inner if isinstance(inner, list) else ()) if isinstance(part, Mapping))
            yield from _parts(inner, depth + 1)


def _stripped(item: Json, left_out: list[int], depth: int = 0) -> Json:
    if not isinstance(item, Mapping) or depth >= _DEEPEST:
        return item
    held = {name: inner for name in _HOLDERS if isinstance(inner := item.get(name), list)}
    kept = {name: [part for part in inner if id(part) not in left_out] for name, inner in held.items()}
    return {**item, **{name: [_stripped(part, left_out, depth + 1) for part in inner] for name, inner in kept.items()}}


def _is_reference(part: Mapping[str, Json]) -> bool:
    """Tell whether a part refers to a file of the project, as in an estimate; a sent request has the content."""
    field = part.get(str(part.get("type")))
    return isinstance(field, Mapping) and any(
        isinstance(value, str) and value.startswith(REFERENCE) for value in field.values()
    )
