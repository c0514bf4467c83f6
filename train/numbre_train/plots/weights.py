"""The first layer's weights as images: one picture, or one for each of several moments and an animation.

A unit that looks at the whole image has 28×28 weights. A convolution's filter has 3×3, which are drawn as large
squares.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.plots.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_UNITS = 25
"""Units that a picture shows: of more, those with the largest weights."""
_SIDE, _GAP, _LABEL_ROOM, _COLUMNS = 28, 3, 9, 5
_MAP = "PuOr"
_WHAT_COLOURS_MEAN = "ink on purple speaks for the unit, ink on orange against it"
_FRAME_MS, _LAST_FRAME_MS = 700, 3000
_ANIMATION_LIMIT, _ANIMATION_DPI = 1_000_000, (100, 80, 65, 50, 40)
"""Bytes that an animation may have, and the resolutions to try until it has fewer."""
_SHOWN_SHARE = 0.999
"""Share of the weights within the colour scale; without the few beyond it, most units would look pale."""


def strongest_units(weights: NDArray[np.float32], most: int = MOST_UNITS) -> NDArray[np.int64]:
    """The numbers of the units with the largest sum of squared weights, ascending, at most `most`.

    Args:
        weights: (inputs of a unit, units).
        most: How many at most.
    """
    strength = np.square(weights).sum(axis=0)
    return np.sort(np.argsort(-strength, kind="stable")[:most])


def weight_images(
    weights: NDArray[np.float32],
    title: str | None = None,
    scale: float | None = None,
    names: Sequence[str] = (),
    units: NDArray[np.int64] | None = None,
) -> Figure:
    """The first layer's weights as one square image a unit, on one symmetric colour scale.

    Args:
        weights: (784, units), or (9, filters) of a convolution 3×3.
        title: Heading of the picture; None for the usual one.
        scale: The weight at either end of the colour scale; None takes one that holds 99.9% of the weights.
        names: Names of the units; empty for hidden units, which are numbered from 1.
        units: Numbers of the units to show; None shows the strongest ones.
    """
    count = weights.shape[1]
    units = strongest_units(weights) if units is None else units
    columns = min(_COLUMNS, len(units))
    rows = -(-len(units) // columns)
    figure = new_figure(max(columns * 1.5 + 1.2, 5.5), rows * 1.75 + 0.9)
    default = "What the unit of each class looks at" if names else "What the first layer looks at"
    shown = f" (the {len(units)} strongest of {count:,} units)" if len(units) < count else ""
    figure.suptitle(f"{title or default}{shown}\n{_WHAT_COLOURS_MEAN}", fontsize=11)
    axes = figure.subplots()
    axes.set_axis_off()
    top = scale or colour_scale(weights[:, units])
    mosaic = _mosaic(weights[:, units], columns)
    image = axes.imshow(mosaic, cmap=_MAP, vmin=-top, vmax=top, interpolation="nearest")
    for position, unit in enumerate(units):
        row, column = divmod(position, columns)
        axes.text(
            column * (_SIDE + _GAP) + _SIDE / 2,
            row * (_SIDE + _LABEL_ROOM) + _LABEL_ROOM - 2,
            names[unit] if names else f"unit {unit + 1}",
            ha="center",
            va="bottom",
            fontsize=9,
        )
    figure.colorbar(image, ax=axes, label="weight", shrink=0.6, aspect=30, extend="both")
    return figure


def colour_scale(weights: NDArray[np.float32]) -> float:
    """The weight at either end of the colour scale."""
    return float(np.quantile(np.abs(weights), _SHOWN_SHARE)) or float(np.abs(weights).max()) or 1.0


def _mosaic(weights: NDArray[np.float32], columns: int) -> NDArray[Any]:
    """All units' images in one array, with gaps of NaN, which stay white, and room for a label above each."""
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
    """A unit's weights as 28×28; fewer weights become squares of whole pixels with a white border."""
    side = math.isqrt(len(weights))
    large = np.kron(weights.reshape(side, side), np.ones((_SIDE // side, _SIDE // side), np.float32))
    before = (_SIDE - len(large)) // 2
    return np.pad(large, (before, _SIDE - len(large) - before), constant_values=np.nan)


def weight_frames(moments: Mapping[int, NDArray[np.float32]], names: Sequence[str] = ()) -> dict[int, Figure]:
    """The weights at several steps, one figure each: the same units, on the same colour scale.

    Args:
        moments: Number of steps done to weights, as for `weight_images`; the units are the strongest at the last step.
        names: As for `weight_images`.
    """
    last = max(moments)
    units = strongest_units(moments[last])
    scale = max(colour_scale(weights[:, units]) for weights in moments.values())
    return {
        step: weight_images(weights, f"First layer after step {step:,} of {last:,}", scale, names, units)
        for step, weights in sorted(moments.items())
    }


def animation(frames: Mapping[int, Figure]) -> bytes:
    """Figures of one size as an animated GIF below 1 MB that repeats forever; the last frame stays longest."""
    for dpi in _ANIMATION_DPI:
        content = _gif(frames.values(), dpi)
        if len(content) < _ANIMATION_LIMIT:
            break
    return content


def _gif(figures: Iterable[Figure], dpi: int) -> bytes:
    from matplotlib import colormaps
    from PIL import Image

    pictures = []
    for figure in figures:
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=dpi)
        pictures.append(Image.open(stream).convert("RGB"))
    # One palette for all frames: the colour map, and greys for the letters. Few colours compress well.
    colours = np.concatenate(
        (colormaps[_MAP](np.linspace(0, 1, 52))[:, :3], np.repeat(np.linspace(0, 1, 12), 3).reshape(-1, 3))
    )
    palette = Image.new("P", (1, 1))
    palette.putpalette((colours * 255).round().astype(np.uint8).tobytes())
    indexed = [item.quantize(palette=palette, dither=Image.Dither.NONE) for item in pictures]
    stream = io.BytesIO()
    durations = [_FRAME_MS] * (len(indexed) - 1) + [_LAST_FRAME_MS]
    indexed[0].save(stream, "GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0, optimize=False)
    return stream.getvalue()
