"""Ink and its ground: which of the two is darker, and how far each pixel stands out from the ground around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.pictures.morphology import opening

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POLARITY_SIZE = 64
"""Longest side, in pixels, at which ink is told from ground."""
_DIRECTIONS = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_WIDEST_STROKE, _WIDEST_IN_SMALL = 0.35, 0.65
"""No stroke is wider than this share of the picture's longer side; small pictures show a digit and no shadow."""
_NOISE_SPANS = 4.0
"""How many of the background's lesser deviations count as its noise; 1.3 standard deviations of white noise."""
_RIM = 0.8
"""What takes less of the rim than this share of the picture's longer side is ink that touches it, not ground."""
_DARKEST_GROUND = 40.0
"""In deeper shadow ink is not made any darker, for it would be noise."""


def has_dark_ink(grey: NDArray[np.float32]) -> bool:
    """Whether ink is darker than its ground.

    Seen from most pixels of the ink, the picture's border is of another level in nearly every direction; a shadow's
    edge, however hard, leaves the border on the pixel's own side in some.
    """
    from PIL import Image

    small = grey
    if max(grey.shape) > _POLARITY_SIZE:
        picture = Image.fromarray(grey)
        picture.thumbnail((_POLARITY_SIZE, _POLARITY_SIZE), Image.Resampling.BOX)
        small = np.asarray(picture)
    height, width = small.shape
    down, right = np.mgrid[:height, :width]
    ends = []
    for step_down, step_right in _DIRECTIONS:
        steps = np.minimum(_steps(down, height, step_down), _steps(right, width, step_right))
        ends.append(small[down + step_down * steps, right + step_right * steps])
    # One direction of the eight may lead along a stroke.
    levels = np.sort(np.stack(ends), axis=0)
    darker = np.maximum(levels[1] - small, 0)
    lighter = np.maximum(small - levels[-2], 0)
    return bool((darker**2).sum() >= (lighter**2).sum())


def _steps(place: NDArray[np.intp], size: int, step: int) -> NDArray[np.intp]:
    """How many steps lead from a place to the border."""
    if step == 0:
        return np.full_like(place, 1 << 20)
    return size - 1 - place if step > 0 else place


def ink_of(grey: NDArray[np.float32], dark_ink: bool, small: bool) -> NDArray[np.float32]:
    """How far each pixel stands out from its ground towards the ink's side, 0–255.

    The ground is what is left of the picture when everything is taken away that a square wider than any stroke does
    not fit into: shadows stay in it, with their edges. Dark ink in a shadow counts as in full light.
    """
    levels = 255 - grey if dark_ink else grey
    size = round((_WIDEST_IN_SMALL if small else _WIDEST_STROKE) * max(grey.shape)) | 1
    ground = opening(_with_plain_rim(levels), size, size)
    ink = levels - ground
    if dark_ink:
        ink = ink * (255 / np.maximum(255 - ground, _DARKEST_GROUND))
    rest = border(ink)
    # Up to two thirds of the border may be ink where a picture is cut along its digit.
    middle = quantile(rest, 0.3)
    noise = quantile(np.abs(rest - middle), 0.3)
    clear: NDArray[np.float32] = np.clip(ink - (middle + _NOISE_SPANS * noise), 0, 255)
    return clear


def _with_plain_rim(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The levels with the outermost pixels cleared of ink, for the ground beyond the border is what the rim shows."""
    height, width = levels.shape
    if min(height, width) < 2:
        return levels
    top, right, bottom, left = levels[0, :-1], levels[:-1, -1], levels[-1, :0:-1], levels[:0:-1, 0]
    rim = np.concatenate([top, right, bottom, left])
    window = min(round(_RIM * max(levels.shape)), len(rim) - 1) | 1
    half = window // 2
    clear = opening(np.pad(rim, half, mode="wrap")[:, None], window, 1)[half : half + len(rim), 0]
    plain = levels.copy()
    plain[0, :-1], plain[:-1, -1], plain[-1, :0:-1], plain[:0:-1, 0] = np.split(
        clear, np.cumsum([width - 1, height - 1, width - 1])
    )
    return plain


def border(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The pixels along the picture's four sides, a sixteenth of it deep."""
    edge = max(1, min(levels.shape) // 16)
    sides = (levels[:edge], levels[-edge:], levels[:, :edge], levels[:, -edge:])
    return np.concatenate([side.ravel() for side in sides])


def quantile(values: NDArray[np.float32], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; np.median would import np.ma, 10 ms."""
    index = round(share * (values.size - 1))
    return float(np.partition(values.ravel(), index)[index])
