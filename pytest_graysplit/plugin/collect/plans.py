"""Plans of items: the case, its arms, and the requests for their replies."""

from __future__ import annotations

import json
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import pytest

from pytest_graysplit.errors import UsageError
from pytest_graysplit.plugin.collect.body_assertions import Bodies
from pytest_graysplit.plugin.collect.marks import where_of
from pytest_graysplit.replies.conversation import converse, next_requests
from pytest_graysplit.replies.fingerprint import request_hash
from pytest_graysplit.replies.reply_request import ReplyRequest
from pytest_graysplit.types import ReplyKey
from pytest_graysplit.verdict.noise_floor import uncalibrated, with_noise_floor
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pluggy import HookCaller

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.collect.app_arms import AppPlan
    from pytest_graysplit.plugin.hookspecs import FolderHooks
    from pytest_graysplit.plugin.run_totals import RunTotals
    from pytest_graysplit.plugin.scoring import Scoring
    from pytest_graysplit.replies.fetcher import ReplyFetcher
    from pytest_graysplit.replies.reply_request import Address
    from pytest_graysplit.types import Case, Json, Reply
    from pytest_graysplit.verdict.noise_floor import NoiseFloor

MODIFY = "pytest_graysplit_modify_request"
PLAN = pytest.StashKey["Plan"]()


class Request(NamedTuple):
    """A request without its model: its body as the arm configures it, its body after the hooks, and its hash."""

    configured: Mapping[str, Json]
    body: Mapping[str, Json]
    hash: str


class Difference(NamedTuple):
    """A comparison of the requests of both arms.

    `hash` is that of the control's. `undeclared` names the fields in which the treatment's differs because of a hook,
    and not because of its configuration. `same_request` is true if both arms send one request to one model at one
    endpoint.
    """

    hash: str
    undeclared: tuple[str, ...]
    same_request: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One item's case with every threshold in force, and the requests of each arm.

    `request_hash` is that of the control's request, also where the item judges only the treatment; of a conversation it
    covers the whole script. `differing`
    names the parameters in which the treatment's request differs and no configuration says so. `same_request` is
    true if both arms send the same request, and `same_arms` if their configurations are equal: an A/A run.
    `samples` is the number of replies that are judged per arm; further replies of the control measure its noise.
    `only_arm` is the arm of a `graysplit_reply` test; None for a comparison. `path` is the test file. `fixture` is
    the fixture of ours that the function asks for. `body_asserts` is true if the body of the test asserts something
    about the replies. `app` is the item's part in a test of an application, which has no requests beforehand.
    """

    case: Case
    request_hash: str
    differing: tuple[str, ...]
    same_request: bool
    same_arms: bool
    treatment: str
    only_arm: str | None
    file: str
    path: Path
    recording_path: Path
    has_body: bool
    samples: int
    body_asserts: bool = False
    fixture: str | None = None
    requests: Mapping[str, tuple[ReplyRequest, ...]] = field(default_factory=dict)
    app: AppPlan | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The file, the case id and the request hash, which together identify a case in the results."""
        return self.file, self.case.id, self.request_hash

    @property
    def judged_arms(self) -> tuple[str, ...]:
        """The arms that the item judges."""
        return (self.only_arm,) if self.only_arm else (CONTROL, self.treatment)

    def config_of(self, arm: str) -> Arm:
        """Return the configuration of an arm of the item."""
        return self.requests[arm][0].config if self.app is None else self.app.config

    @property
    def all_requests(self) -> list[ReplyRequest]:
        """The requests of all arms; of a conversation those of the first turn."""
        return [request for requests in self.requests.values() for request in requests]

    def next_requests(self, fetcher: ReplyFetcher) -> list[ReplyRequest]:
        """Return the requests that can be sent now; those of later turns depend on the answers before them."""
        return next_requests(fetcher, self.all_requests) if self.case.turns else self.all_requests

    def replies(self, fetcher: ReplyFetcher, arms: Sequence[str] | None = None) -> dict[str, tuple[Reply, ...]]:
        """Wait for the replies of these arms, or of all; raise RecordingError or RelayError for an unavailable one."""
        wanted = self.requests if arms is None else {arm: self.requests[arm] for arm in arms}
        if not self.case.turns:
            return {arm: tuple(map(fetcher.reply, requests)) for arm, requests in wanted.items()}
        replies = iter(converse(fetcher, [request for requests in wanted.values() for request in requests]))
        return {arm: tuple(islice(replies, len(requests))) for arm, requests in wanted.items()}


def store_plan(item: pytest.Item, plan: Plan) -> None:
    """Give an item its plan, or replace the one it has; plans enter the stash of an item only here."""
    item.stash[PLAN] = plan


def drop(item: pytest.Item, *keys: pytest.StashKey[Any]) -> None:
    """Delete keys from an item's stash if it has them."""
    for key in keys:
        if key in item.stash:
            del item.stash[key]


