"""The recorded replies of a run: by file and key, each file read on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import RecordingError, Slug
from pytest_graysplit.replies.fingerprint import redact_json, unchanged
from pytest_graysplit.replies.recordings.miss_report import NearestRecordings
from pytest_graysplit.replies.recordings.recording_file import read_recording
from pytest_graysplit.replies.recordings.state_dir import relative_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pytest_graysplit.replies.recordings.recording_file import RecordingFile
    from pytest_graysplit.types import Json, Redactor, Reply, ReplyKey, Usage

MOVING = "; a part that differs in every run belongs in `ignore` of [tool.graysplit.app]"


class Recordings:
    """The recorded replies of all recording files."""

    def __init__(
        self, root: Path, redact: Redactor = unchanged, *, redact_for: Callable[[Path], Redactor] | None = None
    ) -> None:
        """Read nothing yet; messages name files from the root, keys are redacted as the journal redacts them.

        `redact_for` gives the redactor of a recording file, where it is not the same for all of them.
        """
        self._root = root
        self._redact_for = redact_for or (lambda _: redact)
        self._recordings: dict[Path, RecordingFile] = {}
        self._nearest: dict[Path, NearestRecordings] = {}

    def reply(self, path: Path, key: ReplyKey) -> Reply | None:
        """Return the reply, marked as `replayed`, or None; raise RecordingError where the file cannot be read."""
        return self._recording(path).reply(self._stored(path, key))

    def keys(self, path: Path) -> frozenset[ReplyKey]:
        """Return the keys of every reply in the file."""
        return frozenset(self._recording(path).replies)

    def usages(self, path: Path) -> Iterator[tuple[ReplyKey, Usage]]:
        """Yield the token counts of every reply in the file."""
        return self._recording(path).usages()

    def explain_miss(  # noqa: PLR0913 # the last two by name
        self,
        path: Path,
        key: ReplyKey,
        body: Mapping[str, Json],
        command: str,
        role: str = "",
        *,
        is_call: bool = False,
    ) -> RecordingError:
        """Return the error for a missing reply: the nearest one, the differences, and the command to record.

        `command` continues "run once with"; the role is named beside the model: control, treatment, or a metric.
        `is_call` is a request of an application.
        """
        redact = self._redact_for(path)
        requested = {name: redact_json(value, redact) for name, value in body.items() if name != "model"}
        stored = self._stored(path, key)
        if path not in self._nearest:
            self._nearest[path] = NearestRecordings(self._recording(path))
        nearest = self._nearest[path]
        lines = nearest.explain(stored, requested, is_call=is_call)
        who = ", ".join(filter(None, (role, stored.model, stored.arm and f"arm {stored.arm}")))
        return RecordingError(
            "\n  ".join([f"no recording for {'a call of ' if is_call else ''}case {stored.case!r} ({who})", *lines]),
            hint=f"run once with {command}{'' if nearest.has_request(stored) or not is_call else MOVING}",
            slug=Slug.RECORDING_MISSING,
        )

    def _recording(self, path: Path) -> RecordingFile:
        recording = self._recordings.get(path)
        if recording is None:
            recording = self._recordings[path] = read_recording(path, relative_to(self._root, path))
        return recording

    def _stored(self, path: Path, key: ReplyKey) -> ReplyKey:
        redact = self._redact_for(path)
        if redact is unchanged:
            return key
        return key._replace(case=redact(key.case), model=redact(key.model))
