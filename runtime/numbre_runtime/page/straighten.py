"""Turns a page so that its lines of digits lie level."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.page.blobs import Parts

_STEEPEST = 0.25
"""Largest slope that is looked for, 14°."""
_STEP = 0.01
_REACH = 4.0
"""A neighbour is no further than so many heights of the writing."""
_LEAST_PAIRS = 3
_MOST_PAIRS = 20_000
_LEAST_TURN = 0.02
"""A smaller slope changes nothing, about 1°."""


def line_slope(parts: Parts, writing: float) -> float:
    """By how much lines fall for each pixel to the right, from the directions in which most neighbours lie; 0: level.

    Args:
        parts: The page's parts.
        writing: Their usual height in pixels.
    """
    main = (parts.height > 0.5 * writing) & (parts.height < 2 * writing) & (parts.width < 4 * writing)
    x = ((parts.left[main] + parts.right[main]) / 2).astype(np.float32)
    # Feet are on a line more closely than middles or heads.
    y = parts.bottom[main].astype(np.float32)
    across, down = x[None, :] - x[:, None], y[None, :] - y[:, None]
    neighbours = (across > 0.3 * writing) & (across < _REACH * writing)
    slopes = down[neighbours] / across[neighbours]
    slopes = slopes[np.abs(slopes) <= _STEEPEST]
    if len(slopes) < _LEAST_PAIRS:
        return 0.0
    slopes = slopes[:: len(slopes) // _MOST_PAIRS + 1]
    grid = np.arange(-_STEEPEST, _STEEPEST + _STEP, _STEP)
    near = np.exp(-0.5 * ((slopes[:, None] - grid[None, :]) / (2 * _STEP)) ** 2).sum(axis=0)
    best = float(grid[near.argmax()])
    close = slopes[np.abs(slopes - best) < 3 * _STEP]
    return float(np.median(close)) if len(close) >= _LEAST_PAIRS else 0.0


def turned(strength: NDArray[np.uint8], slope: float) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The page with lines of that slope level.

    Returns:
        The turned page, large enough for all of it, and the (2, 3) matrix from its pixels to those it came from.
    """
    if abs(slope) < _LEAST_TURN:
        return strength, np.eye(2, 3)
    height, width = strength.shape
    there = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(np.arctan(slope))), 1.0)
    cosine, sine = abs(there[0, 0]), abs(there[0, 1])
    size = (int(width * cosine + height * sine) + 1, int(width * sine + height * cosine) + 1)
    there[:, 2] += (size[0] / 2 - width / 2, size[1] / 2 - height / 2)
    page = cv2.warpAffine(strength, there, size, flags=cv2.INTER_LINEAR)
    return np.asarray(page, np.uint8), np.asarray(cv2.invertAffineTransform(there), np.float64)