class Planner:
    """The one maker of plans under the settings, hooks and thresholds of a run."""

    def __init__(
        self, settings: Settings, root: Path, *, hooks: FolderHooks, scoring: Scoring, totals: RunTotals
    ) -> None:
        self.settings = settings
        self.root = root
        self.bodies = Bodies()
        self._hooks = hooks
        self._scoring = scoring
        self._totals = totals
        self._last_case: tuple[Case, HookCaller | None] | None = None
        self._requests: dict[str, Request] = {}
        # The calibrated `auto` threshold of each metric; None where it could not be calibrated.
        self.noise_floors: dict[str, NoiseFloor | None] = {}
        # The test file of each recording; its folder decides which hooks apply to the recording.
        self.test_files: dict[Path, Path] = {}

    def plan(  # noqa: PLR0913 # the facts that only the item knows, each by name
        self,
        case: Case,
        path: Path,
        *,
        treatment: str,
        only_arm: str | None,
        arms: Sequence[str],
        has_body: bool,
        body_asserts: bool,
        fixture: str | None = None,
    ) -> Plan:
        """Return the plan of an item of a test file; `arms` are "control" and the treatment, or one of them."""
        control, other = self._configured(CONTROL), self._configured(treatment)
        difference = self._difference(case, path, control, other)
        return Plan(
            case=case,
            request_hash=_identity_of(case, difference.hash),
            differing=difference.undeclared,
            same_request=difference.same_request,
            same_arms=control.is_same_as(other),
            treatment=treatment,
            only_arm=only_arm,
            file=self.shown(path),
            path=path,
            recording_path=self.recording_of(path),
            has_body=has_body,
            body_asserts=body_asserts,
            samples=self.settings.samples_of("treatment", case.samples),
            fixture=fixture,
            requests={arm: self._requests_of(case, path, arm, difference) for arm in arms},
        )

    def plan_app(self, case: Case, path: Path, part: AppPlan, *, body_asserts: bool) -> Plan:
        """Return the plan of an item that runs an application; its case is identified by its own messages."""
        is_control, control = part.arm == CONTROL, self._configured(CONTROL)
        return Plan(
            case=case,
            request_hash=request_hash({"application": [dict(message) for message in case.messages]}),
            differing=(),
            same_request=False,
            same_arms=not is_control and control.is_same_as(part.config),
            treatment=self.settings.treatments[0] if is_control else part.arm,
            only_arm=part.arm,
            file=self.shown(path),
            path=path,
            recording_path=self.recording_of(path),
            has_body=True,
            samples=1,
            body_asserts=body_asserts,
            app=part,
        )

    def check(self, case: Case, path: Path) -> None:
        """Raise UsageError if the case of a test file cannot be scored, or asks for `auto` in a run without samples."""
        self._scoring.check(case, path)
        self._check_auto(case)

    def keys_of_other_arms(self, plan: Plan) -> Iterator[Address]:
        """Yield the recording keys of the plan's case for all configured arms, which another run may compare."""
        for name in self.settings.table.arms:
            with suppress(UsageError):  # an arm without its prompt file cannot be compared
                arm = self.settings.arm(name)
                request = self._request(plan.case, plan.path, arm)
                yield plan.recording_path, ReplyKey(plan.case.id, arm.model, request.hash, 0, arm.recorded_as)

    def needs_both_arms(self, case: Case, path: Path) -> bool:
        """Tell whether the case's item must have both arms, because only its process can compare them."""
        compares = case.min_similarity is not None or case.max_latency_ratio is not None
        return compares or self._scoring.is_model_graded(case) or self._scoring.is_hooked(path)

    def _check_auto(self, case: Case) -> None:
        if case.min_similarity == "auto":
            where = f"{case.where}: " if case.where else ""
            self.settings.check_auto(f"{where}min_similarity=auto", case.samples)

    def with_calibrated(self, case: Case) -> Case:
        """Replace `auto` in a case that is known only during its test by the threshold of the marked cases."""
        if case.min_similarity != "auto":
            return case
        self._check_auto(case)
        metric = cast("str", case.metric)
        if metric not in self.noise_floors:
            self.noise_floors[metric] = None
            self._totals.notes.append(uncalibrated(0, None, {case.fallback_similarity}))
        return with_noise_floor(case, self.noise_floors[metric])

    def without_auto(self, case: Case) -> Case:
        """Replace `auto` in the case of an application, whose answers come too late for it; say so once."""
        if case.min_similarity != "auto":
            return case
        number = case.fallback_similarity
        instead = "no threshold" if number is None else f"{number:g}"
        note = f"min_similarity=auto does not go with graysplit_app: these tests have {instead}"
        if note not in self._totals.notes:
            self._totals.notes.append(note)
        return replace(case, min_similarity=number)

    @lru_cache(maxsize=64)  # noqa: B019 # lives as long as the run
    def shown(self, path: Path) -> str:
        """Return a path as messages show it: relative to the root if it is inside."""
        return where_of(path, None, self.root)

    def with_thresholds(self, case: Case) -> Case:
        """Fill the open thresholds of a case from the options; the marker and the case file take precedence."""
        run = self.settings
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
        recording_path = self._recording_of(path)
        self.test_files[recording_path] = path
        return recording_path

    def _recording_of(self, path: Path) -> Path:
        stem = path.name.removesuffix(path.suffix).removesuffix(".graysplit")
        if self.settings.recordings is None:
            return path.parent / "__graysplit__" / f"{stem}.jsonl"
        inside = path.parent.relative_to(self.root) if path.parent.is_relative_to(self.root) else Path()
        return self.root / self.settings.recordings / inside / f"{stem}.jsonl"

    def _configured(self, arm: str) -> Arm:
        """Return the configuration of an arm: "control", or the name of a treatment."""
        return self.settings.arm(cast("str", self.settings.control) if arm == CONTROL else arm)

    def _requests_of(self, case: Case, path: Path, arm: str, difference: Difference) -> tuple[ReplyRequest, ...]:
        config, into = self._configured(arm), self.recording_of(path)
        built = self._request(case, path, config)
        count = self.settings.samples_of(CONTROL if arm == CONTROL else "treatment", case.samples)
        # Where both arms send one request, the treatment takes the samples after the control's: two answers to it.
        first = self.settings.samples_of(CONTROL, case.samples) if arm != CONTROL and difference.same_request else 0
        keys = (
            ReplyKey(case.id, config.model, built.hash, sample, config.recorded_as)
            for sample in range(first, first + count)
        )
        turn, following = (0, tuple(turn.message for turn in case.turns[1:])) if case.turns else (None, ())
        return tuple(
            ReplyRequest(arm, config, key, into, built.body, turn=turn, following=following, files=case.files)
            for key in keys
        )

    def _difference(self, case: Case, path: Path, control: Arm, treatment: Arm) -> Difference:
        ours, theirs = self._request(case, path, control), self._request(case, path, treatment)
        same_place = control.recorded_as == treatment.recorded_as or control.is_same_as(treatment)
        if ours.hash == theirs.hash:
            return Difference(ours.hash, (), control.model == treatment.model and same_place)
        modify = self._hooks.of(MODIFY, path)
        if modify is None:
            return Difference(ours.hash, (), same_request=False)
        # The difference between the arms is that of their configurations if the hook treats both of them alike: if it
        # makes the same of the treatment's request when it is told that the control sends it.
        as_control = self._modified(case, theirs.configured, control, modify)
        names = sorted(as_control.keys() | theirs.body.keys())
        undeclared = tuple(name for name in names if as_control.get(name) != theirs.body.get(name))
        return Difference(ours.hash, undeclared, same_request=False)

    def _request(self, case: Case, path: Path, arm: Arm) -> Request:
        """Return the arm's request for a case; those of the last case are kept for its other items."""
        modify = self._hooks.of(MODIFY, path)
        if self._last_case is None or self._last_case[0] is not case or self._last_case[1] is not modify:
            self._last_case, self._requests = (case, modify), {}
        if arm.name not in self._requests:
            messages: list[Json] = [dict(message) for message in arm.with_system(case.messages)]
            configured = {"messages": messages, **arm.with_params(case.params)}
            self._requests[arm.name] = self._built(case, configured, arm, modify)
        return self._requests[arm.name]

    def _built(self, case: Case, configured: dict[str, Json], arm: Arm, modify: HookCaller | None) -> Request:
        """Build the request, or reuse the other arm's if both have the same messages and parameters."""
        if modify is None:
            for known in self._requests.values():
                if known.configured == configured:
                    return known
            return Request(configured, configured, request_hash(configured))
        body = self._modified(case, configured, arm, modify)
        return Request(configured, body, request_hash(body))

    def _modified(self, case: Case, configured: Mapping[str, Json], arm: Arm, modify: HookCaller) -> dict[str, Json]:
        body = deepcopy(dict(configured))
        modify(case=case, model=arm.model, arm=arm.name, body=body)
        return body


