"""Vectors in recordings, as text with one byte per number, and the cosine of two vectors."""

from __future__ import annotations

import base64
import math
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# The largest number of a vector is scaled to this; the length of a vector does not affect an angle.
LARGEST = 127


def pack(vector: Sequence[float]) -> str:
    """Return the vector as base64 of one signed byte per number, scaled to its largest.

    1,536 numbers take 2 KB in a recording. The cosine of two such vectors is within 0.002 of the exact one
    (docs/metrics.md). Half-precision floats would take twice the room for digits that a threshold does not have.
    """
    most = max(map(abs, vector), default=0.0) or 1.0
    return base64.b64encode(array("b", [round(number / most * LARGEST) for number in vector]).tobytes()).decode()


def unpack(text: str) -> Sequence[int]:
    """Return the vector of a text written by `pack`; raise ValueError for any other text."""
    return array("b", base64.b64decode(text, validate=True))


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of the angle between two vectors; 0 where either is zero or their lengths differ.

    The sums over unpacked vectors are whole numbers, so every machine computes the same result to the last digit.
    """
    if len(one) != len(other):
        return 0.0
    norms = sum(a * a for a in one) * sum(b * b for b in other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.sqrt(norms) if norms else 0.0
