"""Reads all numbers on a page: ink, parts, level lines, digits, numbers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.classifier import Classifier
from numbre_runtime.errors import BundleError
from numbre_runtime.loading import load
from numbre_runtime.page.blobs import find_parts, local_heights, writing_height
from numbre_runtime.page.groups import find_groups
from numbre_runtime.page.ink import Ink, find_ink, without
from numbre_runtime.page.levels import page_levels
from numbre_runtime.page.reading_order import Place, into_lines, into_numbers
from numbre_runtime.page.result import Digit, Number, Page
from numbre_runtime.page.rules import ruled_pixels
from numbre_runtime.page.segments import Segment, digit_classes, read_groups
from numbre_runtime.page.straighten import line_slope, turned
from numbre_runtime.page.words import are_digits

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
    levels = page_levels(image)
    ink = find_ink(levels.grey)
    if ink is None:
        return Page(levels.width, levels.height, True, (), image)
    ink = without(ink, ruled_pixels(ink.mask))
    segments, matrix = _segments(ink, classifier)
    segments = [segment for segment in segments if segment.scores.any()]
    places = [_place(segment) for segment in segments]
    classes = digit_classes(classifier)
    kept = np.flatnonzero(are_digits(segments, places, classes))
    labels = classifier.labels
    digits = [_digit(segments[index], classes, labels, matrix, levels.scale) for index in kept]
    places = [places[index] for index in kept]
    lines = into_numbers(into_lines(places), places)
    return Page(
        levels.width,
        levels.height,
        ink.dark,
        tuple(tuple(Number(tuple(digits[index] for index in number)) for number in line) for line in lines),
        image,
    )


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


def _segments(ink: Ink, classifier: Classifier) -> tuple[list[Segment], NDArray[np.float64]]:
    """The page's segments on the level page, and the (2, 3) matrix from there to the page as it lies."""
    parts = find_parts(ink.mask)
    if not len(parts):
        return [], np.eye(2, 3)
    strength, matrix = turned(ink.strength, line_slope(parts, writing_height(parts)))
    if strength is not ink.strength:
        parts = find_parts((strength > ink.threshold).astype(np.uint8))
        if not len(parts):
            return [], matrix
    writing = writing_height(parts)
    groups = find_groups(parts, local_heights(parts, writing), writing)
    return read_groups(groups, strength, ink.full, classifier), matrix


def _digit(
    segment: Segment,
    classes: NDArray[np.intp],
    labels: tuple[str, ...],
    matrix: NDArray[np.float64],
    scale: tuple[float, float],
) -> Digit:
    """The likeliest digit for a segment, of the classes that are digits, with its box in the picture's pixels."""
    rows, columns = np.nonzero(segment.piece.mask)
    points = np.stack([columns + segment.piece.left, rows + segment.piece.top], axis=1).astype(np.float64)
    seen = (cv2.transform(points[None], matrix)[0] + 0.5) * scale
    low, high = np.floor(seen.min(axis=0) - 0.5 * np.array(scale)), np.ceil(seen.max(axis=0) + 0.5 * np.array(scale))
    best = int(classes[segment.scores[classes].argmax()])
    confidence = float(segment.scores[best])
    return Digit(labels[best], confidence, (int(low[0]), int(low[1]), int(high[0]), int(high[1])))


def _place(segment: Segment) -> Place:
    piece = segment.piece
    return Place(piece.left, piece.top, piece.right, piece.bottom, segment.height)
