"""Digits redrawn with another pen: thinned to one pixel (Zhang and Suen, 1984) and drawn anew in any width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Mask = NDArray[np.bool_]


def skeleton(mask: Mask) -> Mask:
    """The strokes of a mask (height, width), thinned to one pixel."""
    thin = np.pad(mask, 1)
    while True:
        removed = 0
        for first in (True, False):
            ring = _ring(thin)
            neighbours = ring.sum(axis=0)
            turns = (~ring & np.roll(ring, -1, axis=0)).sum(axis=0)
            north, east, south, west = ring[0], ring[2], ring[4], ring[6]
            if first:
                ends = ~(north & east & south) & ~(east & south & west)
            else:
                ends = ~(north & east & west) & ~(north & south & west)
            gone = thin & (neighbours >= 2) & (neighbours <= 6) & (turns == 1) & ends
            thin &= ~gone
            removed += int(gone.sum())
        if not removed:
            return thin[1:-1, 1:-1]


def _ring(mask: Mask) -> Mask:
    """(8, height, width): each pixel's neighbours, clockwise from the one above."""
    steps = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    return np.stack([np.roll(mask, (-down, -right), (0, 1)) for down, right in steps])


def redrawn(ink: NDArray[np.uint8], side: int, width: float) -> NDArray[np.float32]:
    """An MNIST digit (28, 28) as ink 0–1 of (side, side), its strokes `width` pixels wide."""
    large = Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC)
    line = skeleton(np.asarray(large) > 110)
    down, right = np.mgrid[: side + 1, : side + 1] - side // 2
    pen = np.clip(width / 2 - np.hypot(down, right) + 0.5, 0, 1)
    drawn = np.zeros((side, side), np.float32)
    reach = int(np.ceil(width / 2)) + 1
    middle = side // 2
    for row, column in zip(*np.nonzero(line), strict=True):
        top, left = max(row - reach, 0), max(column - reach, 0)
        bottom, end = min(row + reach + 1, side), min(column + reach + 1, side)
        stamp = pen[top - row + middle : bottom - row + middle, left - column + middle : end - column + middle]
        np.maximum(drawn[top:bottom, left:end], stamp, out=drawn[top:bottom, left:end])
    smooth = Image.fromarray((drawn * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6))
    return np.asarray(smooth, np.float32) / np.float32(255)
