"""Order statistics of grey levels, from their histogram."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 1 << 15
"""Fewer pixels are counted sooner by NumPy than by Pillow."""


def histogram(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(256,): how many pixels of an array (height, width) have each level.

    Example:
        >>> histogram(np.array([[3, 3, 255]], np.uint8))[[0, 3, 255]].tolist()
        [0, 2, 1]
    """
    if levels.size < _FEW:
        return np.bincount(levels.ravel(), minlength=256)
    from PIL import Image

    # Pillow counts bytes as they are, while np.bincount copies them to 64-bit integers first.
    return np.array(Image.fromarray(levels).histogram(), np.int64)


def quantile(counts: NDArray[np.int64], share: float) -> int:
    """The level at the rank `share` · (number of pixels − 1), rounded; 0 where nothing was counted.

    Args:
        counts: (256,) as `histogram` returns them.
        share: 0–1; 0 is the lowest level, 0.5 the median, 1 the highest level.

    Example:
        >>> quantile(histogram(np.array([[10, 20, 30]], np.uint8)), 0.5)
        20
    """
    total = int(counts.sum())
    rank = round(share * max(total - 1, 0))
    return int(np.searchsorted(counts.cumsum(), rank, side="right")) if total else 0


def otsu(counts: NDArray[np.int64]) -> int:
    """The threshold that separates two groups best; pixels at or below it are the lower group.

    Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9, 1979.

    Args:
        counts: (256,) as `histogram` returns them.

    Example:
        >>> 20 <= otsu(histogram(np.array([[10, 20, 200, 210]], np.uint8))) < 200
        True
    """
    below = counts.cumsum().astype(np.float64)
    above = below[-1] - below
    sums = (counts * np.arange(256)).cumsum().astype(np.float64)
    # Sums of whole numbers are exact, so that the best threshold is the same on every processor.
    weight = np.maximum(below * above, 1)
    between = (sums * below[-1] - sums[-1] * below) ** 2 / weight
    return int(between.argmax())
