"""Digits as somebody else might have written them: larger, with another pen, another hand."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from numbre_train.wild.ink import Ink, as_ink, as_picture, cut_out, sharpened

_CELLS = 4
_UPRIGHT, _TILTED = 12, 22
"""Degrees by which digits are turned, and by which some of them are."""
_OFTEN_TILTED = 0.3
"""The share of those."""
_LEAST_LEFT = 0.35
"""Share of its ink that a digit keeps when its strokes are thinned; less would tear it."""


def blown_up(image: NDArray[np.uint8], height: int, aspect: float = 1.0) -> Ink:
    """An image's ink, cut out and enlarged with smooth edges.

    Args:
        image: (28, 28) with some ink on 0.
        height: Of the result's longer side before `aspect`, in pixels.
        aspect: Factor of the width.
    """
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = height / max(cut.shape)
    size = (max(3, round(cut.shape[1] * scale * aspect)), max(3, round(cut.shape[0] * scale)))
    framed = Image.fromarray(np.pad(cut, 1))
    large = framed.resize((size[0] + round(2 * scale), size[1] + round(2 * scale)), Image.Resampling.BICUBIC)
    return sharpened(as_ink(large), 2.0)


def with_width(ink: Ink, radius: float) -> Ink:
    """Strokes made thicker by dilation or thinner by erosion, by about `radius` pixels on each side (< 0: thinner).

    A digit that would be torn is given back with less of it, or as it was.
    """
    steps = round(abs(radius))
    pick = np.maximum if radius > 0 else np.minimum
    least = _LEAST_LEFT * float(ink.sum())
    drawn = np.pad(ink, steps if radius > 0 else 0)
    for step in range(steps):
        # Squares and crosses by turns add up to something round.
        changed = _over_neighbours(drawn, pick, square=step % 2 == 0)
        if radius < 0 and changed.sum() < least:
            break
        drawn = changed
    return as_ink(as_picture(drawn).filter(ImageFilter.GaussianBlur(min(steps, 4) / 3)))


def _over_neighbours(ink: Ink, pick: np.ufunc, square: bool) -> Ink:
    """The largest or smallest of each pixel and its neighbours, the four next to it or, for a square, all eight."""
    tall = np.pad(ink, ((1, 1), (0, 0)), mode="edge")
    upright: Ink = pick(pick(tall[:-2], tall[2:]), ink)
    wide = np.pad(upright if square else ink, ((0, 0), (1, 1)), mode="edge")
    lying: Ink = pick(wide[:, :-2], wide[:, 2:])
    spread: Ink = pick(lying, upright)
    return spread


def bent(ink: Ink, generator: np.random.Generator, amount: float = 1.0) -> Ink:
    """An affine and an elastic distortion at once: the picture as a net of quadrangles.

    Args:
        ink: What is bent; the canvas grows by a third so that nothing is lost.
        generator: Source of randomness.
        amount: 1 is what digits stand.
    """
    height, width = ink.shape
    side_y, side_x = round(height * 1.3) + 2, round(width * 1.3) + 2
    steepest = _TILTED if generator.random() < _OFTEN_TILTED else _UPRIGHT
    angle = math.radians(generator.uniform(-steepest, steepest) * amount)
    shear = generator.uniform(-0.25, 0.25) * amount
    stretch_x, stretch_y = np.exp(generator.uniform(-0.12, 0.12, 2) * amount)
    points = np.linspace(-0.5, 0.5, _CELLS + 1)
    y, x = np.meshgrid(points * side_y, points * side_x, indexing="ij")
    column = math.cos(angle) * stretch_x * x + (shear - math.sin(angle)) * y + width / 2
    row = math.sin(angle) * x + math.cos(angle) * stretch_y * y + height / 2
    reach = 0.035 * amount * max(height, width)
    column += generator.normal(0, reach, column.shape)
    row += generator.normal(0, reach, row.shape)
    edges_x = np.round(np.linspace(0, side_x, _CELLS + 1)).astype(int)
    edges_y = np.round(np.linspace(0, side_y, _CELLS + 1)).astype(int)
    mesh = []
    for i in range(_CELLS):
        for j in range(_CELLS):
            box = (edges_x[j], edges_y[i], edges_x[j + 1], edges_y[i + 1])
            corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
            quad = [value for corner in corners for value in (column[corner], row[corner])]
            mesh.append((tuple(int(edge) for edge in box), tuple(quad)))
    result = as_picture(ink).transform((side_x, side_y), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR)
    return as_ink(result)


def rewritten(image: NDArray[np.uint8], generator: np.random.Generator) -> Ink:
    """A digit, enlarged, bent and with another pen's width, cut out.

    Args:
        image: (28, 28) as MNIST has it.
        generator: Source of randomness.
    """
    height = int(np.exp(generator.uniform(math.log(36), math.log(80))))
    ink = blown_up(image, height, float(np.exp(generator.normal(0, 0.14))))
    ink = bent(ink, generator)
    pixel = height / 20
    ink = with_width(ink, pixel * float(np.clip(generator.normal(0.1, 0.7), -1.0, 2.2)))
    return cut_out(sharpened(ink, float(generator.uniform(1, 3))))
