"""What planned looks ask of a verdict: none between them, and their own critical value at each."""

from __future__ import annotations

from bisect import bisect
from typing import TYPE_CHECKING

from pytest_graysplit.formatting.display import plural
from pytest_graysplit.verdict.evidence import FEWEST_PAIRS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_graysplit.verdict.evidence import Evidence


def between_looks(seen: Evidence) -> Iterator[str]:
    """Yield a reason where looks were planned and the suite is at none of them."""
    looks = seen.policy.looks
    if not looks or seen.look is not None:
        return
    cases, place = plural(seen.cases, "case"), bisect(looks, seen.cases)
    if place == len(looks):
        yield f"the suite has {cases}, beyond the last planned look at {looks[-1]}: a new verdict needs a new suite"
    elif place == 0:
        yield f"the suite has {cases}, before the first planned look at {looks[0]}"
    else:
        yield (
            f"the suite has {cases}, between the planned looks {looks[place - 1]} and {looks[place]}: "
            f"the next verdict is at {looks[place]}"
        )


def looked(seen: Evidence, *, held: bool) -> Iterator[str]:
    """Yield which planned look this is, or what a run that held must know before it is looked at again."""
    looks, look = seen.policy.looks, seen.look
    if look is not None:
        after = f"; the next is at {looks[look.number]}" if look.number < len(looks) else "; it is the last"
        yield (
            f"look {look.number} of {len(looks)}, planned at {look.n} cases: intervals of "
            f"{100 * seen.policy.confidence:.3g}% (z {look.z:.2f}){after if held else ''}"
        )
    elif held and not looks and seen.stop is None and len(seen.pairs) >= FEWEST_PAIRS and seen.is_open:
        yield "a verdict on more cases is a second look: plan looks before the first, --graysplit-looks"
