"""Values of the fixtures: the case run of a marked test, the relay for test bodies, and the splitter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_graysplit.cases.attachments import Attachments
from pytest_graysplit.cases.fields import MARKER_FIELDS, build_case
from pytest_graysplit.errors import GraysplitError, Slug, UsageError
from pytest_graysplit.plugin.collect.adopting import AWAITED, marked_late
from pytest_graysplit.plugin.collect.marks import asserts_of, is_marked
from pytest_graysplit.plugin.collect.plans import PLAN
from pytest_graysplit.plugin.context import NO_TREATMENT
from pytest_graysplit.plugin.options import pytest_option, settings_of
from pytest_graysplit.plugin.registration import context_of, runner_of
from pytest_graysplit.traffic.splitter import BASIS_POINTS, Split, TrafficSplitter
from pytest_graysplit.traffic.splitter.configured import build_splitter, with_arms
from pytest_graysplit.verdict.results import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.plugin.collect.plans import Plan
    from pytest_graysplit.plugin.context import RunContext
    from pytest_graysplit.plugin.evaluate.case_run import CaseRun
    from pytest_graysplit.types import Case, Comparison, Message, Reply

ROLES = ("control", "treatment")
SALT = "graysplit"


def case_run_of(request: pytest.FixtureRequest, fixture: str) -> CaseRun:
    """Return the case run of a marked item for a fixture; fail or skip a test that has none."""
    item = request.node
    plan = item.stash.get(PLAN, None)
    if plan is None and is_marked(item):
        plan = _plan_awaited(request)
    if plan is None:
        pytest.fail(
            f"the fixture {fixture} needs a marked test\n"
            f'  hint: put @pytest.mark.graysplit(prompt="...") on {getattr(item, "originalname", item.name)}, '
            f"or ask for graysplit_relay to call prompts from the body  [{Slug.FIXTURE_UNMARKED}]",
            pytrace=False,
        )
    if pytest_option(item.config, "setuponly"):
        pytest.skip("--setup-only asks no model")
    return context_of(item.config).evaluator.case_run(item, plan)


def _plan_awaited(request: pytest.FixtureRequest) -> Plan | None:
    """Plan an item whose prompt a fixture makes; skip or fail the test if that is impossible."""
    item, runner = request.node, runner_of(request.config)
    if not context_of(request.config).settings.treatments:
        pytest.skip(NO_TREATMENT)
    if AWAITED not in item.stash or not runner.adopter.is_adopted(item):
        pytest.fail(str(marked_late(item)), pytrace=False)
    return runner.plan_awaited(item, request.getfixturevalue(item.stash[AWAITED][0]))


class RelayFixture:
    """The relay for a test body: it calls both arms and all samples at once, and records every reply.

    Thresholds of the call or of the marker are checked after the body, as for a marked prompt.
    """

    def __init__(self, context: RunContext, item: pytest.Item) -> None:
        plan = item.stash.get(PLAN, None)
        self._context = context
        self._item = item
        self._treatment = plan.treatment if plan else context.settings.treatments[0]
        self._where = context.planner.shown(item.path)
        self._case_id = plan.case.id if plan else item.nodeid.partition("::")[2]
        self._calls = 0

    def compare(self, prompt: str | Sequence[Message] | None = None, **fields: Any) -> Comparison:
        """Call control and treatment, and return their comparison; `fields` are those of the marker.

        With `turns` instead of a prompt, the replies of the comparison are those to the last turns. Raises UsageError
        for an unknown field, and fails the test if a reply is unavailable.
        """
        __tracebackhide__ = True
        return self._run(prompt, fields, ROLES).comparison_or_reason()

    def reply(self, prompt: str | Sequence[Message] | None = None, *, arm: str = "treatment", **fields: Any) -> Reply:
        """Call one arm, "control" or "treatment", and return its reply; with `turns` that to the last turn."""
        __tracebackhide__ = True
        if arm not in ROLES:
            raise UsageError(
                f"{self._where}: arm: expected control or treatment, got {arm!r}",
                hint='the role, not the model: arm="control" or arm="treatment"',
                slug=Slug.ARM_UNKNOWN,
            )
        return self._run(prompt, fields, (arm,)).reply_or_reason()

    def _run(self, prompt: str | Sequence[Message] | None, fields: dict[str, Any], roles: Sequence[str]) -> CaseRun:
        __tracebackhide__ = True
        try:
            asserts = asserts_of(fields, self._where)
            plan = self._plan(self._case(prompt, fields), roles, asserts=asserts)
            self._context.fetching.send_from_body(plan)
            return self._context.evaluator.case_run(self._item, plan)
        except GraysplitError as error:
            # The user's own line and the message are enough; the traceback leaves out our frames.
            raise error.with_traceback(None) from None

    def _case(self, prompt: str | Sequence[Message] | None, fields: dict[str, Any]) -> Case:
        self._calls += 1
        name = "prompt" if isinstance(prompt, str) else "messages"
        case_id = str(fields.pop("id", f"{self._case_id}#{self._calls}"))
        given = fields if prompt is None else {**fields, name: prompt}
        attachments = Attachments(self._item.path.parent, self._context.planner.root)
        return build_case(given, where=self._where, id=case_id, allowed=MARKER_FIELDS, attachments=attachments)

    def _plan(self, case: Case, roles: Sequence[str], *, asserts: bool | None) -> Plan:
        planner, path, treatment = self._context.planner, self._item.path, self._treatment
        arms = [CONTROL if role == "control" else treatment for role in roles]
        case = planner.with_calibrated(planner.with_thresholds(case))
        planner.check(case, path)
        return planner.plan(
            case,
            path,
            treatment=treatment,
            only_arm=arms[0] if len(arms) == 1 else None,
            arms=arms,
            has_body=False,
            body_asserts=self._body_asserts() if asserts is None else asserts,
        )

    def _body_asserts(self) -> bool:
        """Tell whether the body asserts something; the marker of the test takes precedence."""
        item = self._item
        return (
            item.stash[PLAN].body_asserts if PLAN in item.stash else self._context.planner.bodies.assert_something(item)
        )


def relay_of(item: pytest.Item) -> RelayFixture:
    """Return the relay of an item; skip the test without a treatment."""
    context = context_of(item.config)
    if not context.settings.treatments:
        pytest.skip(NO_TREATMENT)
    return RelayFixture(context, item)


def splitter_or_reason(config: pytest.Config) -> TrafficSplitter:
    """Return the splitter of the run's settings without activating the rest of the plugin; fail or skip without one."""
    try:
        splitter = _splitter_of(settings_of(config))
    except UsageError as error:
        pytest.fail(str(error), pytrace=False)
    return splitter or pytest.skip(NO_TREATMENT)


