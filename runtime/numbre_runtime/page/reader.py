"""Reads all numbers on a page: ink, parts, level lines, digits, numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import BundleError
from numbre_runtime.loading import load
from numbre_runtime.page.appearance import digit_classes
from numbre_runtime.page.blobs import find_parts, local_heights, without_rests, writing_height
from numbre_runtime.page.certainty import certainty
from numbre_runtime.page.groups import find_groups
from numbre_runtime.page.ink import Ink, find_ink, reduced, without
from numbre_runtime.page.levels import Levels, page_levels
from numbre_runtime.page.orientation import quarter_turns
from numbre_runtime.page.reading_order import Place, into_lines, into_numbers
from numbre_runtime.page.result import Box, Digit, Number, Page, Separator
from numbre_runtime.page.rules import ruled_pixels
from numbre_runtime.page.segments import Segment, read_groups
from numbre_runtime.page.separators import SEPARATORS, Sign, find_separators
from numbre_runtime.page.straighten import line_slope, turned
from numbre_runtime.page.words import are_digits
from numbre_runtime.tensors import tempered

_TALL, _REDUCED = 100.0, 64.0
"""Writing taller than the first, in pixels, is reduced to the second: large digits then take no longer than others."""
_FILLS = 0.35
"""Writing taller than this share of the page fills its picture: then its own size tells strokes from lines."""

_MORE_OUTSIDE = 1.2
"""A page is read whole where that finds so many times as many digits as the sheet on it."""

if TYPE_CHECKING:
    from numbre_runtime.pictures.picture import PictureSource


def read(image: PictureSource, classifier: Classifier | None = None) -> Page:
    """Reads all numbers on a page.

    Args:
        image: A file's path, a PIL image, or pixels (height, width) grey or (height, width, 3), uint8. Digits dark on
            light or light on dark, at least about 12 pixels tall, in lines that are tilted by no more than 10°.
        classifier: From `numbre_runtime.load`; None is the model that ships with the runtime.

    Raises:
        ImageError: It is no picture, damaged or too large.
        BundleError: The classifier's classes are not the ten digits.

    Example:
        >>> import numbre_runtime as numbre, numpy as np
        >>> paper = np.full((200, 300), 230, np.uint8)
        >>> numbre.read(paper).text
        ''
    """
    classifier = classifier or _shipped()
    check_digits(classifier)
    first, *others = [_read_levels(levels, classifier) for levels in page_levels(image)]
    # A shadow's edge looks like a sheet's, but then much of the writing lies outside.
    found = next((page for page in others if _sure(page) > _MORE_OUTSIDE * _sure(first) + 1), first)
    return replace(found, source=image)


def _sure(page: Page) -> int:
    """How many digits of a page are more likely right than not."""
    return sum(digit.confidence > 0.5 for digit in page.digits)


def _read_levels(levels: Levels, classifier: Classifier) -> Page:
    ink = _writing(levels.grey)
    turns = 0 if ink is None else quarter_turns(ink, find_parts(ink.mask), classifier)
    if turns:
        levels = levels.turned(turns)
        ink = _writing(levels.grey)
    if ink is None:
        return Page(levels.width, levels.height, True, ())
    return replace(_assembled(_signs(ink, classifier), ink, classifier, levels), turned=90 * turns)


def _writing(grey: NDArray[np.uint8]) -> Ink | None:
    """The ink of a page's writing, without the paper's lines, at a size at which it is quickly read."""
    ink = find_ink(grey)
    if ink is None:
        return None
    height = writing_height(find_parts(ink.mask))
    fills = height > _FILLS * ink.mask.shape[0]
    if not fills:
        # On ruled paper the writing can be measured only once its lines are gone.
        ink = without(ink, ruled_pixels(ink.mask, min(height, _TALL)))
        height = writing_height(find_parts(ink.mask))
    if height > _TALL:
        ink, height = reduced(ink, _REDUCED / height), _REDUCED
    if fills:
        ink = without(ink, ruled_pixels(ink.mask, height, fills))
    return ink


def _assembled(signs: _Signs, ink: Ink, classifier: Classifier, levels: Levels) -> Page:
    """The signs put into numbers and lines, with boxes in the picture's own pixels."""
    segments = [segment for segment in signs.segments if segment.scores.any()]
    places = [_place(segment) for segment in segments]
    kept = are_digits(segments, places, digit_classes(classifier), ink.mask.shape[0])
    groups = Counter(segment.group for segment in signs.segments)
    shrunk = np.diag([levels.grey.shape[1] / ink.mask.shape[1], levels.grey.shape[0] / ink.mask.shape[0], 1.0])
    matrix = levels.matrix @ shrunk @ np.vstack([signs.matrix, [0, 0, 1]])

    def box(points: NDArray[np.float64]) -> Box:
        return _box(points, matrix, (levels.width, levels.height))

    boxes = [box(_ink_points(segment)) for segment in segments]
    everything: list[Digit | Separator | None] = [
        _digit(segments[index], groups[segments[index].group] > 1, classifier, boxes[index])
        for index in np.flatnonzero(kept)
    ]
    known = [sign for sign in signs.separators if sign.text]
    everything += [Separator(sign.text, 0, box(sign.corners)) if sign.text in SEPARATORS else None for sign in known]
    left_out = [boxes[index] for index in np.flatnonzero(~kept)]
    left_out += [box(sign.corners) for sign in signs.separators if not sign.text or sign.text not in SEPARATORS]
    places = [*(places[index] for index in np.flatnonzero(kept)), *(sign.place for sign in known)]
    lines = []
    for line in into_numbers(into_lines(places), places):
        numbers = [
            number for members in line for number in _numbers([everything[index] for index in members]) if number.digits
        ]
        if numbers:
            lines.append(tuple(numbers))
    return Page(levels.width, levels.height, ink.dark, tuple(lines), left_out=tuple(left_out))


