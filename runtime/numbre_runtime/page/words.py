"""Tells words from numbers: where most signs are no digits, the few that look like some are letters too."""

from __future__ import annotations

from itertools import pairwise

from numbre_runtime.page.lines import Place, into_lines

_FURTHEST = 0.6
"""Signs of a word are no further apart, in heights of the writing."""


def outside_words(places: list[Place], digits: list[bool]) -> list[bool]:
    """For each sign whether it is a digit, and at least half of the signs that it stands with are.

    Args:
        places: Where the signs of a page stand.
        digits: Which of them look like a digit.
    """
    kept = list(digits)
    for line in into_lines(places):
        for word in _words(line, places):
            if 2 * sum(digits[index] for index in word) < len(word):
                for index in word:
                    kept[index] = False
    return kept


def _words(line: list[int], places: list[Place]) -> list[list[int]]:
    """The line parted at its wide gaps."""
    words = [[line[0]]]
    for before, after in pairwise(line):
        if places[after].left - places[before].right > _FURTHEST * places[after].height:
            words.append([])
        words[-1].append(after)
    return words
