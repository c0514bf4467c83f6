"""Ink: how much of each pixel is covered, on a canvas of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Ink = NDArray[np.floating[Any]]
"""(height, width), 0–1."""

_COVERED = 0.3


def as_picture(ink: Ink) -> Image.Image:
    """The ink as a grey picture, to work on with Pillow."""
    return Image.fromarray(np.round(ink * 255).astype(np.uint8))


def as_ink(picture: Image.Image) -> Ink:
    """A grey picture as ink."""
    ink: Ink = np.asarray(picture, np.float32) / np.float32(255)
    return ink


def cut_out(ink: Ink) -> Ink:
    """The part that holds ink; all of it where there is none."""
    covered = ink > _COVERED
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if not len(rows):
        return ink
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def sharpened(ink: Ink, steepness: float) -> Ink:
    """Edges made `steepness` times as steep."""
    sharp: Ink = np.clip((ink - 0.5) * steepness + 0.5, 0, 1)
    return sharp
