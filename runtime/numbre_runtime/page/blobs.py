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
_LARGE = 0.6
"""What is longer than this share of the page may be an edge, a shadow or a frame."""
_ALONG_BORDER = 0.25
"""An edge or a shadow lies along so much of one of the page's borders; a stroke that is cut off only meets it."""
_STRAIGHT = 0.8
"""A side of a box is straight where so much of it has ink within `_DEPTH` of the box's longest side."""
_DEPTH = 0.04
_LONGER, _WHOLE = 7.0, 0.9
"""What is so many times as wide as high, and this share of the page wide, is a line."""
_UPRIGHT = 3.0
"""What is so many times as high as wide may be a 1, all of whose sides are straight."""
_CROSSED = 4.0
"""A line down the page crosses a grid or ruled lines more often, on average; digits that touch lie side by side."""
_FILLS = 0.85
"""What is wider and higher than this share of the page is a digit that was cut out, if it is no frame."""

_LOWEST_AT_BORDER = 0.4
"""What meets the page's border is no digit where it is lower, in heights of the writing."""


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

    def where(self, chosen: NDArray[np.bool_]) -> Parts:
        """Some of them, by (N,) True for each that stays."""
        measures = (self.number, self.left, self.top, self.width, self.height, self.area)
        return Parts(self.labels, *(values[chosen] for values in measures))

    def mask(self, index: int) -> NDArray[np.bool_]:
        """(height, width) of one part's box, True where its ink is."""
        rows = slice(int(self.top[index]), int(self.bottom[index]))
        columns = slice(int(self.left[index]), int(self.right[index]))
        return np.asarray(self.labels[rows, columns] == self.number[index])

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
    for index in np.flatnonzero(usable & ((width > _LARGE * mask.shape[1]) | (height > _LARGE * mask.shape[0]))):
        region = labels[top[index] : top[index] + height[index], left[index] : left[index] + width[index]] == index
        usable[index] = not _is_frame(region, int(left[index]), int(top[index]), mask.shape)
    chosen = np.flatnonzero(usable)
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


def _is_frame(part: NDArray[np.bool_], left: int, top: int, page: tuple[int, ...]) -> bool:
    """Whether a large part is no writing: an edge or a shadow along the page's border, a line, a box, a grid.

    A digit that fills its picture is as large, but it meets the border at most with the end of a stroke, at most one of
    the four sides of its box is straight, a 5's bar or a 2's foot, and few strokes lie above or beside each other.
    """
    height, width = part.shape
    sides = {
        "left": (part[:, 0], left == 0, page[0]),
        "right": (part[:, -1], left + width == page[1], page[0]),
        "top": (part[0], top == 0, page[1]),
        "bottom": (part[-1], top + height == page[0], page[1]),
    }
    if np.count_nonzero(np.diff(part, axis=0)) > 2 * _CROSSED * width:
        return True
    fills = min(height / page[0], width / page[1]) > _FILLS
    if not fills and any(
        at_border and np.count_nonzero(end) > _ALONG_BORDER * side for end, at_border, side in sides.values()
    ):
        return True
    if width > _LONGER * height:
        return bool(width > _WHOLE * page[1])
    if height > _UPRIGHT * width:
        return False
    depth = max(2, round(_DEPTH * max(height, width)))
    bands = (
        part[:, :depth].any(axis=1),
        part[:, -depth:].any(axis=1),
        part[:depth].any(axis=0),
        part[-depth:].any(axis=0),
    )
    return sum(bool(band.mean() > _STRAIGHT) for band in bands) >= 2


def without_rests(parts: Parts) -> Parts:
    """The parts but for what is left at the page's border of lines and writing outside it: too low for a digit."""
    height, width = parts.labels.shape
    at_border = (parts.left == 0) | (parts.top == 0) | (parts.right == width) | (parts.bottom == height)
    return parts.where(~at_border | (parts.height >= _LOWEST_AT_BORDER * writing_height(parts)))


def writing_height(parts: Parts) -> float:
    """The height, in pixels, of the part in which half of all ink lies in lower ones; 0: there are none."""
    if not len(parts):
        return 0.0
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
