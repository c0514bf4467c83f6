"""MNIST's form: a digit's ink as MNIST's makers prepared it, with strokes as wide as theirs at least.

Ink bright on 0, fitted into a 20×20 box with its aspect ratio kept, its centre of mass at the centre of 28×28 (LeCun et
al., "Gradient-based learning applied to document recognition", 1998, section III.A). That centre is pixel 14, counted
from 0: the centres of mass of MNIST's training images lie between 13.5 and 14.5.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.pictures.morphology import dilation

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 28
"""MNIST's images have 28×28 pixels."""
_BOX = 20
_THINNEST = 2.2
"""Thinner strokes are widened to so many pixels of the 28; three quarters of MNIST's digits have wider ones."""


def in_mnist_form(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A digit's ink, uint8 0–255 on 0, cut along its edges, of any height and width, as (28, 28) uint8."""
    return _centred(_widened(digit))


def _widened(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The digit with strokes that are no thinner than MNIST's; larger by what they grow."""
    pixel = _BOX / max(digit.shape)
    radius = round((_THINNEST / pixel - stroke_width(digit > 127)) / 2)
    if radius < 1:
        return digit
    # An octagon: a square and a diamond.
    square = round((math.sqrt(2) - 1) * radius)
    wide = np.pad(digit, radius)
    wide = dilation(wide, 2 * square + 1, 2 * square + 1)
    for _ in range(radius - square):
        wide = np.maximum(dilation(wide, 3, 1), dilation(wide, 1, 3))
    return wide


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """The usual width in pixels of a mask's strokes: twice their area by their outline.

    The outline is π/4 of the pixel sides along it (Cauchy and Crofton), for strokes of all directions.
    """
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.bool_)
    padded[1:-1, 1:-1] = mask
    sides = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    return 2 * int(np.count_nonzero(mask)) / (math.pi / 4 * max(int(sides), 1))


def _centred(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink fitted into 20×20, with its centre of mass at the centre of 28×28."""
    from PIL import Image

    height, width = digit.shape
    shrink = _BOX / max(height, width)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    picture = Image.fromarray(digit)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.BILINEAR if shrink > 1 else Image.Resampling.BOX)
    small = np.asarray(picture, np.float64)
    small = small * (255 / max(small.max(), 1.0))
    mass = max(small.sum(), 1.0)
    row = (small.sum(axis=1) * np.arange(size[1])).sum() / mass
    column = (small.sum(axis=0) * np.arange(size[0])).sum() / mass
    top = min(max(round(SIDE / 2 - row), 0), SIDE - size[1])
    left = min(max(round(SIDE / 2 - column), 0), SIDE - size[0])
    framed = np.zeros((SIDE, SIDE), np.uint8)
    framed[top : top + size[1], left : left + size[0]] = np.round(small)
    return framed
