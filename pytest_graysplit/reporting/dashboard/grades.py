"""The verdicts of a snapshot, for a script that asks whether to go on: /metrics/validate-grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_graysplit.types import Json

# From the best to the worst: with several treatments the worst is the status of all.
STATUSES = ("promote", "collecting", "hold", "reject")
COUNTS = ("n", "passed", "errors")


def grade_of(snapshot: dict[str, Json]) -> dict[str, Json]:
    """Return the worst verdict as `status`, and every treatment's own with its reasons and the counts of both arms."""
    arms = {str(arm["arm"]): arm for arm in _records(snapshot, "arms")}
    treatments = [_treatment(comparison, arms) for comparison in _records(snapshot, "comparisons")]
    verdicts = [str(treatment["verdict"]) for treatment in treatments]
    return {
        "format": 1,
        "status": max(verdicts, key=STATUSES.index, default="collecting"),
        "state": snapshot["state"],
        "at": snapshot["at"],
        "treatments": list(treatments),
    }


def _treatment(comparison: dict[str, Json], arms: dict[str, dict[str, Json]]) -> dict[str, Json]:
    name = str(comparison["treatment"])
    both = {arm: arms[arm] for arm in ("control", name) if arm in arms}
    # A verdict over nothing would be no verdict, whoever made it.
    known = comparison["verdict"] in STATUSES and len(both) == 2 and all(arm["n"] for arm in both.values())
    return {
        "treatment": name,
        "verdict": comparison["verdict"] if known else "collecting",
        "reasons": comparison["reasons"],
        "arms": {arm: {count: values[count] for count in COUNTS} for arm, values in both.items()},
    }


def _records(snapshot: dict[str, Json], key: str) -> list[dict[str, Json]]:
    found = snapshot[key]
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
