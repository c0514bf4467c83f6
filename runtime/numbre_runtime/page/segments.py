"""Which parts of the ink make digits: what is no digit as it is, is cut, and its best reading is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.classifier import Classifier
from numbre_runtime.page.appearance import digit_classes, plain_scores, prepared
from numbre_runtime.page.groups import Group, Piece
from numbre_runtime.page.lattice import WIDE, Reading, best_path, lattice
from numbre_runtime.pictures.mnist_form import SIDE

_MOST_READINGS = 10_000
"""From so many on, nothing is cut; a bound on the time that noise can cost."""
_SURE = 0.9
"""What is a digit as it is, with this confidence, is not cut."""
_CLEAR = 0.97
"""What is less sure is looked at again."""
_LOWEST, _LARGEST = 0.38, 2.0
"""No digit is lower, none wider or taller, in heights of the writing: such a piece is not classified."""
_EACH = 1.0
"""What each further digit costs a reading, in logarithms, so that halves of a 0 do not win over the 0."""
_NONE = 2.4
"""What each piece that is no digit costs a reading."""
_LEAST = 1e-4
"""No score counts as less likely."""


@dataclass(frozen=True)
class Segment:
    """Ink read as one sign: a digit, or none."""

    piece: Piece
    scores: NDArray[np.float32]
    """(classes,) the classifier's scores at temperature 1; zeros for a piece that has no digit's size."""
    height: float
    """How tall the writing is around it, in pixels."""
    group: int
    """The number of the group that it is a part of."""


def read_groups(groups: list[Group], strength: NDArray[np.uint8], full: float, classifier: Classifier) -> list[Segment]:
    """The best reading of each group.

    Args:
        groups: Of the page.
        strength: (height, width) the page's ink.
        full: Strength of a stroke's middle.
        classifier: Its classes are digits, perhaps with one for none.
    """
    digits = digit_classes(classifier)
    wholes = [(group.whole, group.height) for group in groups]
    scores = _scores(wholes, strength, full, classifier)
    sure = scores[:, digits].max(axis=1) >= _SURE
    segments: list[Segment] = []
    cut: list[tuple[int, list[Reading]]] = []
    count = 0
    for number, group in enumerate(groups):
        if sure[number] and group.whole.columns <= WIDE * group.height:
            segments.append(Segment(group.whole, scores[number], group.height, number))
        else:
            cut.append((number, lattice(group, count < _MOST_READINGS)))
            count += len(cut[-1][1])
    parts = [(reading.piece, groups[number].height) for number, readings in cut for reading in readings]
    scores = _scores(parts, strength, full, classifier)
    likely = _likely(scores, digits)
    start = 0
    for number, readings in cut:
        height = groups[number].height
        chosen = best_path(readings, likely[start : start + len(readings)], height)
        segments += (Segment(readings[index].piece, scores[start + index], height, number) for index in chosen)
        start += len(readings)
    return _looked_at_again(segments, digits, strength, full, classifier)


def _scores(
    pieces: list[tuple[Piece, float]], strength: NDArray[np.uint8], full: float, classifier: Classifier
) -> NDArray[np.float32]:
    """(N, classes) the plain scores of pieces among writing of their height, all in one batch."""
    scores = np.zeros((len(pieces), len(classifier.labels)), np.float32)
    sized = [
        index
        for index, (piece, height) in enumerate(pieces)
        if piece.rows >= _LOWEST * height and max(piece.rows, piece.columns) <= _LARGEST * height
    ]
    if sized:
        images = [prepared(pieces[index][0], strength, full) for index in sized]
        scores[sized] = plain_scores(classifier, np.stack(images))
    return scores


def _looked_at_again(
    segments: list[Segment],
    digits: NDArray[np.intp],
    strength: NDArray[np.uint8],
    full: float,
    classifier: Classifier,
) -> list[Segment]:
    """The segments, those in doubt with the mean of the scores that they get as they are and a little distorted."""
    best = [float(segment.scores[digits].max()) for segment in segments]
    doubtful = [index for index, score in enumerate(best) if 0 < score < _CLEAR]
    if not doubtful:
        return segments
    images = [prepared(segments[index].piece, strength, full) for index in doubtful]
    views = np.stack([cv2.warpAffine(image, view, image.shape) for view in _VIEWS for image in images])
    scores = plain_scores(classifier, views).reshape(len(_VIEWS), len(images), -1).mean(axis=0)
    result = list(segments)
    for index, mean in zip(doubtful, scores, strict=True):
        result[index] = replace(segments[index], scores=mean)
    return result


def _view(turn: float = 0.0, slant: float = 0.0, zoom: float = 1.0) -> NDArray[np.float64]:
    """The (2, 3) matrix that turns an image in MNIST's form by so many degrees, slants and enlarges it."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn, zoom)
    matrix[0, 1:] += slant, -slant * SIDE / 2
    return np.asarray(matrix, np.float64)


_VIEWS = (
    _view(),
    _view(turn=8),
    _view(turn=-8),
    _view(slant=0.15),
    _view(slant=-0.15),
    _view(zoom=0.9),
    _view(zoom=1.1),
)
"""How a sign in doubt is looked at."""


def _likely(scores: NDArray[np.float32], digits: NDArray[np.intp]) -> NDArray[np.float64]:
    """(N,) the logarithm of how likely a piece is one digit by its looks, or, at a price, none."""
    digit = np.log(np.maximum(scores[:, digits].max(axis=1), _LEAST)) - _EACH
    none = np.log(np.maximum(np.delete(scores, digits, axis=1).max(axis=1, initial=0), _LEAST)) - _NONE
    return np.asarray(np.maximum(digit, none), np.float64)
