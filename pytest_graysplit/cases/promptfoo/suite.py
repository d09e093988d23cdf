"""One promptfoo configuration: its parts, its files, and the parts that could not be converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Any

from pytest_graysplit.cases.promptfoo.sources import (
    STRUCTURED,
    NotCarriedError,
    read_structured,
    read_text,
    refuse_code,
)
from pytest_graysplit.errors import Slug, UsageError


@dataclass(slots=True)
class Suite:
    """One configuration; `missing` has a line with place and reason for every part without a counterpart."""

    path: Path
    config: dict[str, Any]
    missing: list[str] = field(default_factory=list)

    def counting(self, location: str) -> _Counting:
        """Return a context that records a part without a counterpart in `missing`, and continues after it."""
        return _Counting(self.missing, location)

    def misshapen(self, location: str, problem: str, hint: str) -> UsageError:
        """Build the error for a part of the configuration; the caller raises it."""
        return UsageError(f"{self.path}: {location}: {problem}", hint=hint, slug=Slug.PROMPTFOO_SHAPE)

    def loaded(self, value: Any, location: str) -> Any:
        """Return the contents of the file that a `file://` value names; return any other value unchanged."""
        if not isinstance(value, str) or not value.startswith("file://"):
            return value
        refuse_code(value)
        found = [
            (read_structured if path.suffix.lower() in STRUCTURED else read_text)(path, f"{self.path}: {location}")
            for path in self.files(value, location)
        ]
        return found if "*" in value else found[0]

    def files(self, name: str, location: str) -> list[Path]:
        """Return the file of this name, or all files that match its pattern."""
        pattern = str(self.path.parent / name.removeprefix("file://"))
        if "*" not in name:
            return [Path(pattern)]
        found = sorted(glob(pattern, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not found:
            raise self.misshapen(location, f"{name}: no file matches", f"paths are relative to {self.path.parent}")
        return list(map(Path, found))

    def table(self, value: Any, location: str) -> dict[str, Any]:
        """Return an object, or the object in the file that the value names; nothing is an empty object."""
        value = self.loaded(value, location)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.misshapen(location, f"expected an object, got {str(value)[:60]!r}", "write name: value")
        return {str(name): part for name, part in value.items()}

    def referred(self, entry: Any, location: str) -> Any:
        """Return the part of the configuration that a `$ref` names; return any other entry unchanged."""
        if not isinstance(entry, dict) or "$ref" not in entry:
            return entry
        found: Any = self.config
        for step in str(entry["$ref"]).removeprefix("#/").split("/"):
            found = found.get(step) if isinstance(found, dict) else None
        if found is None:
            hint = "a reference such as '#/assertionTemplates/name' names a part of this file"
            raise self.misshapen(location, f"$ref: {entry['$ref']!r} is not found", hint)
        return {**found, **{name: value for name, value in entry.items() if name != "$ref"}}


class _Counting:
    """A context that records a NotCarriedError and suppresses it."""

    def __init__(self, missing: list[str], location: str) -> None:
        self.missing, self.location = missing, location

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if isinstance(error, NotCarriedError):
            self.missing.append(f"{self.location}: {error}")
            return True
        return False
