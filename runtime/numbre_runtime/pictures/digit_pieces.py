"""Which pieces of ink make up a picture's digit: the largest, and others that are no specks and lie close to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.pictures.components import components

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_THE_BORDER = 0.3
"""What a piece at the border weighs, compared with one within: it may belong to something outside."""
_LEAST_PART = 0.03
"""Pieces with less than this share of the largest piece's ink are specks."""
_WIDEST_GAP = 0.25
"""How far a piece may be from the others, as a share of the digit's longer side."""


def digit_parts(ink: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[int, int, int, int]]:
    """The part of a mask (height, width) that is the digit's, and its box: left, top, right and bottom.

    Args:
        ink: (height, width), how strong the ink is.
        mask: Where there is ink; at least one pixel.
    """
    pieces = components(mask)
    boxes, masses = pieces.boxes, pieces.sums(ink)
    height, width = mask.shape
    outer = (boxes[:, :2] <= 0).any(axis=1) | (boxes[:, 2] >= width) | (boxes[:, 3] >= height)
    main = int(np.argmax(masses * np.where(outer, _AT_THE_BORDER, 1)))
    kept = np.zeros(len(boxes), np.bool_)
    kept[main] = True
    possible = masses >= _LEAST_PART * masses[main]
    if not outer[main]:
        possible &= ~outer
    box = boxes[main].copy()
    while True:
        side = max(box[2] - box[0], box[3] - box[1])
        across = np.maximum(boxes[:, 0] - box[2], box[0] - boxes[:, 2])
        down = np.maximum(boxes[:, 1] - box[3], box[1] - boxes[:, 3])
        more = possible & ~kept & (np.maximum(across, down) <= _WIDEST_GAP * side)
        if not more.any():
            break
        kept |= more
        box[:2] = boxes[kept, :2].min(axis=0)
        box[2:] = boxes[kept, 2:].max(axis=0)
    left, top, right, bottom = box.tolist()
    return pieces.mask_of(kept), (left, top, right, bottom)
