"""Tests of an application: one item per arm and sample, and the models that each of them replaces."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pytest_graysplit.config.policy import SEED
from pytest_graysplit.config.settings import BUILT_IN_ALIASES
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.plugin.collect.arm_params import ARM_PARAM, ArmParam, params_of
from pytest_graysplit.types import CONTROL, Expect

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    import pytest

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.types import Case

# The fixture that makes a test one of an application.
APP_FIXTURE = "graysplit_app"

# Fields of `expect` about tool calls, which the calls of an application show without an output.
OF_CALLS = frozenset({"tool_calls", "tool_order", "no_other_tool_calls", "no_tool_calls"})
_NO_CALLS: dict[str, Any] = {field.name: field.default for field in fields(Expect) if field.name in OF_CALLS}

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPlan:
    """One item's part in a test of an application: the arm that answers its requests, and the number of its run.

    `arm` is "control" or the name of a treatment, and `config` its configuration. `sample` counts the arm's runs of the
    case, from 0, of which the control has `control_samples` and each treatment `samples`. `recorded_sample` is the
    number in recording keys. `swapped` are the names of the models that the arm replaces. `needs_output` is true if the
    case itself, and not only an option of the run, compares the output.
    """

    arm: str
    config: Arm
    sample: int
    recorded_sample: int
    control_samples: int
    samples: int
    swapped: frozenset[str]
    needs_output: bool


def asks_for_app(item: Any) -> bool:
    """Tell whether a function runs an application."""
    return APP_FIXTURE in getattr(item, "fixturenames", ())


def app_arms(settings: Settings, samples: object) -> list[ArmParam]:
    """Return the arms of a test of an application, each with all its samples; none without a treatment.

    `samples` is that of the marker, which is checked when the case is built.
    """
    if not settings.treatments:
        return []
    of_case = samples if isinstance(samples, int) and samples > 0 else None
    runs = []
    for arm in (CONTROL, *settings.treatments):
        count = settings.samples_of(CONTROL if arm == CONTROL else "treatment", of_case)
        runs += [ArmParam.of(arm, sample, count) for sample in range(count)]
    return runs


def app_plan(item: pytest.Item, case: Case, settings: Settings, swap: Iterable[str]) -> AppPlan:
    """Return the part of an item of an application's test; raise UsageError where it does not run once per arm."""
    param, where, samples = params_of(item).get(ARM_PARAM), case.where, case.samples
    if not isinstance(param, ArmParam):
        raise UsageError(
            f"{where}: a test with {APP_FIXTURE} runs once per arm, and this one cannot be parametrized",
            hint="write it as a function, or as a method of a plain class: pytest parametrizes no unittest.TestCase",
            slug=Slug.MARKER_LATE,
        )
    role = CONTROL if param.arm == CONTROL else "treatment"
    if settings.samples_of(role, samples) != param.samples:
        raise UsageError(
            f"{where}: samples: a test with {APP_FIXTURE} has the same number of runs for all its cases",
            hint="put samples into the marker of the function, @pytest.mark.graysplit(samples=...), and not into a row "
            "of a cases file or the marks of a parameter",
            slug=Slug.CASE_FIELD_CLASH,
        )
    control = settings.arm(cast("str", settings.control))
    config = control if param.arm == CONTROL else settings.arm(param.arm)
    control_samples = settings.samples_of(CONTROL, samples)
    # Where both arms send the same requests, the treatment takes the samples after the control's.
    first = control_samples if param.arm != CONTROL and control.is_same_as(config) else 0
    return AppPlan(
        arm=param.arm,
        config=config,
        sample=param.sample,
        recorded_sample=first + param.sample,
        control_samples=control_samples,
        samples=settings.samples_of("treatment", samples),
        swapped=swapped_names(settings, swap or (control.model,)),
        needs_output=needs_output(case),
    )


def needs_output(case: Case) -> bool:
    """Tell whether a case compares the output of the application, and not its tool calls alone."""
    compares_text = case.expect is not None and replace(case.expect, **_NO_CALLS) != Expect()
    return compares_text or bool(case.rubric or case.json_fields) or case.min_similarity is not None


def swapped_names(settings: Settings, names: Iterable[str]) -> frozenset[str]:
    """Return the names of models that are replaced: those given, the models that they stand for, and all aliases."""
    aliases = {**BUILT_IN_ALIASES, **settings.table.aliases}
    models = {aliases.get(name, name) for name in names}
    return frozenset({*names, *models, *(alias for alias, model in aliases.items() if model in models)})


def side_by_side(items: Iterable[_Item], case_of: Callable[[_Item], Hashable | None]) -> list[_Item]:
    """Put the items of each case next to each other, in the place of the first one and in a seeded order.

    `case_of` returns the case of an item that runs an application, and None for any other item.

    >>> side_by_side(["a1", "x", "b1", "a2"], lambda item: None if item == "x" else item[0])
    ['a1', 'a2', 'x', 'b1']
    """
    groups: dict[Hashable, list[_Item]] = {}
    for number, item in enumerate(items):
        case = case_of(item)
        groups.setdefault(("item", number) if case is None else ("case", case), []).append(item)
    for case, group in groups.items():
        Random(f"{SEED} {case}").shuffle(group)
    return [item for group in groups.values() for item in group]
