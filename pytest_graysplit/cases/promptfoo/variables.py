"""The variables of a test: files of them, their values in files, and the combinations of their lists."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_structured, read_text, refuse_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.cases.promptfoo.suite import Suite

_MEDIA = (
    "jpg", "jpeg", "png", "gif", "bmp", "webp", "svg", "mp4", "webm", "ogg", "mov", "avi", "wmv", "mkv", "m4v", "mp3",
    "wav", "flac", "m4a",
)  # fmt: skip


def variables_of(suite: Suite, value: Any) -> dict[str, Any]:
    """Return the variables, from the place itself or from the files that it names."""
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return suite.table(value)
    found: dict[str, Any] = {}
    for name in value:
        if not isinstance(name, str):
            raise NotCarriedError(f"vars: expected an object or names of files, got {str(value)[:60]!r}")
        refuse_code(name)
        for path in suite.files(name):
            found |= suite.table(read_structured(path))
    return found


def combinations(suite: Suite, values: dict[str, Any], *, spread: bool) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values, with the contents of files; a list that starts with a text is spread."""
    choices = [_choices(suite, value) if spread else [value] for value in values.values()]
    for chosen in product(*choices):
        yield {name: _contents(suite, value) for name, value in zip(values, chosen, strict=True)}


def _choices(suite: Suite, value: Any) -> list[Any]:
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value
    if isinstance(value, str) and value.startswith("file://") and "*" in value:
        refuse_code(value)
        return suite.files(value)
    return [value]


def _contents(suite: Suite, value: Any) -> Any:
    if isinstance(value, Path):
        return _text_of(value)
    if isinstance(value, str) and value.startswith("package:"):
        refuse_code(value)
    if not isinstance(value, str) or not value.startswith("file://"):
        return value
    refuse_code(value)
    return _text_of(suite.files(value)[0])


def _text_of(path: Path) -> str:
    """Return the text that stands for a file: YAML as JSON, every other text without white space around it."""
    refuse_code(path.name)
    ending = path.suffix.lower().removeprefix(".")
    if ending in _MEDIA:
        raise NotCarriedError(f"{path} is an image, a sound or a video: write a message with a part for it")
    if ending == "pdf":
        raise NotCarriedError(f"{path} is a PDF: write its text into a file")
    if ending in ("yaml", "yml"):
        return json.dumps(read_structured(path), ensure_ascii=False, separators=(",", ":"))
    return read_text(path).strip()
