"""Parts that may belong to one digit: pieces of broken strokes, and what stands so close that it may be."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from numbre_runtime.page.blobs import Parts

_BESIDE, _ABOVE = 0.08, 0.3
"""Parts closer than these shares of the writing's height, side by side or one above the other, may be of one digit."""
_SPECK = 0.15
"""What is no longer than this share is a speck."""
_STACKED = 0.6
"""Pieces that lie so far above each other, as a share of the narrower's width, are of one digit."""


@dataclass(frozen=True)
class Piece:
    """Some of a page's ink."""

    left: int
    """Its first column on the page."""
    top: int
    """Its first row."""
    mask: NDArray[np.bool_]
    """(height, width), True where its ink is."""

    @property
    def rows(self) -> int:
        """How tall it is, in pixels."""
        return int(self.mask.shape[0])

    @property
    def columns(self) -> int:
        """How wide it is."""
        return int(self.mask.shape[1])

    @property
    def right(self) -> int:
        """The column behind its last."""
        return self.left + self.columns

    @property
    def bottom(self) -> int:
        """The row behind its last."""
        return self.top + self.rows


def joined(pieces: list[Piece]) -> Piece:
    """Several pieces as one."""
    if len(pieces) == 1:
        return pieces[0]
    left, top = min(piece.left for piece in pieces), min(piece.top for piece in pieces)
    right, bottom = max(piece.right for piece in pieces), max(piece.bottom for piece in pieces)
    mask = np.zeros((bottom - top, right - left), np.bool_)
    for piece in pieces:
        mask[piece.top - top : piece.bottom - top, piece.left - left : piece.right - left] |= piece.mask
    return Piece(left, top, mask)


def trimmed(piece: Piece) -> Piece:
    """A piece, with some ink, in the box around its ink."""
    rows, columns = np.flatnonzero(piece.mask.any(axis=1)), np.flatnonzero(piece.mask.any(axis=0))
    inner = piece.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Piece(piece.left + int(columns[0]), piece.top + int(rows[0]), inner)


@dataclass(frozen=True)
class Group:
    """Pieces that may belong to one digit, or to several that touch."""

    pieces: list[Piece]
    """From left to right."""
    whole: Piece
    """All of them as one."""
    height: float
    """How tall the writing is there, in pixels."""


def find_groups(parts: Parts, heights: NDArray[np.float64], writing: float) -> list[Group]:
    """Groups of neighbouring pieces.

    Pieces above each other, such as the bar and the body of a 5, are joined already.

    Args:
        parts: The page's parts.
        heights: How tall the writing is around each of them, in pixels.
        writing: The usual height on the whole page.
    """
    groups: dict[int, list[int]] = {}
    for index, home in enumerate(_neighbourhoods(parts, writing)):
        groups.setdefault(int(home), []).append(index)
    result = []
    for members in groups.values():
        height = float(np.median(heights[members]))
        kept = [i for i in members if max(parts.width[i], parts.height[i]) > _SPECK * height]
        if kept:
            pieces = sorted(
                (Piece(int(parts.left[index]), int(parts.top[index]), parts.mask(index)) for index in kept),
                key=lambda piece: piece.left + piece.right,
            )
            pieces = _stacked(pieces, height)
            result.append(Group(pieces, joined(pieces), height))
    return result


def _neighbourhoods(parts: Parts, writing: float) -> NDArray[np.int32]:
    """For each part the number of its group: parts that meet when all strokes are made wider."""
    size = (2 * max(1, round(_BESIDE * writing / 2)) + 1, 2 * max(1, round(_ABOVE * writing / 2)) + 1)
    chosen = np.zeros(int(parts.labels.max()) + 1, np.uint8)
    chosen[parts.number] = 1
    mask = chosen[parts.labels]
    wider = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, size))
    _, homes = cv2.connectedComponents(wider, connectivity=8)
    # A pixel of each part: its first in the row where it begins.
    boxes = zip(parts.top, parts.left, parts.right, strict=True)
    rows = [parts.labels[top, left:right] for top, left, right in boxes]
    columns = [int((row == number).argmax()) for row, number in zip(rows, parts.number, strict=True)]
    return np.asarray(homes[parts.top, parts.left + np.array(columns, np.intp)], np.int32)


def _stacked(pieces: list[Piece], height: float) -> list[Piece]:
    """Pieces that lie above each other made one, where that is no taller than a digit."""
    result: list[Piece] = []
    for piece in pieces:
        for index, other in enumerate(result):
            shared = min(piece.right, other.right) - max(piece.left, other.left)
            narrower = min(piece.columns, other.columns)
            both = max(piece.bottom, other.bottom) - min(piece.top, other.top)
            if shared > _STACKED * narrower and both < 1.5 * height:
                result[index] = joined([other, piece])
                break
        else:
            result.append(piece)
    return result
