"""The first layer's weights as images: one picture, or one for each of several moments and an animation.

A unit that looks at the whole image has 28×28 weights, a convolution's filter 3×3, drawn as large.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.plots.style import new_figure, png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE, _GAP, _LABEL_ROOM = 28, 3, 9
_MOST_UNITS = 1024
_MAP = "PuOr"
_FRAME_MS, _LAST_FRAME_MS = 700, 3000


def weight_images(
    weights: NDArray[np.float32],
    title: str | None = None,
    scale: float | None = None,
    names: Sequence[str] = (),
    most: int = _MOST_UNITS,
) -> Figure:
    """The first layer's weights as one numbered square image a unit, on one symmetric colour scale.

    Args:
        weights: (784, units), or (9, units) of a convolution 3×3.
        title: Above all.
        scale: The weight at either end of the colours; None takes the largest.
        names: Names of the units; empty for hidden units, which are numbered from 1.
        most: How many units to show; of more, the first ones.
    """
    units = min(weights.shape[1], most)
    columns = 5 if units <= 25 else math.ceil(math.sqrt(units * 1.3))
    rows = -(-units // columns)
    inch, size = (1.3, 9) if units <= 25 else (0.85, 7) if units <= 150 else (0.55, 5.5)
    figure = new_figure(columns * inch + 1.1, rows * inch * 1.2 + 0.5)
    default = "What the unit of each class looks at" if names else "What the first hidden layer looks at"
    shown = "" if units == weights.shape[1] else f" (the first {units:,} of {weights.shape[1]:,} units)"
    figure.suptitle(f"{title or default}{shown}", fontsize=12)
    axes = figure.subplots()
    axes.set_axis_off()
    top = scale or float(np.abs(weights).max()) or 1.0
    image = axes.imshow(_mosaic(weights[:, :units], columns), cmap=_MAP, vmin=-top, vmax=top, interpolation="nearest")
    for unit in range(units):
        row, column = divmod(unit, columns)
        axes.text(
            column * (_SIDE + _GAP) + _SIDE / 2,
            row * (_SIDE + _LABEL_ROOM) + _LABEL_ROOM - 2,
            names[unit] if names else f"unit {unit + 1}" if units <= 25 else str(unit + 1),
            ha="center",
            va="bottom",
            fontsize=size,
        )
    figure.colorbar(image, ax=axes, label="weight", shrink=0.6, aspect=30)
    return figure


def _mosaic(weights: NDArray[np.float32], columns: int) -> NDArray[Any]:
    """All units' images in one, row by row, with gaps of NaN, which stay white, and room for a label above each."""
    units = weights.shape[1]
    rows = -(-units // columns)
    height, width = _SIDE + _LABEL_ROOM, _SIDE + _GAP
    canvas = np.full((rows * height, columns * width - _GAP), np.nan, np.float32)
    for unit in range(units):
        row, column = divmod(unit, columns)
        top, left = row * height + _LABEL_ROOM, column * width
        canvas[top : top + _SIDE, left : left + _SIDE] = _tile(weights[:, unit])
    return canvas


def _tile(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """A unit's weights as 28×28, each of fewer ones as a square of whole pixels with what is left white around."""
    side = math.isqrt(len(weights))
    large = np.kron(weights.reshape(side, side), np.ones((_SIDE // side, _SIDE // side), np.float32))
    before = (_SIDE - len(large)) // 2
    return np.pad(large, (before, _SIDE - len(large) - before), constant_values=np.nan)


def weight_frames(moments: Mapping[int, NDArray[np.float32]], names: Sequence[str] = ()) -> dict[int, Figure]:
    """The weights at several steps, one figure each, all on the same symmetric colour scale.

    Args:
        moments: Number of steps done to weights, as for `weight_images`.
        names: As for `weight_images`.
    """
    scale = max(float(np.abs(weights).max()) for weights in moments.values())
    ends = f"of {max(moments):,}"
    return {
        step: weight_images(weights, f"First layer after step {step:,} {ends}", scale, names)
        for step, weights in sorted(moments.items())
    }


def animation(frames: Mapping[int, Figure]) -> bytes:
    """Figures of one size as an animated GIF that runs for ever, the last frame longest."""
    from matplotlib import colormaps
    from PIL import Image

    pictures = [Image.open(io.BytesIO(png(figure))).convert("RGB") for figure in frames.values()]
    # One palette for all frames: the colour map itself, and greys for the letters.
    colours = np.concatenate(
        (colormaps[_MAP](np.linspace(0, 1, 224))[:, :3], np.repeat(np.linspace(0, 1, 32), 3).reshape(-1, 3))
    )
    palette = Image.new("P", (1, 1))
    palette.putpalette((colours * 255).round().astype(np.uint8).tobytes())
    indexed = [item.quantize(palette=palette, dither=Image.Dither.NONE) for item in pictures]
    stream = io.BytesIO()
    durations = [_FRAME_MS] * (len(indexed) - 1) + [_LAST_FRAME_MS]
    indexed[0].save(stream, "GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0, optimize=False)
    return stream.getvalue()
