"""The ground under the ink: paper with grain, lines or squares, a blackboard, with or without a shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_train.wild.ink import Ink
from numbre_train.wild.pen import curve, drawn
from numbre_train.wild.textures import cloud, ramp

_ON_A_LINE = 0.06
"""How often a digit stands on a writing line."""


@dataclass(frozen=True)
class Margins:
    """Where ink goes on its paper, as shares of the ink's longer side."""

    left: float
    """Room on the left; below 0 the ink is cut there."""
    top: float
    """The same above."""
    right: float
    """The same on the right."""
    bottom: float
    """The same below."""


def random_margins(generator: np.random.Generator) -> Margins:
    """Mostly a loose crop, often a tight or slanting one, now and then one that cuts into the ink."""
    kind = generator.random()
    if kind < 0.35:
        room = generator.uniform(0.0, 0.12, 4)
    elif kind < 0.9:
        room = generator.uniform(0.08, 0.6, 4)
    else:
        room = generator.uniform(0.1, 0.5, 4)
        room[generator.integers(4)] = generator.uniform(-0.05, 0.0)
    return Margins(*(float(value) for value in room))


def laid_on(ink: Ink, margins: Margins) -> Ink:
    """The ink on an empty canvas around it."""
    side = max(ink.shape)
    left, top, right, bottom = (
        round(part * side) for part in (margins.left, margins.top, margins.right, margins.bottom)
    )
    padded = np.pad(ink, ((max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))))
    height, width = padded.shape
    return padded[max(-top, 0) : height - max(-bottom, 0), max(-left, 0) : width - max(-right, 0)]


def written(ink: Ink, generator: np.random.Generator) -> NDArray[np.float32]:
    """Grey levels 0–255 of ink on some ground, dark on light or, a third of the time, light on dark.

    Args:
        ink: On its canvas.
        generator: Source of randomness.
    """
    shape = (ink.shape[0], ink.shape[1])
    ground = np.full(shape, generator.uniform(130, 250), np.float32)
    if generator.random() < 0.6:
        ground += generator.uniform(0.5, 7) * cloud(shape, generator, float(generator.uniform(0.4, 0.95)))
    contrast = float(generator.uniform(45, ground.mean() - 5))
    if generator.random() < _ON_A_LINE:
        ink = np.maximum(ink, _writing_line(shape, generator))
    elif generator.random() < 0.35:
        ground -= _lines(shape, generator) * contrast * generator.uniform(0.08, 0.45)
    if generator.random() < 0.3:
        # A pencil or chalk leaves gaps in its stroke.
        ink = ink * np.clip(1 + generator.uniform(0.05, 0.35) * cloud(shape, generator, 0.95), 0, 1)
    levels = ground - contrast * ink
    if generator.random() < 0.5:
        shade = ramp(shape, generator)
        if generator.random() < 0.4:
            steepness = np.exp(generator.uniform(np.log(2), np.log(60)))
            shade = np.clip((shade - generator.uniform(0.2, 0.8)) * steepness + 0.5, 0, 1)
        levels = levels * (1 - generator.uniform(0.1, 0.55) * shade)
    if generator.random() < 0.33:
        levels = 255 - levels
    return np.clip(levels, 0, 255)


def with_neighbour(canvas: Ink, generator: np.random.Generator) -> Ink:
    """A canvas into which, at one side, the end of another sign's stroke leads."""
    height, width = canvas.shape
    stroke = drawn([curve(generator.uniform(0.1, 0.9, (3, 2)))], float(generator.uniform(0.03, 0.13)), height)
    depth = max(1, round(width * generator.uniform(0.04, 0.12)))
    piece = stroke[:, np.flatnonzero(stroke.any(axis=0))[0] :][:, :depth]
    result = canvas.copy()
    if generator.random() < 0.5:
        result[:, : piece.shape[1]] = np.maximum(result[:, : piece.shape[1]], piece[:, ::-1])
    else:
        result[:, -piece.shape[1] :] = np.maximum(result[:, -piece.shape[1] :], piece)
    return result


def _writing_line(shape: tuple[int, int], generator: np.random.Generator) -> Ink:
    """One line that the digit stands on, as dark as its ink or fainter, 0–1."""
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    foot = shape[0] * generator.uniform(0.7, 0.97)
    width = max(1.0, max(shape) * generator.uniform(0.006, 0.025))
    away = np.abs(rows - foot - generator.normal(0, 0.03) * (columns - shape[1] / 2))
    line: Ink = np.clip(width / 2 + 0.5 - away, 0, 1) * generator.uniform(0.3, 1)
    return line


def _lines(shape: tuple[int, int], generator: np.random.Generator) -> Ink:
    """Ruled or squared lines, slightly turned, 0–1."""
    side = max(shape)
    pitch = side * generator.uniform(0.12, 0.7)
    width = max(0.8, side * generator.uniform(0.006, 0.02))
    tilt = generator.normal(0, 0.03)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]

    def family(along: NDArray[np.int64], across: NDArray[np.int64]) -> Ink:
        phase = (across + tilt * along + generator.uniform(0, pitch)) % pitch
        lines: Ink = np.clip(width / 2 + 0.5 - np.abs(phase - pitch / 2), 0, 1)
        return lines

    lines = family(columns, rows)
    if generator.random() < 0.5:
        lines = np.maximum(lines, family(-rows, columns))
    return lines