def _identity_of(case: Case, opening_hash: str) -> str:
    """Return the hash that identifies a case: of its request, or of the whole script of a conversation."""
    if not case.turns:
        return opening_hash
    return request_hash({"opening": opening_hash, "turns": [dict(turn.message) for turn in case.turns]})


def write_requested(path: Path, plans: Sequence[Plan], asked: Sequence[Arm], planner: Planner) -> None:
    """Write one JSON line for each reply that the plans request, and for one of each other configured arm.

    The requests of metrics depend on replies: only their case, model and arm are known, and their hash is left empty.
    The later turns of a conversation depend on them as well, and those of an application on its code: a line without
    model and hash stands for all of them.
    """
    requested = {request.recording_key: None for plan in plans for request in plan.all_requests}
    requested |= {key: None for plan in plans if not plan.app for key in planner.keys_of_other_arms(plan)}
    requested |= {
        (plan.recording_path, ReplyKey(plan.case.id, arm.model, "", 0, arm.recorded_as)): None
        for plan in plans
        for arm in asked
    }
    requested |= {
        (plan.recording_path, ReplyKey(plan.case.id, "", "", 0)): None for plan in plans if plan.case.turns or plan.app
    }
    with path.open("a", encoding="utf-8") as file:
        for recording_path, key in requested:
            file.write(json.dumps({"into": str(recording_path.absolute()), **key._asdict()}) + "\n")
