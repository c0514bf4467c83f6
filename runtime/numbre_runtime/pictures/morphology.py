"""Grey-level morphology over rectangles, with NumPy alone (Serra, "Image Analysis and Mathematical Morphology", 1982).

Beyond its borders a picture goes on as it ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Levels: TypeAlias = NDArray[np.float32]


def opening(levels: Levels, rows: int, columns: int) -> Levels:
    """Levels (height, width) without what is bright and into which a window of odd `rows` × `columns` does not fit."""
    return dilation(_over_windows(levels, rows, columns, np.minimum), rows, columns)


def dilation(levels: Levels, rows: int, columns: int) -> Levels:
    """The largest level in the window around each pixel."""
    return _over_windows(levels, rows, columns, np.maximum)


def _over_windows(levels: Levels, rows: int, columns: int, pick: Callable[[Levels, Levels], Levels]) -> Levels:
    down, right = rows // 2, columns // 2
    padded = np.pad(levels, ((down, down), (right, right)), mode="edge")
    return _along_rows(_along_rows(padded, rows, pick).T, columns, pick).T


def _along_rows(levels: Levels, size: int, pick: Callable[[Levels, Levels], Levels]) -> Levels:
    """Windows of 1, 2, 4, … rows, each from two of the size before, so that large windows cost little more."""
    covered = 1
    while covered < size:
        step = min(covered, size - covered)
        levels = pick(levels[:-step], levels[step:])
        covered += step
    return levels
