"""Images, sounds and documents in messages: `file:` paths, read once and replaced by a reference to their content."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_graysplit.errors import Slug
from pytest_graysplit.types import AttachedFile
from pytest_graysplit.types.cases import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_graysplit.cases.field_types import FieldLocation
    from pytest_graysplit.types import Case, Json, Message

PREFIX = "file:"
MB = 1_000_000
# Vendors accept about 20 MB per file, and fewer in one request.
MOST_BYTES = 20 * MB
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
SOUNDS = frozenset({"audio/wav", "audio/mpeg"})
VIDEOS = frozenset({"video/mp4", "video/webm"})
_OFFICE = "application/vnd.openxmlformats-officedocument."
# The types that content does not show, by the end of the name.
_BY_NAME = {
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".html": "text/html",
    ".xml": "application/xml",
    ".docx": f"{_OFFICE}wordprocessingml.document",
    ".xlsx": f"{_OFFICE}spreadsheetml.sheet",
    ".pptx": f"{_OFFICE}presentationml.presentation",
}
DOCUMENTS = frozenset({"application/pdf", *_BY_NAME.values()})


class _Part(NamedTuple):
    """A type of part that may name a file: the key of the text in its field, and the types of files that fit."""

    key: str
    types: frozenset[str]
    names: str


_PARTS = {
    "image_url": _Part("url", IMAGES, "a PNG, JPEG, GIF or WebP image"),
    "audio_url": _Part("url", SOUNDS, "a WAV or MP3 sound"),
    "video_url": _Part("url", VIDEOS, "an MP4 or WebM video"),
    "input_audio": _Part("data", SOUNDS, "a WAV or MP3 sound"),
    "file": _Part("file_data", DOCUMENTS, f"a PDF, or a document named *{', *'.join(_BY_NAME)}"),
}
_FORMATS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


class Attachments:
    """The reader of the files that the messages of one case file, or of one test file, name.

    Paths are relative to the folder of that file and must be inside the project. A file is read once.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root.resolve()
        self._read: dict[Path, bytes] = {}

    def attached(self, case: Case, location: FieldLocation, *, is_system_apart: bool) -> Case:
        """Return the case with references instead of paths, and with the files; raise UsageError for a missing one.

        `is_system_apart` means that the field `system` has added the first message.
        """
        found: dict[str, AttachedFile] = {}
        if case.turns:
            turns = tuple(
                replace(turn, message=self._message(location.inside("turns").inside(number), turn.message, found))
                for number, turn in enumerate(case.turns)
            )
            messages = (*case.messages[:-1], turns[0].message)
            return replace(case, messages=messages, turns=turns, files=tuple(found.values())) if found else case
        first = 1 if is_system_apart else 0
        messages = tuple(
            self._message(location.inside("messages").inside(max(0, number - first)), message, found)
            for number, message in enumerate(case.messages)
        )
        return replace(case, messages=messages, files=tuple(found.values())) if found else case

    def _message(self, location: FieldLocation, message: Message, found: dict[str, AttachedFile]) -> Message:
        content = message.get("content")
        if not isinstance(content, list):
            return message
        inside = location.inside("user" if location.name.startswith("turns") else "content")
        parts = [self._part(inside.inside(number), part, found) for number, part in enumerate(content)]
        return {**message, "content": parts}

    def _part(self, location: FieldLocation, part: Json, found: dict[str, AttachedFile]) -> Json:
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(part, dict) or not isinstance(kind, str) or kind not in _PARTS:
            return part
        accepted, field = _PARTS[kind], part.get(kind)
        given = {accepted.key: field} if isinstance(field, str) else field
        path = given.get(accepted.key) if isinstance(given, dict) else None
        # A server may read an address that begins with file:// from its own disk.
        if not isinstance(given, dict) or not isinstance(path, str) or not _is_path(path):
            return part
        here = location.inside(kind).inside(accepted.key)
        file = self._file(here, path.removeprefix(PREFIX), accepted)
        found[file.reference] = file
        return {**part, kind: {**given, accepted.key: file.reference, **_described(kind, given, file, path)}}

    def _file(self, location: FieldLocation, name: str, accepted: _Part) -> AttachedFile:
        data = self._content(location, name)
        media_type = media_type_of(data, name)
        if media_type not in accepted.types:
            found = f"it holds {media_type}" if media_type else "its type is unknown"
            raise location.refuse(f"{name} is not {accepted.names}: {found}", "name another file", Slug.CASE_ATTACHMENT)
        digest = hashlib.sha256(data).hexdigest()
        reference = f"{REFERENCE}{media_type};bytes={len(data)};sha256={digest}"
        return AttachedFile(reference=reference, media_type=media_type, data=data)

    def _content(self, location: FieldLocation, name: str) -> bytes:
        try:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._root):
                hint = f"copy it into {self._root.name or self._root}, so that every run has it"
                raise location.refuse(f"{name} is outside of the project", hint, Slug.CASE_ATTACHMENT)
            if path not in self._read:
                self._read[path] = self._bytes(location, path, name)
        except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
            problem = getattr(error, "strerror", None) or str(error)
            hint = f"the path is relative to {self._folder.name or self._folder}, the folder of this file"
            raise location.refuse(f"{name} cannot be read: {problem}", hint, Slug.CASE_ATTACHMENT) from None
        return self._read[path]

    @staticmethod
    def _bytes(location: FieldLocation, path: Path, name: str) -> bytes:
        size = path.stat().st_size
        if size > MOST_BYTES:
            problem = f"{name} has {size / MB:.1f} MB, and at most {MOST_BYTES // MB} MB are sent"
            raise location.refuse(problem, "make it smaller", Slug.CASE_ATTACHMENT)
        data = path.read_bytes()
        if not data:
            raise location.refuse(f"{name} is empty", "name another file", Slug.CASE_ATTACHMENT)
        return data


def media_type_of(data: bytes, name: str) -> str:
    """Return the media type of a file: by its first bytes, else by the end of its name; "" if both are unknown."""
    return next(_signed(data), "") or _BY_NAME.get(Path(name).suffix.lower(), "")


def _signed(data: bytes) -> Iterator[str]:
    for signature, media_type in (
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"ID3", "audio/mpeg"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
    ):
        if data.startswith(signature):
            yield media_type
    if data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"WAVE"):
        yield "image/webp" if data[8:12] == b"WEBP" else "audio/wav"
    if data[4:8] == b"ftyp":
        yield "video/mp4"
    if len(data) > 1 and data[0] == 0xFF and data[1] in (0xFB, 0xF3, 0xF2):  # a sound without a title in front
        yield "audio/mpeg"


def _is_path(text: str) -> bool:
    return text.startswith(PREFIX) and not text.startswith(f"{PREFIX}//")


def _described(kind: str, given: Mapping[str, Json], file: AttachedFile, path: str) -> dict[str, Json]:
    """Return the fields beside the content that a server requires, unless they are given.

    The name of a document does not depend on its path: only its content identifies the request.
    """
    if kind == "input_audio" and "format" not in given:
        return {"format": _FORMATS[file.media_type]}
    if kind == "file" and "filename" not in given:
        return {"filename": f"document{Path(path).suffix.lower()}"}
    return {}
