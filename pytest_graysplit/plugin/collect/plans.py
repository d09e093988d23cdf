"""What one item is about: its case, its arms, and the replies it wants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_graysplit.replies.fetcher import Wish
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.types import ReplyKey
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pluggy import HookCaller

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.folder_hooks import FolderHooks
    from pytest_graysplit.types import Case, Json

PLAN = pytest.StashKey["Plan"]()


class Request(NamedTuple):
    """A request body without its model, what was asked for in it beside the messages, and its hash."""

    params: Mapping[str, Json]
    body: Mapping[str, Json]
    hash: str


@dataclass(slots=True, kw_only=True)
class Plan:
    """One item's case with every threshold in force, and the wishes of each arm it judges.

    `request` is the hash of what the control is asked, also where another arm is judged alone, and `differing` names
    what the treatment is asked with that the control is not. `samples` is how many replies of each arm are judged;
    what the control gives beyond them measures its noise. `alone` names the arm that a `graysplit_reply` test judges
    by itself; None for a comparison. `fixture` is the one of ours that the function asks for. `path` is the test file.
    `body_asserts` when the body of the test asserts something about the answers.
    """

    case: Case
    request: str
    differing: tuple[str, ...]
    treatment: str
    alone: str | None
    file: str
    path: Path
    into: Path
    has_body: bool
    samples: int
    body_asserts: bool = False
    fixture: str | None = None
    wishes: dict[str, tuple[Wish, ...]] = field(default_factory=dict)

    @property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that the item is about."""
        return (self.alone,) if self.alone else (CONTROL, self.treatment)


class Planner:
    """Turns cases into plans under one run's settings."""

    def __init__(self, settings: Settings, root: Path, hooks: FolderHooks) -> None:
        self._settings = settings
        self._root = root
        self._hooks = hooks
        self._asked: tuple[Case, HookCaller | None] | None = None
        self._requests: dict[str, Request] = {}
        # The test file that each recording belongs to; its folder says which hooks hold for the recording.
        self.test_files: dict[Path, Path] = {}

    def with_thresholds(self, case: Case) -> Case:
        """Fill what the case leaves open from the options: the marker and the case file beat them."""
        run = self._settings
        if (run.min_similarity, run.max_latency_s, run.max_latency_ratio, case.metric) == (
            None,
            None,
            None,
            run.metric,
        ):
            return case
        return replace(
            case,
            min_similarity=run.min_similarity if case.min_similarity is None else case.min_similarity,
            fallback_similarity=(
                run.fallback_similarity if case.fallback_similarity is None else case.fallback_similarity
            ),
            metric=case.metric or run.metric,
            max_latency_s=case.max_latency_s or run.max_latency_s,
            max_latency_ratio=case.max_latency_ratio or run.max_latency_ratio,
        )

    @lru_cache(maxsize=64)  # noqa: B019 # lives as long as the run
    def recording_of(self, path: Path) -> Path:
        """Return the recording file of a test file: __graysplit__/<stem>.jsonl beside it, or below the given folder."""
        into = self._recording_of(path)
        self.test_files[into] = path
        return into

    def _recording_of(self, path: Path) -> Path:
        stem = path.name.removesuffix(path.suffix).removesuffix(".graysplit")
        if self._settings.recordings is None:
            return path.parent / "__graysplit__" / f"{stem}.jsonl"
        inside = path.parent.relative_to(self._root) if path.parent.is_relative_to(self._root) else Path()
        return self._root / self._settings.recordings / inside / f"{stem}.jsonl"

    def wishes(self, case: Case, path: Path, arms: Sequence[tuple[str, str]]) -> dict[str, tuple[Wish, ...]]:
        """Return the replies that each arm, a pair of its name and its model, is to give to the case of a test file."""
        into = self.recording_of(path)
        control_samples = self._settings.samples_of(CONTROL, case.samples)
        wanted = {}
        for arm, model in arms:
            request = self._request(case, path, model)
            count = control_samples if arm == CONTROL else self._settings.samples_of("treatment", case.samples)
            # In an A/A run one model plays both roles: the treatment takes the samples after the control's.
            first = control_samples if arm != CONTROL and model == self._settings.control else 0
            wanted[arm] = tuple(
                Wish(arm, ReplyKey(case.id, model, request.hash, sample), into, request.body)
                for sample in range(first, first + count)
            )
        return wanted

    def asked(self, case: Case, path: Path, control: str, treatment: str) -> tuple[str, tuple[str, ...]]:
        """Return the hash of what the control is asked, and the names of what the treatment is asked otherwise."""
        ours, theirs = self._request(case, path, control), self._request(case, path, treatment)
        if ours.hash == theirs.hash:
            return ours.hash, ()
        names = sorted(ours.body.keys() | theirs.body.keys())
        return ours.hash, tuple(name for name in names if ours.body.get(name) != theirs.body.get(name))

    def _request(self, case: Case, path: Path, model: str) -> Request:
        """Return what the model is asked; looked up more often than built, one case after the other."""
        modify = self._hooks.of("pytest_graysplit_modify_request", path)
        if self._asked is None or self._asked[0] is not case or self._asked[1] is not modify:
            self._asked, self._requests = (case, modify), {}
        if model not in self._requests:
            params = {**self._settings.params_of(model), **case.params}
            self._requests[model] = self._built(case, params, model, modify)
        return self._requests[model]

    def _built(self, case: Case, params: dict[str, Json], model: str, modify: HookCaller | None) -> Request:
        """Build the request, or take the other arm's where nothing sets them apart."""
        if modify is None:
            for known in self._requests.values():
                if known.params == params:
                    return known
        body: dict[str, Json] = {"messages": [dict(message) for message in case.messages], **params}
        if modify is not None:
            modify(case=case, model=model, body=body)
        return Request(params=params, body=body, hash=request_hash(body))


def tell_wanted(path: Path, plans: Sequence[Plan], asked_models: Sequence[str]) -> None:
    """Write one JSON line for each reply that the plans ask for.

    What metrics will ask depends on replies: of it only case and model are known, and its request is left blank.
    """
    wanted = {wish.address: None for plan in plans for some in plan.wishes.values() for wish in some}
    wanted |= {(plan.into, ReplyKey(plan.case.id, model, "", 0)): None for plan in plans for model in asked_models}
    with path.open("a", encoding="utf-8") as file:
        for into, key in wanted:
            file.write(json.dumps({"into": str(into.absolute()), **key._asdict()}) + "\n")
