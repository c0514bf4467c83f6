"""What a piece of a page's ink looks like to the classifier."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.classifier import Classifier
from numbre_runtime.page.groups import Piece
from numbre_runtime.pictures.mnist_form import in_mnist_form
from numbre_runtime.tensors import tempered

_CROP = 80
"""Longest side, in pixels, of what is brought to MNIST's form."""


def digit_classes(classifier: Classifier) -> NDArray[np.intp]:
    """Which of the classifier's classes are digits, all but that for none of them."""
    return np.array([index for index, label in enumerate(classifier.labels) if label != classifier.none_label])


def prepared(piece: Piece, strength: NDArray[np.uint8], full: float) -> NDArray[np.uint8]:
    """(28, 28) uint8: a piece by itself in MNIST's form, of the runtime's own preparation.

    Args:
        piece: Of the page.
        strength: (height, width) the page's ink.
        full: Strength of a stroke's middle.
    """
    region = strength[piece.top : piece.bottom, piece.left : piece.right]
    ink = np.minimum(region.astype(np.float32) / full, 1) * piece.mask
    longest = max(ink.shape)
    if longest > _CROP:
        shrink = _CROP / longest
        size = (max(1, round(ink.shape[1] * shrink)), max(1, round(ink.shape[0] * shrink)))
        ink = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return in_mnist_form((ink * 255).astype(np.uint8))


def plain_scores(classifier: Classifier, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The scores (N, classes) at temperature 1, at which the page's prices and weights were chosen."""
    return tempered(classifier.predict_batch(images), 1 / classifier.manifest.temperature)
