"""Which arm owns which part of [0, 1), so that raising a weight moves nobody who was in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Weights are whole hundredths of a per cent, so that they can sum to exactly one.
BASIS_POINTS = 10_000


def layout(points: Sequence[int]) -> bytes:
    """Return which arm owns each basis point of [0, 1); what no treatment owns is the control's, 0."""
    slots = bytearray(BASIS_POINTS)
    for treatment, share in enumerate(points[1:]):
        free = (slot for slot in _growth(treatment) if not slots[slot])
        for slot, _ in zip(free, range(share), strict=False):
            slots[slot] = treatment + 1
    return bytes(slots)


def _growth(treatment: int) -> Iterator[int]:
    """Yield the basis points in the order in which a treatment takes them.

    The first grows up from 0 and the second down from 1: the two never meet, whatever their weights. Further pairs
    start from 1/2, 1/4, 3/4, ... and give way where they meet an earlier one.
    """
    pair, downwards = divmod(treatment, 2)
    start = _bit_reversed(pair) * BASIS_POINTS // (1 << pair.bit_length()) if pair else 0
    order = range(BASIS_POINTS)
    return ((start - 1 - step if downwards else start + step) % BASIS_POINTS for step in order)


def _bit_reversed(number: int) -> int:
    return int(f"{number:b}"[::-1], 2)
