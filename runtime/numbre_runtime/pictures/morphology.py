"""Grey-level morphology over rectangles, with NumPy alone (Serra, "Image Analysis and Mathematical Morphology", 1982).

Windows are clipped at the picture's border. Levels are bytes, of which one instruction compares 16 or 32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def opening(levels: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """Levels (height, width) without what is bright and into which a window of odd `rows` × `columns` does not fit."""
    return dilation(erosion(levels, rows, columns), rows, columns)


def dilation(levels: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """The largest level in the window of odd `rows` × `columns` around each pixel.

    Example:
        >>> dilation(np.array([[0, 9, 0, 0]], np.uint8), 1, 3).tolist()
        [[9, 9, 9, 0]]
    """
    return _across(_down(levels, rows, np.maximum, 0), columns, np.maximum, 0)


def erosion(levels: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """The smallest level in the window of odd `rows` × `columns` around each pixel."""
    return _across(_down(levels, rows, np.minimum, 255), columns, np.minimum, 255)


def _down(levels: NDArray[np.uint8], size: int, pick: np.ufunc, beyond: int) -> NDArray[np.uint8]:
    """Windows of 1, 2, 4, … rows, each from two of the size before, so that large windows cost little more."""
    if size == 1:
        return levels
    half = size // 2
    seen = np.full((len(levels) + 2 * half, levels.shape[1]), beyond, np.uint8)
    seen[half : half + len(levels)] = levels
    covered = 1
    while covered < size:
        step = min(covered, size - covered)
        seen = pick(seen[:-step], seen[step:])
        covered += step
    return seen


def _across(levels: NDArray[np.uint8], size: int, pick: np.ufunc, beyond: int) -> NDArray[np.uint8]:
    """As `_down`, along the rows, which lie one behind the other with `beyond` between them: no window spans two."""
    if size == 1:
        return levels
    half, (height, width) = size // 2, levels.shape
    wide = np.full((height, width + 2 * half), beyond, np.uint8)
    wide[:, half : half + width] = levels
    seen = wide.ravel()
    covered = 1
    while covered < size:
        step = min(covered, size - covered)
        seen = pick(seen[:-step], seen[step:])
        covered += step
    return np.lib.stride_tricks.as_strided(seen, (height, width), (width + 2 * half, 1))
