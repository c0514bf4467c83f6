"""Connected parts of a page's ink, and how tall its writing is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_MOST_PARTS = 1500
"""Only the largest so many are looked at; a bound on the time that noise can cost."""
_LEAST_SIDE = 5
"""What is shorter and narrower, in pixels, is no stroke."""
_LARGEST_SHARE = 0.6
"""What is longer than this share of the page is an edge or a frame, unless there is nothing else."""


@dataclass(frozen=True)
class Parts:
    """Connected parts of ink, one entry each."""

    labels: NDArray[np.int32]
    """(height, width), the number of the part that each pixel belongs to, in `number`; others are left out."""
    number: NDArray[np.int32]
    left: NDArray[np.int32]
    top: NDArray[np.int32]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    area: NDArray[np.int32]
    """Pixels of ink."""

    def __len__(self) -> int:
        return len(self.number)

    @property
    def right(self) -> NDArray[np.int32]:
        """The column behind the last."""
        return self.left + self.width

    @property
    def bottom(self) -> NDArray[np.int32]:
        """The row behind the last."""
        return self.top + self.height


def find_parts(mask: NDArray[np.uint8]) -> Parts:
    """The parts of a mask (height, width) that may be strokes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, width, height, area = np.asarray(stats, np.int32).T
    longest = np.maximum(width, height)
    usable = longest >= _LEAST_SIDE
    # The ground is number 0.
    usable[0] = False
    small = usable & (width < _LARGEST_SHARE * mask.shape[1]) & (height < _LARGEST_SHARE * mask.shape[0])
    chosen = np.flatnonzero(small if small.any() else usable)
    if len(chosen) > _MOST_PARTS:
        chosen = np.sort(chosen[np.argpartition(-area[chosen], _MOST_PARTS)[:_MOST_PARTS]])
    return Parts(
        np.asarray(labels, np.int32),
        chosen.astype(np.int32),
        left[chosen],
        top[chosen],
        width[chosen],
        height[chosen],
        area[chosen],
    )


def writing_height(parts: Parts) -> float:
    """The height, in pixels, of the part in which half of all ink lies in lower ones."""
    order = np.argsort(parts.height, kind="stable")
    amount = np.cumsum(parts.area[order])
    return float(parts.height[order][np.searchsorted(amount, amount[-1] / 2)])


def local_heights(parts: Parts, writing: float) -> NDArray[np.float64]:
    """How tall the writing is around each part, in pixels: the median of itself and its neighbours.

    Args:
        parts: The page's parts.
        writing: The whole page's, from `writing_height`.
    """
    main = np.flatnonzero((parts.height > 0.5 * writing) & (parts.height < 2.5 * writing))
    if len(main) < 3:
        return np.full(len(parts), writing)
    x, y = ((parts.left + parts.right) / np.float32(2)), (parts.top + parts.bottom) / np.float32(2)
    # Neighbours in the same line say more than those above and below.
    distance = np.abs(x[:, None] - x[None, main]) + 3 * np.abs(y[:, None] - y[None, main])
    count = min(7, len(main))
    nearest = np.argpartition(distance, count - 1, axis=1)[:, :count]
    return np.asarray(np.median(parts.height[main][nearest], axis=1), np.float64)
