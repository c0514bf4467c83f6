"""Lines drawn with a pen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from numbre_train.wild.ink import Ink, as_ink

Points = NDArray[np.float64]
"""(N, 2) of x and y, 0–1 within the canvas, y downwards."""

_FINER = 2
_BETWEEN = 8


def drawn(lines: Sequence[Points], width: float, side: int = 72) -> Ink:
    """Lines in ink on a canvas of side × side pixels.

    Args:
        lines: Each is drawn from its first point to its last.
        width: Of the pen, as a share of the side.
        side: Of the canvas, in pixels.
    """
    picture = Image.new("L", (side * _FINER, side * _FINER))
    pen = ImageDraw.Draw(picture)
    thick = max(1, round(width * side * _FINER))
    for line in lines:
        points = [(float(x), float(y)) for x, y in line * (side * _FINER - 1)]
        pen.line(points, fill=255, width=thick, joint="curve")
        for x, y in (points[0], points[-1]):
            pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
    return as_ink(picture.resize((side, side), Image.Resampling.BOX))


def curve(points: Points) -> Points:
    """A smooth line through all points (Catmull and Rom, "A class of local interpolating splines", 1974)."""
    before = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    steps = np.linspace(0, 1, _BETWEEN, endpoint=False)[:, None]
    parts = []
    for index in range(len(points) - 1):
        first, start, end, last = before[index : index + 4]
        parts.append(
            start
            + 0.5 * steps * (end - first)
            + steps**2 * (first - 2.5 * start + 2 * end - 0.5 * last)
            + steps**3 * (1.5 * (start - end) + 0.5 * (last - first))
        )
    return np.concatenate([*parts, points[-1:]])
