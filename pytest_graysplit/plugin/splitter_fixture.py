"""Which traffic splitter a run tests: a configured one, or equal shares of the run's own models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_graysplit.errors import Slug, UsageError
from pytest_graysplit.traffic.splitter import BASIS_POINTS, Split, TrafficSplitter
from pytest_graysplit.traffic.splitter.configured import build_splitter

if TYPE_CHECKING:
    from pytest_graysplit.config.settings import Settings

SALT = "graysplit"


def splitter_of(settings: Settings) -> TrafficSplitter | None:
    """Return a splitter of the test's own, for it counts its anonymous calls; None without splits and treatment.

    Raises UsageError where several splits are configured and the run's models do not tell which is meant.
    """
    splits = {name: build_splitter(table) for name, table in settings.table.splits.items()}
    if not splits:
        return _equal_shares(settings.control, settings.treatments)
    meant = list(splits) if len(splits) == 1 else [name for name, one in splits.items() if _serves(one, settings)]
    if len(meant) != 1:
        raise UsageError(
            f"[tool.graysplit.splits] has {', '.join(splits)}, and the run's models are those of "
            f"{' and '.join(meant) or 'none of them'}",
            hint="name the models of one with --graysplit-control and --graysplit-treatment, "
            'or take one by its name: load_splitter("NAME")',
            slug=Slug.SPLIT_UNCLEAR,
        )
    return splits[meant[0]]


def _serves(splitter: TrafficSplitter, settings: Settings) -> bool:
    control, *treatments = (split.model for split in splitter.splits)
    return control == settings.control and sorted(treatments) == sorted(settings.treatments)


def _equal_shares(control: str | None, treatments: tuple[str, ...]) -> TrafficSplitter | None:
    if control is None or not treatments:
        return None
    share = BASIS_POINTS // (len(treatments) + 1)
    rest = BASIS_POINTS - share * len(treatments)
    arms = [Split(control, rest / BASIS_POINTS), *(Split(model, share / BASIS_POINTS) for model in treatments)]
    return TrafficSplitter(arms, salt=SALT)
