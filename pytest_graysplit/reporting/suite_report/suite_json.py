"""The findings of `graysplit suite check` as JSON, for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_graysplit.evaluation.mutations import KINDS
from pytest_graysplit.reporting.suite_report.counts import by_kind, caught_share, left_out
from pytest_graysplit.reporting.suite_report.suite_power import mixtures, power_of

if TYPE_CHECKING:
    from pytest_graysplit.evaluation.mutations.findings import CaseFindings, SuiteFindings
    from pytest_graysplit.reporting.suite_report.suite_power import SuitePower

# Raised when a key changes its meaning or goes; new keys may come at any time.
FORMAT = 1


def findings_json(found: SuiteFindings) -> dict[str, Any]:
    """Return the findings as a JSON object; docs/suite.md explains its keys."""
    interval, counts = caught_share(found), by_kind(found)
    return {
        "format": FORMAT,
        "control": found.control,
        "cases": len(found.cases),
        "checked": len(found.checked),
        "mutants": sum(count.mutants for count in counts),
        "caught": sum(count.caught for count in counts),
        "caught_share": {"estimate": interval.estimate, "low": interval.low, "high": interval.high},
        "kinds": [
            {"kind": count.kind, "title": KINDS[count.kind], "mutants": count.mutants, "caught": count.caught}
            for count in counts
        ],
        "not_checked": {state: [case.nodeid for case in cases] for state, cases in left_out(found).items()},
        "cannot_fail": [case.nodeid for case in found.checked if case.cannot_fail],
        "results": [_case_json(case) for case in found.cases],
        "other_models": [
            {
                "model": other.model,
                "cases": other.cases,
                "lost": other.lost,
                "won": other.won,
                "rejected": [{"share": one.share, "probability": one.rejected} for one in mixtures(found, other)],
            }
            for other in found.others
        ],
        "power": _power_json(power_of(found)),
    }


def _case_json(case: CaseFindings) -> dict[str, Any]:
    return {
        "case": case.name,
        "file": case.file,
        "nodeid": case.nodeid,
        "state": case.state,
        "because": case.because,
        "asserted": case.asserted,
        "mutants": [
            {"kind": one.kind, "change": one.what, "state": one.state, "checks": list(one.checks)}
            for one in case.mutants
        ],
    }


def _power_json(power: SuitePower) -> dict[str, Any]:
    return {
        "cases": power.cases,
        "units": power.units,
        "margin": power.margin,
        "harder": power.harder,
        "missed_looks": list(power.missed_looks),
        "by_chance_from": power.source or None,
        "at": [{"by_chance": at.by_chance, "promoted": at.promoted, "smallest_drop": at.drop} for at in power.at],
    }