def _numbers(signs: list[Digit | Separator | None]) -> Iterator[Number]:
    """The numbers in neighbouring signs, parted by None; before a number no separator but a minus is kept."""
    digits: list[Digit] = []
    separators: list[Separator] = []
    for sign in (*signs, None):
        if sign is None:
            yield Number(tuple(digits), tuple(sign for sign in separators if sign.before < len(digits)))
            digits, separators = [], []
        elif isinstance(sign, Digit):
            digits.append(sign)
        elif digits or sign.text == "-":
            separators.append(replace(sign, before=len(digits)))


@cache
def _shipped() -> Classifier:
    return load()


def check_digits(classifier: Classifier) -> None:
    """Refuses a classifier of anything but digits.

    Raises:
        BundleError: Its classes are not 0 to 9, with or without one for none of them.
    """
    labels = set(classifier.labels) - {classifier.none_label}
    if labels != set("0123456789"):
        named = ", ".join(classifier.labels[:5])
        raise BundleError(f"a bundle of the classes {named}, …; reading pages needs one of the digits 0–9")


@dataclass(frozen=True)
class _Signs:
    """What is found on the level page."""

    segments: list[Segment]
    separators: list[Sign]
    matrix: NDArray[np.float64]
    """(2, 3), from the level page's pixels to those of the page as it lies."""


def _signs(ink: Ink, classifier: Classifier) -> _Signs:
    parts = without_rests(find_parts(ink.mask))
    if not len(parts):
        return _Signs([], [], np.eye(2, 3))
    strength, matrix = turned(ink.strength, line_slope(parts, writing_height(parts)))
    if strength is not ink.strength:
        parts = find_parts((strength > ink.threshold).astype(np.uint8))
        if not len(parts):
            return _Signs([], [], matrix)
    writing = writing_height(parts)
    heights = local_heights(parts, writing)
    separators = find_separators(parts, heights)
    others = np.ones(len(parts), np.bool_)
    others[[index for sign in separators for index in sign.parts]] = False
    groups = find_groups(parts.where(others), heights[others], writing)
    return _Signs(read_groups(groups, strength, ink.full, classifier), separators, matrix)


def _digit(segment: Segment, cut: bool, classifier: Classifier, box: Box) -> Digit:
    """The likeliest digit for a segment, of the classes that are digits, and how likely it is right."""
    classes = digit_classes(classifier)
    best = int(classes[segment.scores[classes].argmax()])
    score = tempered(segment.scores[None], classifier.manifest.temperature)[0, best]
    return Digit(classifier.labels[best], certainty(float(score), cut), box)


def _box(pixels: NDArray[np.float64], matrix: NDArray[np.float64], size: tuple[int, int]) -> Box:
    """The box, in a picture of (width, height), around (N, 2) pixels, x and y, of the level page."""
    corners = (pixels[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]])).reshape(1, -1, 2)
    seen = cv2.perspectiveTransform(corners, matrix)[0].round(6)
    low = np.clip(np.floor(seen.min(axis=0)), 0, size)
    high = np.clip(np.ceil(seen.max(axis=0)), 0, size)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _ink_points(segment: Segment) -> NDArray[np.float64]:
    rows, columns = np.nonzero(segment.piece.mask)
    return np.stack([columns + segment.piece.left, rows + segment.piece.top], axis=1).astype(np.float64)


def _place(segment: Segment) -> Place:
    piece = segment.piece
    return Place(piece.left, piece.top, piece.right, piece.bottom, segment.height)
