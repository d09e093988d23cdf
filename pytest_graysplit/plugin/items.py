"""The hooks of the process that runs the tests: plan items, fetch replies, judge each test, report what came."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.display import plural
from pytest_graysplit.errors import RelayError, UnaskedError
from pytest_graysplit.escaping import on_one_line
from pytest_graysplit.explain import failure
from pytest_graysplit.plugin.calibration import fetches_first
from pytest_graysplit.plugin.casefile import CaseItem
from pytest_graysplit.plugin.marks import ARM_PARAM, CaseBuilder
from pytest_graysplit.plugin.memory import long_lived_objects_set_aside
from pytest_graysplit.plugin.notes import relay_notes
from pytest_graysplit.plugin.plainreports import show_plainly
from pytest_graysplit.plugin.plans import PLAN, Plan, tell_wanted
from pytest_graysplit.plugin.state import EXCHANGES, NO_TREATMENT
from pytest_graysplit.plugin.upfront import fetch_upfront, nothing_runs, will_run
from pytest_graysplit.plugin.window import Window, wants_window
from pytest_graysplit.recordings.orphans import VARIABLE
from pytest_graysplit.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pytest_graysplit.plugin.state import State
    from pytest_graysplit.results import CaseResult
    from pytest_graysplit.types import Case

RESULTS = pytest.StashKey[tuple["CaseResult", ...]]()
BODY_FAILURES = (Exception, pytest.fail.Exception)


class Items:
    """Lives in every process that runs tests: the only one, or each xdist worker."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._planned: list[pytest.Item] = []

    def adopt(self, items: Sequence[pytest.Function]) -> None:
        """Plan the items that came from one marked function; raise UsageError where the marker cannot be used."""
        builder = CaseBuilder(items[0], self._state.root, self._state.planner.with_thresholds)
        alone = "graysplit_reply" in items[0].fixturenames
        fixture = _own_fixture(items[0])
        for item in items:
            arm = item.callspec.params.get(ARM_PARAM) if hasattr(item, "callspec") else None
            self._plan(item, builder.case(item), arm=arm, alone=alone, fixture=fixture)

    def adopt_case(self, item: CaseItem) -> None:
        """Plan the item of a case file."""
        self._plan(item, self._state.planner.with_thresholds(item.case), arm=item.treatment, alone=False)

    def _plan(self, item: pytest.Item, case: Case, *, arm: Any, alone: bool, fixture: str | None = None) -> None:
        item.extra_keyword_matches.update(case.tags)
        state = self._state
        treatments, control = state.settings.treatments, state.settings.control
        if not treatments or control is None:
            return
        state.scoring.check(case)
        state.check_auto(case)
        treatment = treatments[0] if arm in (None, CONTROL) else str(arm)
        arms = [(CONTROL, control), (treatment, treatment)]
        judged = [pair for pair in arms if pair[0] == arm] if alone else arms
        held = _held_against_control(case) or state.scoring.asks(case)
        needed = arms if held and arm != CONTROL else judged
        into = state.planner.recording_of(item.path)
        request, differing = state.planner.asked(case, control, treatment)
        item.stash[PLAN] = Plan(
            case=case,
            request=request,
            differing=differing,
            treatment=treatment,
            alone=str(arm) if alone else None,
            file=state.shown(item.path),
            into=into,
            has_body=not isinstance(item, CaseItem),
            samples=state.settings.samples_of("treatment", case.samples),
            fixture=fixture,
            wishes=state.planner.wishes(case, into, needed),
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Skip marked tests when there is no treatment to compare."""
        if self._state.settings.treatments:
            return
        marked = [item for item in items if item.get_closest_marker("graysplit")]
        for item in marked:
            item.add_marker(pytest.mark.skip(reason=NO_TREATMENT))
        self._state.tally.notes.append(f"{plural(len(marked), 'marked test')} skipped: {NO_TREATMENT}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell `graysplit recordings check` which replies the collected cases would ask for, when it asks."""
        if told := os.environ.get(VARIABLE):
            plans = [item.stash[PLAN] for item in session.items if PLAN in item.stash]
            tell_wanted(Path(told), plans, self._state.settings.table.asked_models)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Count the cases that this run leaves out: it is partial, and says so."""
        self._state.tally.deselected += sum(PLAN in item.stash for item in items)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Fetch before the tests run, or ahead of them while they run."""
        config = session.config
        self._planned = planned = [item for item in session.items if PLAN in item.stash and will_run(item)]
        self._state.tally.planned = len(planned)
        if planned and not nothing_runs(session):
            stops_early = self._state.settings.early_stop is not None
            if wants_window(config, stops_early=stops_early) and not fetches_first(self._state, planned):
                config.pluginmanager.register(Window(self._state, session), "graysplit-window")
            else:
                fetch_upfront(self._state, planned)
        with long_lived_objects_set_aside():
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hand over what is ready; through the fixture's own machinery a test takes 80 microseconds longer."""
        plan = item.stash.get(PLAN, None)
        if plan is not None and plan.fixture is not None and EXCHANGES in item.stash:
            exchange = item.stash[EXCHANGES][0]
            ready = exchange.reply_or_reason() if plan.alone else exchange.comparison_or_reason()
            item.funcargs[plan.fixture] = ready  # type: ignore[attr-defined] # only functions have such a plan

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Assert thresholds and budgets when the body has ended, so that a miss is a failed test."""
        plan = item.stash.get(PLAN, None)
        if plan is not None:
            self._refuse_without_reply(item, plan)
        try:
            outcome = yield
        except BODY_FAILURES as error:
            if EXCHANGES in item.stash:
                item.stash[EXCHANGES][-1 if plan is None else 0].body_error = _one_line(error)
                item.add_report_section("call", "graysplit", self._judge(item))
            raise
        except pytest.skip.Exception:
            if any(exchange.unasked for exchange in item.stash.get(EXCHANGES, [])):
                self._judge(item)  # it skips because of us, and is counted
            raise
        if EXCHANGES in item.stash:
            self._fail_or_skip(item)
        return outcome

    def _refuse_without_reply(self, item: pytest.Item, plan: Plan) -> None:
        exchange = self._state.exchange(item, plan)
        if not exchange.blocked:
            return
        if isinstance(exchange.problem, RelayError):
            self._state.stop_run(item.session, exchange.problem)
        self._fail_or_skip(item)

    def _fail_or_skip(self, item: pytest.Item) -> None:
        """Fail the test with what was missed; skip it where the cap kept a reply from being asked for."""
        if text := self._judge(item):
            pytest.fail(text, pytrace=False)
        for exchange in item.stash[EXCHANGES]:
            if isinstance(exchange.problem, UnaskedError):
                raise pytest.skip.Exception(exchange.problem.problem, _use_item_location=True)

    def _judge(self, item: pytest.Item) -> str:
        """Judge all exchanges of the item, keep the results for the report, and return what failed, as text."""
        exchanges = item.stash[EXCHANGES]
        results = tuple(exchange.result(item.nodeid) for exchange in exchanges)
        item.stash[RESULTS] = results
        if self._state.config.getoption("xmlpath", None):
            item.user_properties += [pair for result in results for pair in _properties(result)]
        texts = [
            failure(result, exchange.problem)
            for result, exchange in zip(results, exchanges, strict=True)
            if not exchange.unasked
        ]
        return "\n\n".join(text for text in texts if text)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the results on the report; under every gate but "case" a miss is shown as a miss and fails nothing."""
        report = yield
        if call.when == "call" and EXCHANGES in item.stash:
            # A model's miss may be forgiven; a reply that nobody could get says nothing of a model.
            had = all(exchange.problem is None for exchange in item.stash[EXCHANGES])
            results = item.stash.get(RESULTS, ())
            _drop(item, EXCHANGES, RESULTS)
            show_plainly(report)
            _attach(report, results, forgiving=had and self._state.settings.gate != "case")
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Stop sending, and tell the controller what this worker knows."""
        self._state.finish()
        if self._state.is_worker:
            tally = self._state.tally
            payload: dict[str, object] = {
                "planned": tally.planned,
                "deselected": tally.deselected,
                "spared": tally.spared,
                "failure": tally.failure,
            }
            if self._state.budget is not None and (spent := self._state.budget.own_spent()):
                payload["spent"] = spent.as_texts()
            payload["notes"] = [*tally.notes, *relay_notes(self._state)]
            session.config.workeroutput["graysplit"] = payload  # type: ignore[attr-defined]

    def pytest_unconfigure(self) -> None:
        """Let go of everything: pytest walks all objects five times before it ends."""
        for item in self._planned:
            _drop(item, PLAN, EXCHANGES)
        self._planned.clear()
        self._state.release()


def _drop(item: pytest.Item, *keys: pytest.StashKey[Any]) -> None:
    for key in keys:
        if key in item.stash:
            del item.stash[key]


def _own_fixture(item: pytest.Function) -> str | None:
    """Return which of our fixtures the function asks for, unless somebody has overridden it."""
    for name in ("graysplit", "graysplit_reply"):
        if name in item.fixturenames:
            known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get(name, ())
            return name if len(known) == 1 else None
    return None


def _held_against_control(case: Case) -> bool:
    return case.min_similarity is not None or case.max_latency_ratio is not None


def _one_line(error: BaseException) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return first if isinstance(error, AssertionError | pytest.fail.Exception) else f"{type(error).__name__}: {first}"


def _properties(result: CaseResult) -> list[tuple[str, object]]:
    """What JUnit shows of a case: `graysplit_...` properties, for dashboards that read them."""
    pairs: list[tuple[str, object]] = [("graysplit_case", on_one_line(result.case.id))]
    if result.comparison is not None and result.comparison.similarity is not None:
        pairs.append(("graysplit_similarity", round(result.comparison.similarity, 4)))
    if result.comparison is not None and result.comparison.self_similarity is not None:
        pairs.append(("graysplit_self_similarity", round(result.comparison.self_similarity, 4)))
    for arm in result.arms:
        name = on_one_line(arm.arm)  # names of properties are written into XML as they are
        pairs.append((f"graysplit_passed[{name}]", str(arm.passed).lower()))
        for reply in arm.replies[:1]:
            pairs.append((f"graysplit_outcome[{name}]", reply.outcome))
            if reply.latency_s is not None:
                pairs.append((f"graysplit_latency_s[{name}]", reply.latency_s))
            if reply.cost_usd is not None:
                pairs.append((f"graysplit_cost_usd[{name}]", str(reply.cost_usd)))
    return pairs


def _cause(report: Any) -> str:
    """The assert that failed on one line, not the arguments and the source that a traceback begins with."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash else str(report.longreprtext)
    return text.removeprefix("Failed: ").splitlines()[0]


def _attach(report: Any, results: tuple[CaseResult, ...], *, forgiving: bool) -> None:
    report.graysplit = results
    if forgiving and report.outcome == "failed":
        report.graysplit_missed = _cause(report)
        report.sections.append(("graysplit miss", report.longreprtext))
        report.outcome, report.longrepr = "passed", None
