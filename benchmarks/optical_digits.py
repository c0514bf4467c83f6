"""Digits that no network here has seen: scikit-learn's, 8×8, by 43 people (UCI, Optical Recognition of Digits)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

_SIDE = 24


def write_optical_digits(folder: Path, rows: slice = slice(None)) -> Path:
    """Writes pictures into a folder a class, and gives `folder`.

    Args:
        folder: Where; it must not have such folders yet.
        rows: Which pictures of each class, in scikit-learn's order.
    """
    found = load_digits()
    for digit in range(10):
        (folder / str(digit)).mkdir(parents=True)
        for number in np.flatnonzero(found.target == digit)[rows]:
            pixels = np.minimum(255, found.images[number] * 16).astype(np.uint8)
            picture = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
            picture.save(folder / str(digit) / f"{number:04d}.png")
    return folder
