"""The frame around a picture: the dark edge of a scan, a table beyond the paper, the lines of a form's cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEPTH = 0.15
"""A frame lies within this share of the picture from its border."""
_CORNER = 0.1
"""This share of a side at either end may belong to the frames of the two sides next to it."""
_LENGTH = 0.97
"""Of the rest a frame's inner edge takes so much: no stroke leads across it."""
_STEP = 0.2
"""An edge's least step, as a share of the picture's contrast."""
_LEAST_SIDE = 32
"""In smaller pictures a stroke along the border looks like a frame."""


def inside_frame(grey: NDArray[np.uint8]) -> tuple[slice, slice]:
    """Rows and columns of a picture (height, width) that its frame leaves; all of them where it has none."""
    height, width = grey.shape
    if min(grey.shape) < _LEAST_SIDE:
        return slice(0, height), slice(0, width)
    rows = _between(grey, round(_CORNER * width), round(_CORNER * width))
    columns = _between(grey.T, round(_CORNER * height), round(_CORNER * height))
    if rows == slice(0, height) and columns == slice(0, width):
        return rows, columns
    # Once more between the frames that were found: where a corner is no frame, a stroke may bend there.
    rows, columns = (
        _between(grey, columns.start, width - columns.stop),
        _between(grey.T, rows.start, height - rows.stop),
    )
    return rows, columns


def _between(grey: NDArray[np.uint8], before: int, after: int) -> slice:
    """The rows between two frames along the first and the last row, seen without so many columns at either end."""
    seen = grey[:, before : grey.shape[1] - after]
    contrast = int(grey.max()) - int(grey.min())
    return slice(_edge(seen, contrast), len(grey) - _edge(seen[::-1], contrast))


def _edge(grey: NDArray[np.uint8], contrast: int) -> int:
    """How many rows a frame along the first row takes."""
    depth, reach = max(2, round(_DEPTH * len(grey))), max(2, len(grey) // 50)
    least = _STEP * contrast
    outer = grey[: depth + reach]
    means = outer.mean(axis=1, dtype=np.float64)
    # Where nearly all of a row steps up or down, so does its mean; that is found sooner.
    if np.abs(means[reach:] - means[:-reach]).max(initial=0) < least * _LENGTH - (1 - _LENGTH) * contrast:
        return 0
    outer = outer.astype(np.int16)
    step = outer[reach:] - outer[:-reach]
    along = np.maximum((step > least).mean(axis=1), (step < -least).mean(axis=1))
    found = np.flatnonzero(along >= _LENGTH)
    return int(found[-1]) + reach if len(found) else 0
