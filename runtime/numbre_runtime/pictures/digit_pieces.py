"""Which pieces of ink make up a picture's digit: the largest, and others that are no specks and lie close to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numbre_runtime.pictures.components import components

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_THE_BORDER = 0.3
"""What a piece at the border weighs, compared with one within: it may belong to something outside."""
_LEAST_PART = 0.03
"""Pieces with less than this share of the largest piece's ink are specks."""
_LIKE_A_DIGIT = 0.5
"""A piece that was left out is a digit of its own if it has this share of the digit's height, and half of it as ink."""
_WIDEST_GAP = 0.25
"""How far a piece may be from the others, as a share of the digit's longer side."""


class DigitParts(NamedTuple):
    """The digit's part of a mask of ink."""

    mask: NDArray[np.bool_]
    """The digit's ink within its box."""
    box: tuple[int, int, int, int]
    """left, top, right and bottom."""
    others: int
    """Pieces that were left out and are about as large as the digit."""


def digit_parts(ink: NDArray[np.uint8], mask: NDArray[np.bool_]) -> DigitParts:
    """The part of a mask (height, width) that is the digit's.

    Args:
        ink: (height, width), how strong the ink is.
        mask: Where there is ink; at least one pixel.
    """
    pieces = components(mask)
    boxes = pieces.boxes
    if len(boxes) == 1:
        left, top, right, bottom = boxes[0].tolist()
        return DigitParts(mask, (left, top, right, bottom), 0)
    masses = pieces.sums(ink)
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
    alike = (boxes[:, 3] - boxes[:, 1] >= _LIKE_A_DIGIT * (bottom - top)) & (
        masses >= _LIKE_A_DIGIT / 2 * masses[kept].sum()
    )
    return DigitParts(pieces.mask_of(kept), (left, top, right, bottom), int((possible & alike & ~kept).sum()))
