"""Digits into lines, top to bottom, and lines into numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_SAME_LINE = 0.6
"""A digit belongs to a line whose last digits are no further above or below, in heights of the writing."""
_REMEMBERED = 3
"""So many of a line's last digits say where it goes on."""
_FURTHEST_JOINED = 1.3
"""Digits further apart, in heights of the writing, are never of one number."""
_CLOSEST_PARTED = 0.5
"""Digits closer than this always are."""
_TWO_KINDS = 2.0
"""Gaps between numbers are on average so many times as wide as those within; else all are of one kind."""


@dataclass(frozen=True)
class Place:
    """Where a digit stands on the level page, in pixels."""

    left: float
    top: float
    right: float
    bottom: float
    height: float
    """How tall the writing is around it."""

    @property
    def middle(self) -> float:
        """Half-way down."""
        return (self.top + self.bottom) / 2


def into_lines(places: list[Place]) -> list[list[int]]:
    """Lines from top to bottom, each the indices of its digits from left to right."""
    lines: list[list[int]] = []
    levels: list[float] = []
    for index in sorted(range(len(places)), key=lambda index: places[index].left + places[index].right):
        place = places[index]
        nearest = int(np.abs(np.array(levels) - place.middle).argmin()) if lines else -1
        if lines and abs(levels[nearest] - place.middle) < _SAME_LINE * place.height:
            lines[nearest].append(index)
            last = lines[nearest][-_REMEMBERED:]
            levels[nearest] = sum(places[member].middle for member in last) / len(last)
        else:
            lines.append([index])
            levels.append(place.middle)
    return sorted(lines, key=lambda line: sum(places[index].middle for index in line) / len(line))


def into_numbers(lines: list[list[int]], places: list[Place]) -> list[list[list[int]]]:
    """Each line's numbers, by the gaps between its digits."""
    gaps = [
        (places[after].left - places[before].right) / places[after].height
        for line in lines
        for before, after in pairwise(line)
    ]
    widest = _widest_within(gaps)
    result = []
    for line in lines:
        numbers = [[line[0]]]
        for before, after in pairwise(line):
            gap = (places[after].left - places[before].right) / places[after].height
            if gap > widest:
                numbers.append([])
            numbers[-1].append(after)
        result.append(numbers)
    return result


def _widest_within(gaps: list[float]) -> float:
    """The widest gap within a number, in heights: what parts the page's gaps, as ratios, into two kinds best."""
    ordered = np.log(np.sort(np.clip(gaps, _CLOSEST_PARTED / 5, 2 * _FURTHEST_JOINED)))
    count = len(ordered)
    if count < 2:
        return _FURTHEST_JOINED
    below = np.arange(1, count)
    sums = np.cumsum(ordered)[:-1]
    apart = (ordered.sum() - sums) / (count - below) - sums / below
    # As Otsu's threshold: the largest variance between the two kinds.
    best = int((below * (count - below) * apart**2).argmax())
    if apart[best] < np.log(_TWO_KINDS):
        return _FURTHEST_JOINED
    return float(np.clip(np.exp((ordered[best] + ordered[best + 1]) / 2), _CLOSEST_PARTED, _FURTHEST_JOINED))
