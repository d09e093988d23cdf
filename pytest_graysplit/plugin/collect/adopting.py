"""Items of case files, and planning of all marked items, whichever plugin made them and whenever they were marked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.cases.files import read_cases
from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.plugin.collect.app_arms import app_plan, asks_for_app
from pytest_graysplit.plugin.collect.app_cases import AppCaseBuilder
from pytest_graysplit.plugin.collect.arm_params import ARM_PARAM, params_of
from pytest_graysplit.plugin.collect.marks import CaseBuilder, is_marked, marks_of, own_fixture, where_of
from pytest_graysplit.plugin.collect.plans import PLAN, store_plan
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_graysplit.plugin.collect.plans import Plan, Planner
    from pytest_graysplit.types import Case

SUFFIXES = (".graysplit.jsonl", ".graysplit.yaml", ".graysplit.yml", ".graysplit.csv")
# The markers that an item was planned with. If it has others now, it is planned again.
MARKS = pytest.StashKey[tuple[pytest.Mark, ...]]()
# The argument that holds the prompt and the builder of the case, for an item whose prompt a fixture makes.
AWAITED = pytest.StashKey[tuple[str, CaseBuilder]]()
# The reason why an item of an xdist worker cannot be planned; its test fails with it.
PROBLEM = pytest.StashKey[GraysplitError]()


class CaseFile(pytest.File):
    """One case file; its items are its cases, one per treatment if there are several."""

    plan: Callable[[CaseItem], None]
    treatments: tuple[str, ...] = ()

    def collect(self) -> Iterator[CaseItem]:
        """Read the file; a broken one is one collection error with its line."""
        try:
            yield from self._items()
        except GraysplitError as error:
            raise self.CollectError(str(error)) from None

    def _items(self) -> Iterator[CaseItem]:
        shown = where_of(self.path, None, self.config.rootpath)
        for case in read_cases(self.path, shown, self.config.rootpath):
            for treatment in self.treatments if len(self.treatments) > 1 else (None,):
                name = case.id if treatment is None else f"{case.id}[{treatment}]"
                item: CaseItem = CaseItem.from_parent(self, name=name, case=case, treatment=treatment)
                self.plan(item)
                yield item


class CaseItem(pytest.Item):
    """One case of a case file; its body is empty, because the case contains its expectations."""

    def __init__(self, *, case: Case, treatment: str | None, **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type] # pytest's nodes take the arguments of from_parent
        self.case = case
        self.treatment = treatment
        self.add_marker("graysplit")

    def runtest(self) -> None:
        """Do nothing: replies are fetched before the test, and thresholds are checked after it."""

    def reportinfo(self) -> tuple[str, int | None, str]:
        """Return the place of the case, for headings and `-v`."""
        line = self.case.where.rpartition(":")[2]
        return str(self.path), int(line) - 1 if line.isdecimal() else None, self.name


class Adopter:
    """The planner of items: once when they are collected, and again when their markers have changed."""

    def __init__(self, planner: Planner, *, is_worker: bool) -> None:
        self._planner = planner
        self._settings = planner.settings
        self._is_worker = is_worker
        self._builders: dict[tuple[object, ...], CaseBuilder] = {}

    def adopt(self, items: Iterable[pytest.Item], *, late: bool = False) -> None:
        """Plan the marked items among these; raise UsageError for an invalid marker.

        `late` means that all items are collected and their number cannot change any more.
        """
        for item in items:
            if is_marked(item) and not self.is_adopted(item):
                try:
                    self._adopt(item, late=late)
                except UsageError as error:
                    if not (late and self._is_worker):
                        raise
                    # The controller does not show the usage error of a worker, but it shows a failed test.
                    item.stash[PROBLEM] = error

    def adopt_case(self, item: CaseItem) -> None:
        """Plan the item of a case file."""
        item.stash[MARKS] = marks_of(item)
        case = self._builder(item).overlaid(item.case)
        self._plan(item, self._planner.with_thresholds(case), asserts=False)

    def plan_awaited(self, item: pytest.Item, value: object) -> Plan | None:
        """Plan an item after a fixture has made its prompt; return None in a run without a treatment."""
        name, builder = item.stash[AWAITED]
        self._plan(item, builder.case(item, {name: value}), asserts=builder.asserts)
        plan = item.stash.get(PLAN, None)
        if plan is not None and (case := self._planner.with_calibrated(plan.case)) is not plan.case:
            plan = replace(plan, case=case)
            store_plan(item, plan)
        return plan

    def is_adopted(self, item: pytest.Item) -> bool:
        """Tell whether a marked item was planned with the markers that it has now."""
        known = item.stash.get(MARKS, None)
        if known is None:
            return False
        marks = marks_of(item)
        return len(known) == len(marks) and all(map(_is_same, known, marks))

    def _adopt(self, item: pytest.Item, *, late: bool) -> None:
        if isinstance(item, CaseItem):
            self.adopt_case(item)
            return
        builder = self._builder(item)
        item.stash[MARKS] = marks_of(item)
        if late:
            self._require_arm(item)
        if name := builder.awaited(item):
            item.stash[AWAITED] = name, builder
            return
        if asks_for_app(item):
            self._plan_app(item, builder)
        else:
            self._plan(item, builder.case(item), asserts=builder.asserts)

    def _builder(self, item: pytest.Item) -> CaseBuilder:
        """Return the builder that the item shares with others of its function and markers."""
        marks = [id(mark) for mark in marks_of(item) if mark.kwargs or mark.args]
        name = None if isinstance(item, CaseItem) else getattr(item, "originalname", item.name)
        key = (item.parent, name, *marks)
        if key not in self._builders:
            kind = AppCaseBuilder if asks_for_app(item) else CaseBuilder
            self._builders[key] = kind(item, self._planner.root, self._planner.with_thresholds)
        return self._builders[key]

    def _require_arm(self, item: pytest.Item) -> None:
        """Raise UsageError for an item that should have been split into one item per arm."""
        treatments = self._settings.treatments
        if ARM_PARAM in params_of(item) or len(treatments) < 2:
            return
        raise UsageError(
            f"{item.nodeid}: this marker came too late to run the test once per treatment",
            hint="let the test ask for the fixture graysplit, or mark the function, its class or its module",
            slug=Slug.MARKER_LATE,
        )

    def _plan(self, item: pytest.Item, case: Case, *, asserts: bool | None) -> None:
        item.extra_keyword_matches.update(case.tags)
        treatments = self._settings.treatments
        if not treatments or self._settings.control is None:
            return
        self._planner.check(case, item.path)
        arm = item.treatment if isinstance(item, CaseItem) else params_of(item).get(ARM_PARAM)
        only_arm = str(arm) if "graysplit_reply" in getattr(item, "fixturenames", ()) and arm is not None else None
        treatment = treatments[0] if arm in (None, CONTROL) else str(arm)
        arms = [CONTROL, treatment]
        if only_arm and (only_arm == CONTROL or not self._planner.needs_both_arms(case, item.path)):
            arms = [only_arm]
        plan = self._planner.plan(
            case,
            item.path,
            treatment=treatment,
            only_arm=only_arm,
            arms=arms,
            has_body=not isinstance(item, CaseItem),
            body_asserts=self._planner.bodies.assert_something(item) if asserts is None else asserts,
            fixture=own_fixture(item),
        )
        store_plan(item, plan)

    def _plan_app(self, item: pytest.Item, builder: CaseBuilder) -> None:
        """Plan an item that runs an application: its requests are known only during its test."""
        case = builder.case(item)
        item.extra_keyword_matches.update(case.tags)
        if not self._settings.treatments or self._settings.control is None:
            return
        part = app_plan(item, case, self._settings, builder.swap)
        case = self._planner.without_auto(self._planner.with_thresholds(case))
        self._planner.check(case, item.path)
        asserts = self._planner.bodies.assert_something(item) if builder.asserts is None else builder.asserts
        store_plan(item, self._planner.plan_app(case, item.path, part, body_asserts=asserts))


def without_spare_arms(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the items without those that repeat an unmarked test for a further arm."""
    first: dict[object, object] = {}
    kept = []
    for item in items:
        arm = params_of(item).get(ARM_PARAM)
        if arm is not None and not is_marked(item):
            shared = (item.parent, getattr(item, "originalname", item.name))
            if first.setdefault(shared, arm) != arm:
                continue
        kept.append(item)
    return kept


def marked_late(item: pytest.Item) -> UsageError:
    """Return the error for a marker that was added after the test had begun."""
    return UsageError(
        f"{item.nodeid}: a marker graysplit was added while the test was set up, too late to ask any model",
        hint="add it while tests are collected: on the function, on a parameter, or with item.add_marker() in "
        "pytest_collection_modifyitems; request.applymarker() comes too late",
        slug=Slug.MARKER_LATE,
    )


def _is_same(one: Any, other: Any) -> bool:
    return one is other
