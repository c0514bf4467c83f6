"""The effects of a camera or a scanner: blur, few pixels, noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter


def photographed(levels: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Grey levels 0–255 as a camera gives them, at a size of its own.

    Args:
        levels: (height, width) of the scene.
        generator: Source of randomness.
    """
    picture = Image.fromarray(levels.astype(np.uint8))
    side = max(picture.size)
    if generator.random() < 0.6:
        picture = picture.filter(ImageFilter.GaussianBlur(float(side * generator.uniform(0, 0.025))))
    wanted = math.exp(generator.uniform(math.log(10), math.log(110)))
    if wanted < side:
        size = (max(6, round(picture.width * wanted / side)), max(6, round(picture.height * wanted / side)))
        picture = picture.resize(size, Image.Resampling.BOX)
    grey: NDArray[np.float32] = np.array(picture, np.float32)
    if generator.random() < 0.6:
        grey += generator.normal(0, generator.uniform(0.5, 9), grey.shape)
    if generator.random() < 0.1:
        # Few grey levels, as in a fax or in data sets with 17 of them.
        step = np.float32(255 / generator.integers(2, 17))
        grey = np.round(grey / step) * step
    return np.clip(np.round(grey), 0, 255)
