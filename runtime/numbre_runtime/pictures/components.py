"""Connected components of a mask, with NumPy alone: runs of pixels in rows, joined where those of two rows touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Components(NamedTuple):
    """The components of a mask (height, width); pixels that touch by a corner belong together."""

    labels: NDArray[np.intp]
    """(height, width): the pixel's component, from 1 on; 0 outside the mask."""
    boxes: NDArray[np.intp]
    """(count, 4): left, top, right, bottom of each; right and bottom lie just outside."""

    def sums(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """(count,): the sum of `weights` (height, width) over each component."""
        flat = weights.ravel().astype(np.float64)
        return np.bincount(self.labels.ravel(), flat, len(self.boxes) + 1)[1:].astype(np.float64)


def components(mask: NDArray[np.bool_]) -> Components:
    """Finds the components of a mask (height, width)."""
    width = mask.shape[1] + 2
    changes = np.flatnonzero(np.diff(np.pad(mask, ((0, 0), (1, 1))).ravel().view(np.int8)))
    starts, ends = changes[::2] + 1, changes[1::2] + 1
    first = np.searchsorted(ends, starts + width - 1, side="right")
    touching = np.maximum(np.searchsorted(starts, ends + width, side="right") - first, 0)
    upper = np.repeat(np.arange(len(starts)), touching)
    lower = np.arange(len(upper)) - np.repeat(touching.cumsum() - touching, touching) + np.repeat(first, touching)
    numbers = _joined(len(starts), upper, lower)

    boxes = np.empty((int(numbers.max(initial=-1)) + 1, 4), np.intp)
    boxes[:, :2], boxes[:, 2:] = mask.size, 0
    rows = starts // width
    np.minimum.at(boxes[:, 0], numbers, starts - rows * width - 1)
    np.minimum.at(boxes[:, 1], numbers, rows)
    np.maximum.at(boxes[:, 2], numbers, ends - rows * width - 1)
    np.maximum.at(boxes[:, 3], numbers, rows + 1)
    labels = np.zeros(mask.shape, np.intp)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    return Components(labels, boxes)


def _joined(count: int, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.intp]:
    """(count,): numbers from 0 on, alike for all that the pairs (one[i], other[i]) connect."""
    parents = np.arange(count)
    while True:
        low = np.minimum(parents[one], parents[other])
        if np.array_equal(low, np.maximum(parents[one], parents[other])):
            return np.unique(parents, return_inverse=True)[1].reshape(-1)
        np.minimum.at(parents, parents[one], low)
        np.minimum.at(parents, parents[other], low)
        while not np.array_equal(parents, parents[parents]):
            parents = parents[parents]
