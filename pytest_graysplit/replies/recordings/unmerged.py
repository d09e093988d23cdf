"""Journals without a living process: the paid replies of an interrupted run, or of one that just ended."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.replies.recordings.jsonl import UTF8_MARK, LineError, OtherFormatError, TornError
from pytest_graysplit.replies.recordings.records import decode_entry
from pytest_graysplit.replies.recordings.state_dir import inside, journal_folder, outside, relative_to, try_lock

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

    from pytest_graysplit.errors import RecordingError
    from pytest_graysplit.replies.recordings.records import Entry
    from pytest_graysplit.types import ReplyKey


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmergedJournal:
    """A journal that waits to be merged: the mode of its run, and the replies for each file."""

    mode: str
    keys: tuple[tuple[Path, ReplyKey], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalText:
    """The content of a journal, and its fate after the merge.

    It is removed, except that it is set aside where lines other than a torn last one could not be read, and kept where
    another version wrote it, whose lines this one may not understand. `mode` is that of its run.
    """

    path: Path
    mode: str = ""
    entries: tuple[Entry, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[RecordingError, ...] = ()
    fate: Literal["remove", "set aside", "keep"] = "remove"

    def has_entry_for(self, files: Container[str]) -> bool:
        """Tell whether an entry belongs to one of the files."""
        return any(entry.into in files for entry in self.entries)


def unmerged_journals(root: Path) -> list[UnmergedJournal]:
    """Return the journals under the root that no living process holds, without changing them.

    Raises RecordingError where their folder cannot be written: a lock is a file, too.
    """
    found = []
    for path in journals(root):
        with claim(path) as claimed:
            if claimed:
                text = read_journal(path, relative_to(root, path), root)
                keys = tuple((root / entry.into, entry.key) for entry in text.entries)
                found.append(UnmergedJournal(mode=text.mode, keys=keys))
    return found


def journals(root: Path) -> list[Path]:
    """Return every journal under the root, also of living processes."""
    return sorted(journal_folder(root).glob("*.jsonl"))


@contextmanager
def claim(path: Path) -> Iterator[bool]:
    """Lock a journal against other processes; tell whether that succeeded and the journal still exists."""
    lock = try_lock(path.with_suffix(".lock"))
    if lock is None:
        yield False
        return
    try:
        yield path.exists()
    finally:
        if not path.exists():
            with suppress(OSError):  # some systems refuse while it is open; an empty file does no harm
                path.with_suffix(".lock").unlink(missing_ok=True)
        lock.release()


def read_journal(path: Path, where: str, root: Path) -> JournalText:
    """Read all readable lines; a line torn by a kill or a full disk is a warning, never an error.

    An entry for a file outside the root is a problem, and is omitted.
    """
    try:
        lines = path.read_bytes().removeprefix(UTF8_MARK).split(b"\n")
    except OSError as error:
        return JournalText(path=path, warnings=(f"{where} cannot be read: {error.strerror}; left there",), fate="keep")
    entries: list[Entry] = []
    warnings: list[str] = []
    problems: list[RecordingError] = []
    whole = True
    for number, line in enumerate(lines, start=1):
        try:
            if not line.strip():
                continue
            entry = decode_entry(line)
            if inside(root, entry.into) is None:
                problems.append(outside(f"{where}:{number}", entry.into))
            else:
                entries.append(entry)
        except OtherFormatError as error:
            return JournalText(path=path, warnings=(f"{where}:{number}: {error}; left there",), fate="keep")
        except LineError as error:
            torn = number == len(lines) and isinstance(error, TornError)
            whole = whole and torn
            problem_text = "the last line is torn and was skipped" if torn else f"{error}; skipped"
            warnings.append(f"{where}:{number}: {problem_text}")
    return JournalText(
        path=path,
        mode=path.name.partition("-")[0],
        entries=tuple(entries),
        warnings=tuple(warnings),
        problems=tuple(problems),
        fate="remove" if whole and not problems else "set aside",
    )
