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
from numbre_runtime.image import from_grey
from numbre_runtime.page.cuts import cut
from numbre_runtime.page.groups import Piece, joined

_MOST_READINGS = 4000
"""From so many on, pieces are neither cut nor joined; a bound on the time that noise can cost."""
_MOST_JOINED = 5
"""A digit is made of no more pieces."""
_WIDEST = 1.35
"""A digit is no wider than so many heights of the writing."""
_TALLEST = 1.9
_CROP = 40
"""Longest side, in pixels, of what the classifier's preparation gets; smaller than where it looks for shadows."""
_EACH = 0.25
"""What each further digit costs a reading, so that halves of a 0 do not win over the 0."""
_CROSSED = 6.0
"""What a cut costs for each height of the writing that it goes through ink."""
LEAST_HEIGHT = 0.38
"""No digit is lower, in heights of the writing."""
_LOWEST = 0.62
"""A digit lower than this, in heights of the writing, is unlikely, and the more so the lower it is."""
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
    none = None if classifier.none_label is None else classifier.labels.index(classifier.none_label)
    best = np.delete(scores, none, axis=1).max(axis=1) if none is not None else scores.max(axis=1)
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
    """(28, 28) uint8: the piece by itself, brought to MNIST's form by the runtime's own preparation."""
    region = strength[piece.top : piece.bottom, piece.left : piece.right]
    around = cv2.dilate(np.pad(piece.mask, 2).astype(np.uint8), np.ones((3, 3), np.uint8))
    ink = np.minimum(np.pad(region, 2).astype(np.float32) * (255 / full), 255) * around
    longest = max(ink.shape)
    if longest > _CROP:
        shrink = _CROP / longest
        size = (max(1, round(ink.shape[1] * shrink)), max(1, round(ink.shape[0] * shrink)))
        ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return from_grey(np.pad(255 - ink, 2, constant_values=255).astype(np.float32))[0]


def _best_path(lattice: list[_Reading], confidences: NDArray[np.float32], height: float) -> list[int]:
    """The readings, from left to right, that cover every piece once with the highest product of likelihoods."""
    count = max(reading.behind for reading in lattice)
    best = [0.0] + [-math.inf] * count
    last = [-1] * (count + 1)
    # By their first piece, so that what leads to a reading is settled before it.
    for index in sorted(range(len(lattice)), key=lambda index: lattice[index].first):
        reading = lattice[index]
        score = best[reading.first] + _likelihood(reading.piece, float(confidences[index]), height) - reading.cost
        if score > best[reading.behind]:
            best[reading.behind], last[reading.behind] = score, index
    chosen: list[int] = []
    place = count
    while place > 0:
        chosen.append(last[place])
        place = lattice[last[place]].first
    return chosen[::-1]


def _likelihood(piece: Piece, confidence: float, height: float) -> float:
    """The logarithm of how likely a piece is one digit, by its looks and by its size."""
    low = max(0.0, _LOWEST - piece.rows / height)
    wide = max(0.0, piece.columns / height - 1)
    return math.log(max(confidence, 1e-4)) - _EACH - _SLOPE * (low + wide)
