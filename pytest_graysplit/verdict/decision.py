"""From the evidence to promote, hold or reject: the rules in their order, and the first that applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_graysplit.verdict import looks, rules
from pytest_graysplit.verdict.changes import NO_CASES, Broken, Changes, broken_of, changes_of
from pytest_graysplit.verdict.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_graysplit.config.policy import Policy
    from pytest_graysplit.verdict.criterion import Row
    from pytest_graysplit.verdict.results import Results
    from pytest_graysplit.verdict.run_facts import RunFacts

Decision = Literal["promote", "hold", "reject"]

_RULES: tuple[tuple[Callable[[Evidence], Iterable[str]], Decision], ...] = (
    (rules.mistaken, "hold"),
    (rules.unfounded, "hold"),
    (rules.must_pass, "reject"),
    (rules.stopped_for_harm, "reject"),
    (rules.unfinished, "hold"),
    (looks.between_looks, "hold"),
    (rules.harmful, "reject"),
    (rules.unusable, "hold"),
    (rules.doubtful, "hold"),
    (rules.still_open, "hold"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do with a treatment, why, and the rows it rests on.

    So many cases would decide a hold: `needed` if all is as it looks, `needed_if_equal` if the treatment is as good as
    the control. `cases` counts the cases by their results on both models, and `broken` names those that the treatment
    passes less than the control, the worst first. `mcnemar_midp` is the p value that both models pass as often: a
    diagnostic, which decides nothing.
    """

    treatment: str
    decision: Decision
    reasons: tuple[str, ...]
    rows: tuple[Row, ...]
    needed: int | None = None
    needed_if_equal: int | None = None
    mcnemar_midp: float | None = None
    cases: Changes = NO_CASES
    broken: tuple[Broken, ...] = ()


def decide(results: Results, treatment: str, policy: Policy, facts: RunFacts) -> Verdict:
    """Judge a treatment; the same results in any order give the same verdict."""
    seen = Evidence.of(results, treatment, policy, facts)
    decision, reasons = _ruled(seen)
    return Verdict(
        treatment=treatment,
        decision=decision,
        reasons=tuple(reasons),
        rows=seen.rows,
        needed=seen.needed if decision == "hold" else None,
        needed_if_equal=seen.needed_if_equal if decision == "hold" else None,
        mcnemar_midp=seen.mcnemar_midp,
        cases=changes_of(seen.pairs),
        broken=broken_of(seen.pairs),
    )


def _ruled(seen: Evidence) -> tuple[Decision, list[str]]:
    """Apply the rules in their order: the first that has a reason decides, and those behind it are told as well."""
    found = [(rule, decision, reasons) for rule, decision in _RULES if (reasons := list(rule(seen)))]
    if not found:
        return "promote", [*rules.promising(seen), *looks.looked(seen, held=False), *rules.beside_the_point(seen)]
    decision = found[0][1]
    noisy = seen.is_twin and any(one == "reject" for _, one, _ in found)
    if noisy:
        decision = "hold"
    told = [rules.AGAINST_ITSELF] if noisy else []
    # How many more cases would decide is nothing to say beside a rejection.
    told += [reason for rule, _, some in found if decision == "hold" or rule is not rules.still_open for reason in some]
    told += looks.looked(seen, held=decision == "hold")
    return decision, list(dict.fromkeys(told))
