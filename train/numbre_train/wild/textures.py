"""Random textures and light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def cloud(shape: tuple[int, int], generator: np.random.Generator, roughness: float = 0.5) -> NDArray[np.float32]:
    """Smooth noise of several octaves, as of paper, wood or a blurred room.

    Args:
        shape: Height and width.
        generator: Source of randomness.
        roughness: How much an octave has of the one twice as coarse, 0–1.

    Returns:
        `shape`, mean 0, standard deviation 1.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    cells, weight = 2, 1.0
    while cells <= max(shape) and weight > 0.02:
        values = generator.normal(0, 1, (cells + 1, cells + 1)).astype(np.float32)
        octave = Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC)
        total += weight * np.asarray(octave)
        cells, weight = cells * 2, weight * roughness
    total -= total.mean()
    spread = float(total.std())
    return total / spread if spread > 0 else total


def ramp(shape: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float32]:
    """A slope of light in a random direction, `shape`, from 0 to 1."""
    angle = generator.uniform(0, 2 * np.pi)
    rows, columns = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])[None, :]
    slope: NDArray[np.float32] = (np.cos(angle) * columns + np.sin(angle) * rows).astype(np.float32)
    slope -= slope.min()
    return slope / max(float(slope.max()), 1e-6)
