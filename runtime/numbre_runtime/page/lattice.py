"""All ways to read a group of ink as digits, one after another, and the best of them.

Cutting too often and letting the classifier choose among what lies between two cuts is how handwritten strings are
commonly read (Fujisawa et al., "Segmentation methods for character recognition", 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.page.cuts import find_cuts
from numbre_runtime.page.groups import Group, Piece, trimmed

_MOST_WIDTH = 12.0
"""What is wider, in heights of the writing, is no row of digits that touch."""
_MOST_HEIGHT = 2.0
"""What is taller is no line of them."""
_LEAST_WIDTH = 0.55
"""What is narrower and all of one piece is not cut."""
_WIDEST = 1.35
"""A digit is no wider than so many heights of the writing."""
_TALLEST = 1.9
_LOWEST = 0.9
"""A digit lower than this, in heights of the writing, is unlikely, and the more so the lower it is."""
WIDE = 0.77
"""A digit wider than this is as unlikely."""
_SLOPE = 4.0
"""How quickly it gets unlikely, in logarithms for each height."""
_CROSSED = 2.0
"""What a cut costs for each height of the writing that it goes through ink, in logarithms."""


@dataclass(frozen=True)
class Reading:
    """What lies between two cuts of a group, read as one sign."""

    first: int
    """The cut before it; 0 is the group's own left end."""
    behind: int
    """The cut behind it."""
    piece: Piece
    crossed: float
    """How much ink the cut before it goes through, in heights of the writing."""


def lattice(group: Group, cutting: bool) -> list[Reading]:
    """Every part of a group between two of its cuts that may be one digit; from one cut to the next always is.

    Args:
        group: Pieces that nearly touch.
        cutting: False: each piece as it is, which costs the least time.
    """
    whole, height = group.whole, group.height
    if not cutting or whole.columns > _MOST_WIDTH * height or whole.rows > _MOST_HEIGHT * height:
        return [Reading(number, number + 1, piece, 0.0) for number, piece in enumerate(group.pieces)]
    cuts = find_cuts(whole.mask, height) if len(group.pieces) > 1 or whole.columns >= _LEAST_WIDTH * height else []
    ends = np.full((1, whole.rows), whole.columns)
    edges = np.concatenate([0 * ends, *(cut.columns[None] for cut in cuts), ends])
    crossed = [0.0, *(cut.crossed for cut in cuts)]
    readings = []
    for first in range(len(edges) - 1):
        for behind in range(first + 1, len(edges)):
            piece = _between(whole, edges[first], edges[behind])
            if behind == first + 1 or _may_be_digit(piece, height):
                readings.append(Reading(first, behind, piece, crossed[first]))
    return readings


def _between(whole: Piece, start: NDArray[np.intp], end: NDArray[np.intp]) -> Piece:
    """What of the ink lies between two cuts; there is some, for cuts differ by ink."""
    left, right = int(start.min()), int(end.max())
    columns = np.arange(left, right)
    inside = (columns >= start[:, None]) & (columns < end[:, None])
    return trimmed(Piece(whole.left + left, whole.top, whole.mask[:, left:right] & inside))


def _may_be_digit(piece: Piece, height: float) -> bool:
    return piece.columns <= _WIDEST * height and piece.rows <= _TALLEST * height


def best_path(readings: list[Reading], likely: NDArray[np.float64], height: float) -> list[int]:
    """The readings, from left to right, that cover a group once with the highest product of likelihoods.

    Args:
        readings: A group's, by their first cut.
        likely: (N,) logarithm of how likely each is by its looks.
        height: How tall the writing is, in pixels.
    """
    count = max(reading.behind for reading in readings)
    best = [0.0] + [-math.inf] * count
    last = [-1] * (count + 1)
    for index, reading in enumerate(readings):
        size = _SLOPE * (too_low(reading.piece, height) + too_wide(reading.piece, height))
        score = best[reading.first] + float(likely[index]) - size - _CROSSED * reading.crossed
        if score > best[reading.behind]:
            best[reading.behind], last[reading.behind] = score, index
    chosen: list[int] = []
    place = count
    while place > 0:
        chosen.append(last[place])
        place = readings[last[place]].first
    return chosen[::-1]


def too_low(piece: Piece, height: float) -> float:
    """By how much a piece is lower than digits are, in heights of the writing."""
    return max(0.0, _LOWEST - piece.rows / height)


def too_wide(piece: Piece, height: float) -> float:
    """By how much it is wider."""
    return max(0.0, piece.columns / height - WIDE)
