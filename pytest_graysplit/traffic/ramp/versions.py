"""The versions of weights: which weights may follow those in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from pytest_graysplit.errors import Slug, UsageError

if TYPE_CHECKING:
    from pytest_graysplit.traffic.log.records import SplitRecord
    from pytest_graysplit.traffic.splitter import TrafficSplitter


def numbered(splitter: TrafficSplitter, current: TrafficSplitter) -> TrafficSplitter:
    """Return the weights of the application with a version after the current one; raise UsageError for an older one.

    Weights whose version the application did not write get the next number.
    """
    if splitter.salt != current.salt or splitter.version > current.version or not current.version:
        return splitter
    if splitter.identity == current.identity and splitter.version == current.version:
        return splitter
    if splitter.is_numbered:
        raise _older(splitter, current)
    return splitter.with_version(current.version + 1)


def require_newer(found: TrafficSplitter, current: TrafficSplitter) -> None:
    """Raise UsageError for watched weights with an older version, and for a treatment raised without a newer one.

    Lower weights need no new version, so that a kill switch does not fail by a forgotten number.
    """
    if found.version < current.version:
        raise _older(found, current)
    points = list(zip(found.arms, found.basis_points, current.basis_points, strict=True))
    raised = [arm for arm, new, old in points[1:] if new > old]
    if raised and current.version and found.version == current.version:
        raise UsageError(
            f"version {found.version} is in force with other weights, and the file raises {', '.join(raised)}",
            hint="raise the version too; lower weights are taken without it",
            slug=Slug.SPLIT_VERSION,
        )


def version_of(record: SplitRecord) -> int:
    """Return the version of a split in the log, 0 without one."""
    return 0 if record.version is UNSET else record.version


def weights_text(splitter: TrafficSplitter) -> str:
    """Return the weights in words, such as `control 90%, deepseek-v3.2 10%, version 7`."""
    shares = (f"{arm} {points / 100:g}%" for arm, points in zip(splitter.arms, splitter.basis_points, strict=True))
    return f"{', '.join(shares)}, version {splitter.version or 'none'}"


def _older(splitter: TrafficSplitter, current: TrafficSplitter) -> UsageError:
    return UsageError(
        f"version {splitter.version} of the split is not newer than version {current.version}, which is in force",
        hint="raise the version with each change of the weights",
        slug=Slug.SPLIT_VERSION,
    )
