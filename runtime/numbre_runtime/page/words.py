"""Tells numbers from words and scribbles: by all signs of a word together, and by what a group looks like when cut.

One sign's score says too little: a stroke of a scribble is a fine 1, and a digit in unusual writing is doubtful. In a
number the signs vouch for each other; what falls into low signs, or a word whose every sign had to be cut, is none.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.page.lattice import too_low
from numbre_runtime.page.reading_order import Place, into_lines
from numbre_runtime.page.segments import Segment

_FURTHEST = 0.6
"""Signs of a word are no further apart, in heights of the writing."""
_MOST_ODDS = 6.0
"""No sign vouches more for its word than this, in logarithms."""
_TINY = 1e-4
"""Added to both scores, because either may be 0."""
_GROUP, _WORD, _LOW, _CUT = 0.5, 1.0, 14.0, 3.8
"""Weights of the mean odds of a sign's group and of its word, of how much lower than digits the group's signs are, in
heights of the writing, and of the share of the word's signs that had to be cut apart."""
_LEAST = 1.2
"""What their sum must reach. A logistic regression on pages of MNIST's validation digits gave these five."""
_FILLS = 0.35
"""A word of two signs or more fills its picture where it is so large, as a share of the page's height."""
_PURPOSE = 2.5
"""Added for such a word, because people cut pictures close around numbers, not around letters."""


def are_digits(
    segments: list[Segment], places: list[Place], digits: NDArray[np.intp], page_height: float
) -> NDArray[np.bool_]:
    """(N,): for each sign of a page whether it is a digit.

    Args:
        segments: The signs.
        places: Where they stand.
        digits: Which of the classifier's classes are digits.
        page_height: The height of the page in pixels.
    """
    odds = np.array([_odds(segment, digits) for segment in segments])
    groups: dict[int, list[int]] = defaultdict(list)
    for index, segment in enumerate(segments):
        groups[segment.group].append(index)
    sums = np.zeros(len(segments))
    for members in groups.values():
        low = np.mean([too_low(segments[index].piece, segments[index].height) for index in members])
        sums[members] = _GROUP * odds[members].mean() - _LOW * low
    for line in into_lines(places):
        for word in _words(line, places):
            cut = np.mean([len(groups[segments[index].group]) > 1 for index in word])
            sums[word] += _WORD * odds[word].mean() - _CUT * cut
            if len(word) > 1 and np.median([places[index].height for index in word]) > _FILLS * page_height:
                sums[word] += _PURPOSE
    return np.asarray(sums >= _LEAST, np.bool_)


def _odds(segment: Segment, digits: NDArray[np.intp]) -> float:
    """The logarithm of how much likelier a sign is a digit than none, by its looks."""
    digit = float(segment.scores[digits].max())
    # A classifier without a class for none says so by what it leaves to the other digits.
    none = float(np.delete(segment.scores, digits).max(initial=0)) if len(digits) < len(segment.scores) else 1 - digit
    return min(max(math.log((digit + _TINY) / (none + _TINY)), -_MOST_ODDS), _MOST_ODDS)


def _words(line: list[int], places: list[Place]) -> list[list[int]]:
    """The line parted at its wide gaps."""
    words = [[line[0]]]
    for before, after in pairwise(line):
        if places[after].left - places[before].right > _FURTHEST * places[after].height:
            words.append([])
        words[-1].append(after)
    return words
