"""Connected components of a mask, with NumPy alone: runs of pixels in rows, joined where those of two rows touch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Components(NamedTuple):
    """The components of a mask (height, width); pixels that touch by a corner belong together."""

    shape: tuple[int, int]
    """Height and width of the mask."""
    numbers: NDArray[np.intp]
    """(runs,): the component of each run of pixels, from 0 on; the runs are in reading order."""
    starts: NDArray[np.intp]
    """(runs,): where each run begins, counted along the rows of the mask with one more column at either side."""
    ends: NDArray[np.intp]
    """(runs,): just behind its last pixel."""
    boxes: NDArray[np.intp]
    """(count, 4): left, top, right, bottom of each; right and bottom lie just outside."""

    def sums(self, weights: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(count,): the sum of `weights` (height, width) over each component."""
        if not len(self.starts):
            return np.zeros(0, np.int64)
        # The last run may end where the array does, and an end must lie within it.
        flat = np.append(_padded(weights).ravel(), np.uint8(0))
        runs = np.add.reduceat(flat, np.stack([self.starts, self.ends], axis=1).ravel(), dtype=np.int64)[::2]
        # Whole numbers below 2⁵³ are exact as floats, in which np.bincount adds.
        return np.bincount(self.numbers, runs, len(self.boxes)).astype(np.int64)

    def mask_of(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(height, width): the pixels of the components that `chosen` (count,) says."""
        kept = chosen[self.numbers]
        height, width = self.shape
        bounds = np.stack([self.starts[kept], self.ends[kept]], axis=1).ravel()
        lengths = np.diff(bounds, prepend=0, append=height * (width + 2))
        inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
        return inside.reshape(height, width + 2)[:, 1:-1]


def components(mask: NDArray[np.bool_]) -> Components:
    """Finds the components of a mask (height, width).

    Example:
        >>> components(np.array([[True, False, True], [False, True, False]])).boxes.tolist()
        [[0, 0, 3, 2]]
    """
    width = mask.shape[1] + 2
    flat = _padded(mask.view(np.uint8)).ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = changes[::2], changes[1::2]
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
    return Components((mask.shape[0], mask.shape[1]), numbers, starts, ends, boxes)


def _padded(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The levels with a column of zeros at either side, so that no run goes on in the next row."""
    wide = np.zeros((levels.shape[0], levels.shape[1] + 2), np.uint8)
    wide[:, 1:-1] = levels
    return wide


def _joined(count: int, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.intp]:
    """(count,): numbers from 0 on, alike for all that the pairs (one[i], other[i]) connect."""
    parents = np.arange(count)
    while True:
        low = np.minimum(parents[one], parents[other])
        if (low == np.maximum(parents[one], parents[other])).all():
            numbers: NDArray[np.intp] = (parents == np.arange(count)).cumsum() - 1
            return numbers[parents]
        np.minimum.at(parents, parents[one], low)
        np.minimum.at(parents, parents[other], low)
        while (parents != (shorter := parents[parents])).any():
            parents = shorter
