"""What is ink on a page: how far each pixel is from the paper around it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_GROUND_SIDE = 500
"""Longest side, in pixels, at which the paper's brightness is estimated."""
_WINDOWS = (0.122, 0.244, 0.488)
"""Sides of the square whose median is the paper's brightness, as shares of the page's longest side. A square must be
wider than two strokes, or it takes the middle of a stroke for paper; a small one follows a shadow more closely."""
_WINDOW_PIXELS = 61
"""The page is reduced until the square's side has at most so many pixels, because a larger median is slow."""
_BETTER = 1.1
"""A wider square is taken where so many times as much of the outlines that it gives lies on edges."""
_EDGE = 0.3
"""An edge is as sharp as this share of the sharpest tenth of all edges under outlines."""
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
    to it, because a shadow darkens ink and paper alike.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), _SMOOTHING)
    small = _at_most(smooth, _GROUND_SIDE)
    edges = _edges(small)
    best: dict[bool, tuple[float, float, int]] = {}
    grounds = [_ground(small, window) for window in (*_WINDOWS, None)]
    for index, ground in enumerate(grounds):
        for dark, side in _sides(small, ground).items():
            share, amount = _on_edges(side.mask, edges)
            if dark not in best or share > _BETTER * best[dark][0]:
                best[dark] = share, amount, index
    # The side with more outlines on edges, not with more ink, because a shadow is larger than all writing.
    for dark, (_, _, index) in sorted(best.items(), key=lambda item: -item[1][1]):
        ink = _sides(smooth, _enlarged(grounds[index], smooth.shape)).get(dark)
        if ink is not None:
            return ink
    return None


def without(ink: Ink, taken: NDArray[np.uint8]) -> Ink:
    """The ink without some of its pixels, (height, width) 1 where they are; the rest tells anew how strong ink is."""
    if not taken.any():
        return ink
    left = cv2.subtract(ink.mask, taken)
    # The taken strokes' soft edges go with them, those of what is left stay.
    faint = cv2.bitwise_and(
        cv2.dilate(taken, np.ones((5, 5), np.uint8)), 1 - cv2.dilate(left, np.ones((3, 3), np.uint8))
    )
    return _measured(np.where(cv2.bitwise_or(taken, faint), 0, ink.strength).astype(np.uint8), ink.threshold, ink.dark)


def reduced(ink: Ink, share: float) -> Ink:
    """The ink at this share, 0–1, of its resolution; thin strokes get fainter, and the usual strength with them."""
    size = [max(1, round(side * share)) for side in ink.strength.shape[::-1]]
    # The paper's pattern and noise are left behind, so that faint thin strokes need not be told from them again.
    around = cv2.dilate(ink.mask, np.ones((3, 3), np.uint8))
    strength = np.asarray(cv2.resize(cv2.multiply(ink.strength, around), size, interpolation=cv2.INTER_AREA), np.uint8)
    return _measured(strength, _EDGE_SHARE * ink.threshold, ink.dark)


def _measured(strength: NDArray[np.uint8], least: float, dark: bool) -> Ink:
    """Ink of that strength, where it is above `least` and not much weaker than is usual on the page."""
    counts = _counts(strength)
    counts[: int(least) + 1] = 0
    full = _middle(counts) if counts.any() else 255.0
    threshold = max(least, _EDGE_SHARE * full)
    return Ink(strength, (strength > threshold).astype(np.uint8), threshold, full, dark)


def _at_most(levels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Levels reduced until their longest side has at most so many pixels."""
    shrink = side / max(levels.shape)
    if shrink >= 1:
        return levels
    size = [max(1, round(length * shrink)) for length in levels.shape[::-1]]
    return np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _enlarged(levels: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(levels, shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


def _ground(small: NDArray[np.uint8], window: float | None) -> NDArray[np.uint8]:
    """The paper's brightness at each pixel, from a square that is so wide; None: that of the page's border."""
    if window is None:
        border = np.concatenate([small[0], small[-1], small[:, 0], small[:, -1]])
        return np.full_like(small, np.median(border))
    reduced = _at_most(small, round(_WINDOW_PIXELS / window))
    side = 2 * (round(window * max(reduced.shape)) // 2) + 1
    return _enlarged(np.asarray(cv2.medianBlur(reduced, side), np.uint8), small.shape)


def _sides(smooth: NDArray[np.uint8], ground: NDArray[np.uint8]) -> dict[bool, Ink]:
    """The ink as it is if it is darker, True, and if it is lighter than the ground; without a side that has none."""
    strengths = {True: _relative(smooth, ground), False: np.asarray(cv2.subtract(smooth, ground), np.uint8)}
    result = {}
    for dark, strength in strengths.items():
        threshold = max(_NOISE_SPANS * _noise(strengths[not dark]), float(_LEAST_CONTRAST))
        if int(strength.max()) > int(threshold):
            result[dark] = _measured(strength, threshold, dark)
    return result


def _edges(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much the brightness changes around each pixel, in levels."""
    across, down = cv2.Sobel(levels, cv2.CV_32F, 1, 0), cv2.Sobel(levels, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _on_edges(mask: NDArray[np.uint8], edges: NDArray[np.float32]) -> tuple[float, float]:
    """The share of a mask's outline that lies on edges, 0–1, and the sum of the squares of the edges under it.

    Hollow strokes and soft shadows have outlines where no edge is.
    """
    outline = mask - cv2.erode(mask, np.ones((3, 3), np.uint8))
    under = edges[outline != 0]
    if not under.size:
        return 0.0, 0.0
    sharp = under > _EDGE * np.quantile(under, 0.9)
    return float(sharp.mean()), float(np.square(under).sum())


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


def _middle(counts: NDArray[np.float64]) -> float:
    """The median level."""
    shares = counts.cumsum() / counts.sum()
    return float(np.searchsorted(shares, 0.5))