def _splitter_of(settings: Settings) -> TrafficSplitter | None:
    """Return a new splitter, because each test counts its own anonymous calls; None without splits and treatment.

    Raises UsageError if several splits are configured and the run's models do not select one of them.
    """
    splits = {name: build_splitter(table, settings) for name, table in settings.table.splits.items()}
    if not splits:
        return _equal_shares(settings)
    selected = (
        list(splits) if len(splits) == 1 else [name for name, one in splits.items() if _has_models(one, settings)]
    )
    if len(selected) != 1:
        raise UsageError(
            f"[tool.graysplit.splits] has {', '.join(splits)}, and the run's models are those of "
            f"{' and '.join(selected) or 'none of them'}",
            hint="name the models of one with --graysplit-control and --graysplit-treatment, "
            'or take one by its name: load_splitter("NAME")',
            slug=Slug.SPLIT_UNCLEAR,
        )
    return splits[selected[0]]


def _has_models(splitter: TrafficSplitter, settings: Settings) -> bool:
    control, *treatments = (split.table or split.model for split in splitter.splits)
    return control == settings.control and sorted(treatments) == sorted(settings.treatments)


def _equal_shares(settings: Settings) -> TrafficSplitter | None:
    control, treatments = settings.control, settings.treatments
    if control is None or not treatments:
        return None
    share = BASIS_POINTS // (len(treatments) + 1)
    rest = BASIS_POINTS - share * len(treatments)
    arms = [Split(control, rest / BASIS_POINTS), *(Split(model, share / BASIS_POINTS) for model in treatments)]
    return with_arms(TrafficSplitter(arms, salt=SALT), settings)
