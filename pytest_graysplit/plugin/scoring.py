"""Who scores the answers to a case: a hook of the user's, or the built-in metric."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from pytest_graysplit.errors import UsageError
from pytest_graysplit.metrics import NAMES, built_in
from pytest_graysplit.options import nearest

if TYPE_CHECKING:
    import pytest

    from pytest_graysplit.comparison import Score
    from pytest_graysplit.config import Settings
    from pytest_graysplit.types import Case, Reply


class Scoring:
    """Finds the scorer of a case; a hook is asked first, so that it may take over a built-in metric."""

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._hook = config.hook.pytest_graysplit_score
        self._settings = settings
        self._built_in: dict[str, Score] = {}

    def check(self, case: Case) -> None:
        """Raise UsageError when nobody can compute the metric that the case names."""
        name = cast("str", case.metric)
        if name not in NAMES and not self._hook.get_hookimpls():
            raise _unknown(
                name,
                "--graysplit-metric: " if name == self._settings.metric else f"{case.where}: " if case.where else "",
            )

    def of(self, case: Case) -> Score:
        """Return the function that scores a pair of replies to the case."""
        name = cast("str", case.metric)
        if self._hook.get_hookimpls():
            return partial(self._hooked, name, case)
        if name not in self._built_in:
            self._built_in[name] = _of_texts(name)
        return self._built_in[name]

    def _hooked(self, name: str, case: Case, control: Reply, treatment: Reply) -> float:
        score = self._hook(metric=name, case=case, control=control, treatment=treatment)
        if score is not None:
            return float(score)
        return _of_texts(name)(control, treatment)


def _of_texts(name: str) -> Score:
    metric = built_in(name)
    if metric is None:
        raise _unknown(name)
    return lambda control, treatment: metric.score(control.text, treatment.text)


def _unknown(name: str, where: str = "") -> UsageError:
    return UsageError(
        f"{where}unknown metric {name!r}{nearest(name, NAMES)}",
        hint=f"built in are {', '.join(NAMES)}; your own is a conftest.py function pytest_graysplit_score",
        slug="metric-unknown",
    )
