"""A line of the summary: stretches of text, each in one style, for whoever prints them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Style = Literal["", "bold", "red", "yellow", "green"]


class Piece(NamedTuple):
    """A stretch of a line in one style."""

    text: str
    style: Style = ""


Line = tuple[Piece, ...]


def plain(text: str) -> Line:
    """Return a line in the usual style."""
    return (Piece(text),)
