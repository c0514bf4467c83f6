"""Which way up a page is: as it lies its digits look more like digits than they do turned by 90°, 180° or 270°."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.classifier import Classifier
from numbre_runtime.page.appearance import digit_classes, plain_scores, prepared
from numbre_runtime.page.blobs import Parts
from numbre_runtime.page.groups import Piece
from numbre_runtime.page.ink import Ink

_SAMPLE = 16
"""So many parts are asked, evenly over the page."""
_SHORTEST, _LONGEST = 0.6, 1.6
"""Parts of such a longest side, as shares of the usual one, may be single digits."""
_SURELY_WRONG = 0.01
"""No score counts for less, because one strange sign must not turn a page."""
_LEAST_EVIDENCE = 2.0
"""A page is turned where all its signs together are so much likelier, in logarithms. Upside down 0, 1, 5, 6, 8 and 9
look like digits too: of 40 numbers composed of MNIST's validation digits, 31 were turned upright again at eight digits
and 38 at twelve, and none that stood upright was turned; of 160 photographed cheque amounts 2 were turned wrongly."""
_FEWEST = 3
"""So many signs must speak for a turn; one or two are as likely digits that touch, or a pattern of the paper."""
_LEAST_LIKELY = -0.25
"""The logarithm of how likely a sign is a digit on the turned page, on average; a pattern is none either way."""


def quarter_turns(ink: Ink, parts: Parts, classifier: Classifier) -> int:
    """How many quarter turns counter-clockwise, 0–3, make a page upright; 0 where its signs do not tell.

    Args:
        ink: The page's.
        parts: Its connected parts.
        classifier: Its classes are digits, perhaps with one for none.
    """
    longest = np.maximum(parts.width, parts.height)
    if len(longest) < _FEWEST:
        return 0
    usual = np.sort(longest)[np.searchsorted(np.cumsum(parts.area[np.argsort(longest)]), parts.area.sum() / 2)]
    sized = np.flatnonzero((longest >= _SHORTEST * usual) & (longest <= _LONGEST * usual))
    sized = sized[:: -(-len(sized) // _SAMPLE)]
    pieces = [Piece(int(parts.left[index]), int(parts.top[index]), parts.mask(int(index))) for index in sized]
    images = np.stack([prepared(piece, ink.strength, ink.full) for piece in pieces])
    upright, _ = _likely(images, classifier)
    # No turn makes digits likelier than certain.
    if -upright.sum() <= _LEAST_EVIDENCE:
        return 0
    best, most = 0, _LEAST_EVIDENCE
    for turns in (1, 2, 3):
        turned, ones = _likely(np.rot90(images, turns, axes=(1, 2)), classifier)
        # A bar, or a line of the paper, on its end looks like a 1 and says nothing.
        told = ~ones
        gain = float((turned - upright)[told].sum())
        if gain > most and told.sum() >= _FEWEST and turned[told].mean() >= _LEAST_LIKELY:
            best, most = turns, gain
    return best


def _likely(images: NDArray[np.uint8], classifier: Classifier) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(N,) the logarithm of how likely each image is a digit, and whether it would be a 1."""
    digits = digit_classes(classifier)
    scores = plain_scores(classifier, np.ascontiguousarray(images))[:, digits]
    ones = digits[scores.argmax(axis=1)] == classifier.labels.index("1")
    return np.log(np.maximum(scores.max(axis=1), _SURELY_WRONG)).astype(np.float64), ones
