"""Arms as parameters of tests: the names in the ids of items, and the ids of their cases without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    import pytest

ARM_PARAM = "_graysplit_arm"


class ArmParam(str):
    """The name of an arm as a parameter, with its place and its text among the ids of its test.

    `arm` is the arm's own name, and `sample` the number of its run of an application, from 0, out of `samples`: the
    name of a further run has a number.
    """

    __slots__ = ("arm", "place", "sample", "samples", "text")

    arm: str
    sample: int
    samples: int
    place: int
    text: str

    @classmethod
    def of(cls, arm: str, sample: int = 0, samples: int = 1) -> Self:
        """Return the parameter of an arm's run.

        >>> ArmParam.of("control"), ArmParam.of("control", 1, 2)
        ('control', 'control-2')
        """
        param = cls(arm if sample == 0 else f"{arm}-{sample + 1}")
        param.arm, param.sample, param.samples, param.place, param.text = arm, sample, samples, 0, param
        return param


def note_ids(metafunc: pytest.Metafunc, arms: Sequence[ArmParam]) -> None:
    """Keep the id that pytest has made for each arm, and its place, because other plugins may parametrize later."""
    for arm in arms:
        arm.place, arm.text = 0, arm
    for call in calls_of(metafunc):
        arm, ids = call.params[ARM_PARAM], call._idlist  # noqa: SLF001 # the id of a test is these, joined
        arm.place, arm.text = max(arm.place, len(ids) - 1), ids[-1]


def calls_of(metafunc: pytest.Metafunc) -> Sequence[Any]:
    """Return the sets of parameters of a function so far."""
    return getattr(metafunc, "_calls", ())


def params_of(item: pytest.Item) -> Mapping[str, Any]:
    """Return the parameters of an item; empty if it is not parametrized."""
    callspec = getattr(item, "callspec", None)
    return {} if callspec is None else cast("Mapping[str, Any]", callspec.params)


def case_id_of(item: pytest.Item) -> str:
    """Return the name of an item within its file, without the arm: both arms are one case."""
    name = item.nodeid.partition("::")[2] or item.name
    arm = params_of(item).get(ARM_PARAM)
    if not isinstance(arm, ArmParam):
        return name
    callspec: Any = item.callspec  # type: ignore[attr-defined] # it has parameters
    ids = list(callspec._idlist)  # noqa: SLF001 # the id of a test is these, joined
    places = [place for place, text in enumerate(ids) if text == arm.text and place <= arm.place]
    if not places:
        return name
    del ids[places[-1]]
    base = name.removesuffix(f"[{callspec.id}]")
    return f"{base}[{'-'.join(ids)}]" if ids else base


def is_indirect(item: Any, name: str) -> bool:
    """Tell whether a parameter goes through a fixture, so that the test gets the fixture's value."""
    known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get(name)
    # pytest uses this private function to pass a direct parameter.
    return known is not None and getattr(known[-1].func, "__name__", "") != "get_direct_param_fixture_func"
