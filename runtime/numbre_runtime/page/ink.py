"""What is ink on a page: how far each pixel is from the paper around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_GROUND_SIDE = 500
"""Longest side, in pixels, at which the paper's brightness is estimated."""
_GROUND_WINDOW = 61
"""Side of the square whose median is the paper's brightness, in those pixels; more than twice any stroke."""
_SMOOTHING = 0.8
"""Deviation, in pixels, of the blur against a sensor's noise."""
_NOISE_SPANS = 4.0
"""Ink is further from the paper than so many deviations of the noise."""
_LEAST_CONTRAST = 14
"""Ink differs from the paper by so many of 255 grey levels."""
_EDGE_SHARE = 0.4
"""A stroke ends where its ink falls below this share of what is usual on the page."""
_DARKEST_GROUND = 40
"""Paper darker than this is not made brighter, for there noise is all that would grow."""


@dataclass(frozen=True)
class Ink:
    """The ink of a page."""

    strength: NDArray[np.uint8]
    """(height, width), 0: paper; the ink's own strength is `full`."""
    mask: NDArray[np.uint8]
    """(height, width), 1 where there is ink, 0 elsewhere."""
    threshold: float
    """Strength from which on it is ink."""
    full: float
    """Strength of a stroke's middle, the median over the page."""
    dark: bool
    """True: dark ink on a lighter ground; False: light ink on a darker one."""


def find_ink(grey: NDArray[np.uint8]) -> Ink | None:
    """Finds the ink in grey levels (height, width); None for a blank page.

    The paper's brightness is the median around each pixel, which keeps a shadow's edge; dark ink is measured relative
    to it, for a shadow darkens ink and paper alike.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), _SMOOTHING)
    ground = _ground(smooth)
    sides = {True: _relative(smooth, ground), False: cv2.subtract(smooth, ground)}
    noise = {dark: _noise(sides[not dark]) for dark in sides}
    thresholds = {dark: max(_NOISE_SPANS * noise[dark], float(_LEAST_CONTRAST)) for dark in sides}
    amounts = {dark: _amount(sides[dark], thresholds[dark]) for dark in sides}
    dark = amounts[True] >= amounts[False]
    strength, threshold = sides[dark], thresholds[dark]
    counts = _counts(strength)
    counts[: int(threshold) + 1] = 0
    if not counts.any():
        return None
    full = _middle(counts)
    threshold = max(threshold, _EDGE_SHARE * full)
    return Ink(strength, _above(strength, threshold), threshold, full, dark)


def without(ink: Ink, taken: NDArray[np.uint8]) -> Ink:
    """The ink without some of its pixels, (height, width) 1 where they are; the rest tells anew how strong ink is."""
    if not taken.any():
        return ink
    left = cv2.subtract(ink.mask, taken)
    # The taken strokes' soft edges go with them, those of what is left stay.
    faint = cv2.bitwise_and(
        cv2.dilate(taken, np.ones((5, 5), np.uint8)), 1 - cv2.dilate(left, np.ones((3, 3), np.uint8))
    )
    strength = np.where(cv2.bitwise_or(taken, faint), 0, ink.strength).astype(np.uint8)
    counts = _counts(strength)
    counts[: int(ink.threshold) + 1] = 0
    if not counts.any():
        return Ink(strength, left, ink.threshold, ink.full, ink.dark)
    full = _middle(counts)
    threshold = max(ink.threshold, _EDGE_SHARE * full)
    return Ink(strength, _above(strength, threshold), threshold, full, ink.dark)


def _above(strength: NDArray[np.uint8], threshold: float) -> NDArray[np.uint8]:
    """1 where there is ink."""
    return np.asarray((strength > threshold).astype(np.uint8))


def _ground(smooth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The paper's brightness at each pixel."""
    height, width = smooth.shape
    shrink = min(1.0, _GROUND_SIDE / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    small = cv2.resize(smooth, size, interpolation=cv2.INTER_AREA)
    ground = cv2.medianBlur(small, _GROUND_WINDOW)
    return np.asarray(cv2.resize(ground, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _relative(smooth: NDArray[np.uint8], ground: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """How much darker than the ground, as if that were white; 0–255."""
    ratio = cv2.divide(smooth, cv2.max(ground, _DARKEST_GROUND), scale=255)
    white = cv2.divide(ground, cv2.max(ground, _DARKEST_GROUND), scale=255)
    return np.asarray(cv2.subtract(white, ratio), np.uint8)


def _counts(levels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How many pixels have each of the 256 levels."""
    return np.asarray(cv2.calcHist([levels], [0], None, [256], [0, 256]), np.float64).ravel()


def _noise(other_side: NDArray[np.uint8]) -> float:
    """The noise's deviation, from the side where no ink is: a sixth of all pixels lie beyond it there."""
    shares = _counts(other_side).cumsum() / other_side.size
    return float(np.searchsorted(shares, 0.84))


def _amount(strength: NDArray[np.uint8], threshold: float) -> float:
    """How much there is beyond the noise."""
    counts = _counts(strength)
    counts[: int(threshold) + 1] = 0
    return float((counts * np.arange(256)).sum())


def _middle(counts: NDArray[np.float64]) -> float:
    """The median level."""
    shares = counts.cumsum() / counts.sum()
    return float(np.searchsorted(shares, 0.5))
