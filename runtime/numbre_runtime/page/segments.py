"""Which pieces make digits: every likely reading of a group is classified, and the best one is kept.

Cutting too often and letting the classifier choose among the joined pieces is how handwritten strings are commonly read
(Fujisawa et al., "Segmentation methods for character recognition", 1992).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.classifier import Classifier
from numbre_runtime.mnist_form import in_mnist_form
from numbre_runtime.page.cuts import cut
from numbre_runtime.page.groups import Piece, joined

_MOST_READINGS = 4000
"""From so many on, pieces are neither cut nor joined; a bound on the time that noise can cost."""
_MOST_JOINED = 12
"""A digit is made of no more pieces: as many as cuts can make of one, or it could not be read as a whole."""
_WIDEST = 1.35
"""A digit is no wider than so many heights of the writing."""
_TALLEST = 1.9
_CROP = 80
"""Longest side, in pixels, of what is brought to MNIST's form."""
_EACH = 1.0
"""What each further digit costs a reading, so that halves of a 0 do not win over the 0."""
_NONE = 2.3
"""What each piece that is no digit costs a reading."""
_LEAST = 1e-4
"""No score counts as less likely."""
_CROSSED = 6.0
"""What a cut costs for each height of the writing that it goes through ink."""
LEAST_HEIGHT = 0.38
"""No digit is lower, in heights of the writing."""
_LOWEST = 0.8
"""A digit lower than this, in heights of the writing, is unlikely, and the more so the lower it is."""
_WIDE = 0.85
"""A digit wider than this is as unlikely."""
_SLOPE = 6.0
"""How quickly it gets unlikely, in logarithms for each height."""


@dataclass(frozen=True)
class Segment:
    """Pieces read as one digit, or as none."""

    piece: Piece
    scores: NDArray[np.float32]
    """(classes,) what the classifier gives; zeros for what is too low to be asked about."""
    height: float
    """How tall the writing is around it, in pixels."""


@dataclass(frozen=True)
class _Reading:
    """A range of a group's pieces read as one digit."""

    first: int
    behind: int
    piece: Piece
    cost: float
    """What the cut before it costs."""


def read_groups(
    groups: list[tuple[list[Piece], float]], strength: NDArray[np.uint8], full: float, classifier: Classifier
) -> list[Segment]:
    """The best reading of each group.

    Args:
        groups: Pieces from left to right, and how tall the writing is there.
        strength: (height, width) the page's ink.
        full: Strength of a stroke's middle.
        classifier: Its classes are digits, perhaps with one for none.
    """
    lattices: list[list[_Reading]] = []
    count = 0
    for pieces, height in groups:
        lattices.append(_lattice(pieces, height) if count < _MOST_READINGS else _singles(pieces))
        count += len(lattices[-1])
    readings = [(reading, height) for lattice, (_, height) in zip(lattices, groups, strict=True) for reading in lattice]
    tall = [index for index, (reading, height) in enumerate(readings) if reading.piece.rows >= LEAST_HEIGHT * height]
    if not tall:
        return []
    scores = np.zeros((len(readings), len(classifier.labels)), np.float32)
    images = [_prepared(readings[index][0].piece, strength, full) for index in tall]
    scores[tall] = classifier.predict_batch(np.stack(images))
    best = _logarithms(scores, classifier)
    segments: list[Segment] = []
    start = 0
    for lattice, (_, height) in zip(lattices, groups, strict=True):
        chosen = _best_path(lattice, best[start : start + len(lattice)], height)
        segments += (Segment(lattice[index].piece, scores[start + index], height) for index in chosen)
        start += len(lattice)
    return segments


def _singles(pieces: list[Piece]) -> list[_Reading]:
    """Each piece as one digit."""
    return [_Reading(index, index + 1, piece, 0.0) for index, piece in enumerate(pieces)]


def _lattice(uncut: list[Piece], height: float) -> list[_Reading]:
    """Every range of a group's cut pieces that may be one digit; each piece alone always is."""
    pieces: list[Piece] = []
    costs: list[float] = []
    for piece in uncut:
        parts, crossed = cut(piece, height)
        pieces += parts
        costs += [0.0, *(_CROSSED * amount for amount in crossed)]
    readings = []
    for first in range(len(pieces)):
        for behind in range(first + 1, min(len(pieces), first + _MOST_JOINED) + 1):
            union = joined(pieces[first:behind])
            if behind > first + 1 and (union.columns > _WIDEST * height or union.rows > _TALLEST * height):
                continue
            readings.append(_Reading(first, behind, union, costs[first]))
    return readings


def _prepared(piece: Piece, strength: NDArray[np.uint8], full: float) -> NDArray[np.uint8]:
    """(28, 28) uint8: the piece by itself in MNIST's form, of the runtime's own preparation."""
    region = strength[piece.top : piece.bottom, piece.left : piece.right]
    ink = np.minimum(region.astype(np.float32) / full, 1) * piece.mask
    longest = max(ink.shape)
    if longest > _CROP:
        shrink = _CROP / longest
        size = (max(1, round(ink.shape[1] * shrink)), max(1, round(ink.shape[0] * shrink)))
        ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return in_mnist_form(ink)


def _logarithms(scores: NDArray[np.float32], classifier: Classifier) -> NDArray[np.float64]:
    """(N,) the logarithm of how likely a piece is one digit by its looks, or, at a price, none."""
    named = np.array([label == classifier.none_label for label in classifier.labels])
    digit = np.log(np.maximum(scores[:, ~named].max(axis=1), _LEAST)) - _EACH
    none = np.log(np.maximum(scores[:, named].max(axis=1, initial=0), _LEAST)) - _NONE
    return np.asarray(np.maximum(digit, none), np.float64)


def _best_path(lattice: list[_Reading], likely: NDArray[np.float64], height: float) -> list[int]:
    """The readings, from left to right, that cover every piece once with the highest product of likelihoods."""
    count = max(reading.behind for reading in lattice)
    best = [0.0] + [-math.inf] * count
    last = [-1] * (count + 1)
    # By their first piece, so that what leads to a reading is settled before it.
    for index in sorted(range(len(lattice)), key=lambda index: lattice[index].first):
        reading = lattice[index]
        score = best[reading.first] + float(likely[index]) - _unusual(reading.piece, height) - reading.cost
        if score > best[reading.behind]:
            best[reading.behind], last[reading.behind] = score, index
    chosen: list[int] = []
    place = count
    while place > 0:
        chosen.append(last[place])
        place = lattice[last[place]].first
    return chosen[::-1]


def _unusual(piece: Piece, height: float) -> float:
    """What a piece's size costs its reading."""
    low = max(0.0, _LOWEST - piece.rows / height)
    wide = max(0.0, piece.columns / height - _WIDE)
    return _SLOPE * (low + wide)
