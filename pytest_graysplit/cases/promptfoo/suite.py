"""One promptfoo configuration: its parts, its files, and the parts that could not be converted."""

from __future__ import annotations

from dataclasses import dataclass, field
from glob import glob
from typing import TYPE_CHECKING, Any

from pytest_graysplit.cases.promptfoo.sources import NotCarriedError, read_structured, read_text, refuse_code

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class Suite:
    """One configuration.

    `missing` has a line with place and reason for every part without a counterpart. `noted` has the places of parts
    that change no case, by their name and meaning.
    """

    path: Path
    config: dict[str, Any]
    missing: list[str] = field(default_factory=list)
    noted: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def counting(self, location: str) -> _Counting:
        """Return a context that records a part without a counterpart in `missing`, and continues after it."""
        return _Counting(self.missing, location)

    def miss(self, location: str, problem: str) -> None:
        """Record a part without a counterpart."""
        self.missing.append(f"{location}: {problem}")

    def note(self, location: str, name: str, meaning: str) -> None:
        """Record a part that changes no case."""
        self.noted.setdefault((name, meaning), []).append(location)

    def notes(self) -> list[str]:
        """Return a line for every meaning, with the first place of each name."""
        meanings: dict[str, list[str]] = {}
        for (_, meaning), places in self.noted.items():
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            meanings.setdefault(meaning, []).append(f"{places[0]}{more}")
        return [f"{', '.join(places)}: {meaning}" for meaning, places in meanings.items()]

    def files(self, name: str) -> list[Path]:
        """Return the file of this name, or all files that match its pattern."""
        bare = name.removeprefix("file://")
        if "\0" in bare:
            raise NotCarriedError(f"{name!r} is not the name of a file")
        folder = self.path.parent
        if not any(sign in bare for sign in "*?["):
            return [folder / bare]
        found = sorted(glob(bare, root_dir=folder, recursive=True))  # noqa: PTH207  # Path.glob takes no absolute pattern
        if not found and (folder / bare).is_file():
            return [folder / bare]
        if not found:
            raise NotCarriedError(f"{name}: no file matches")
        return [folder / one for one in found]

    def loaded(self, value: Any) -> Any:
        """Return the contents of the file that a `file://` value names, or another value unchanged."""
        if not isinstance(value, str) or not value.startswith("file://"):
            return value
        refuse_code(value)
        found = [_contents(path) for path in self.files(value)]
        return found[0] if len(found) == 1 else found

    def table(self, value: Any) -> dict[str, Any]:
        """Return an object, or the object in the file that the value names; nothing is an empty object."""
        value = self.loaded(value)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise NotCarriedError(f"expected an object, got {str(value)[:60]!r}")
        return {str(name): part for name, part in value.items()}


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


def _contents(path: Path) -> Any:
    ending = path.suffix.lower()
    if ending in (".yaml", ".yml", ".json", ".jsonl"):
        return read_structured(path)
    if ending not in (".txt", ".md", ".j2", ""):
        raise NotCarriedError(f"{path} is of a kind that is not read here")
    return read_text(path).strip()


def dereferenced(config: dict[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """Return the configuration with the parts that its references name, and the names at the top that they name.

    A reference to nothing stays as it is: it may belong to a JSON Schema, and an assertion of it has no type.
    """
    named: set[str] = set()
    filled = {name: _filled(part, config, named, ()) for name, part in config.items()}
    return filled, named


def _filled(part: Any, config: dict[str, Any], named: set[str], within: tuple[str, ...]) -> Any:
    if isinstance(part, list):
        return [_filled(one, config, named, within) for one in part]
    if not isinstance(part, dict):
        return part
    reference = part.get("$ref")
    found = _found(reference, config) if isinstance(reference, str) and reference not in within else None
    if found is None:
        return {name: _filled(one, config, named, within) for name, one in part.items()}
    named.add(_steps(str(reference))[0])
    found = _filled(found, config, named, (*within, str(reference)))
    if not isinstance(found, dict):
        return found
    own = {name: _filled(one, config, named, within) for name, one in part.items() if name != "$ref"}
    return {**found, **own}


def _found(reference: str, config: dict[str, Any]) -> Any:
    found: Any = config if reference.startswith("#/") else None
    for step in _steps(reference):
        if isinstance(found, list):
            found = found[int(step)] if step.isdecimal() and int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    return found


def _steps(reference: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in reference.removeprefix("#/").split("/")]
