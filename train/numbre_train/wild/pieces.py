"""Images made of digits that show no digit: two halves joined, several digits side by side, a digit on its side."""

from __future__ import annotations

import numpy as np

from numbre_train.data.rows import Rows
from numbre_train.wild.ink import Ink, cut_out
from numbre_train.wild.strokes import rewritten

_NONE_LYING = (2, 3, 4, 5)
"""Digits that are none when turned by 90°; a 0 and an 8 still might be, a 7 or 9 somebody's 2 or 4."""


def piece(rows: Rows, generator: np.random.Generator) -> Ink:
    """Something made of the digits of some rows."""
    kind = generator.random()
    if kind < 0.55:
        return _side_by_side(rows, generator)
    if kind < 0.75:
        return _lying(rows, generator)
    return _joined(rows, generator)


def _any(rows: Rows, generator: np.random.Generator) -> tuple[Ink, int]:
    number = int(generator.integers(len(rows)))
    return cut_out(rewritten(rows.images[number], generator)), int(rows.labels[number])


def _side_by_side(rows: Rows, generator: np.random.Generator) -> Ink:
    """Two or three digits, close together or touching."""
    parts = [_any(rows, generator)[0] for _ in range(int(generator.integers(2, 4)))]
    height = max(part.shape[0] for part in parts)
    gap = round(height * generator.uniform(0, 0.25))
    framed = [np.pad(part, ((height - part.shape[0], 0), (0, gap))) for part in parts]
    return cut_out(np.concatenate(framed, axis=1))


def _lying(rows: Rows, generator: np.random.Generator) -> Ink:
    wanted = np.flatnonzero(np.isin(rows.labels, _NONE_LYING))
    number = int(wanted[generator.integers(len(wanted))])
    return np.rot90(rewritten(rows.images[number], generator), int(generator.choice([1, 3]))).copy()


def _joined(rows: Rows, generator: np.random.Generator) -> Ink:
    """The left half of one digit and the right half of another, shifted against each other."""
    first, second = _any(rows, generator)[0], _any(rows, generator)[0]
    height = max(first.shape[0], second.shape[0])
    left = first[:, : max(1, first.shape[1] // 2)]
    right = second[:, second.shape[1] // 2 :]
    shift = round(height * generator.uniform(0.15, 0.4))
    above, below = ((0, shift), (shift, 0)) if generator.random() < 0.5 else ((shift, 0), (0, shift))
    halves = [
        np.pad(half, ((extra[0], extra[1] + height - half.shape[0]), (0, 0)))
        for half, extra in ((left, above), (right, below))
    ]
    return cut_out(np.concatenate(halves, axis=1))
