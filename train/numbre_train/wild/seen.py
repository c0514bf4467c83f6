"""The image that the network sees of a picture, made by the runtime's own preparation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from numbre_runtime.pictures.digit import from_grey
from numbre_train.wild.camera import photographed
from numbre_train.wild.ink import Ink, as_picture
from numbre_train.wild.paper import laid_on, random_margins, with_neighbour, written

_LIKENESS = 0.7
"""Smallest correlation at which a photo still shows the ink it was made of."""
_NEIGHBOURS = 0.06
"""How often a part of another sign looks in at a side."""
_IDEAL_SIZE = 36


def photo_of(ink: Ink, generator: np.random.Generator) -> NDArray[np.uint8] | None:
    """Ink on paper, photographed and prepared, (28, 28); None where the runtime finds no ink in the photo."""
    canvas = laid_on(ink, random_margins(generator))
    if generator.random() < _NEIGHBOURS:
        canvas = with_neighbour(canvas, generator)
    return prepared(photographed(written(canvas, generator), generator))


def prepared(grey: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    """Grey levels 0–255 as the runtime prepares them, (28, 28); None where it finds no ink."""
    pixels, found = from_grey(grey.astype(np.uint8))
    return pixels if found is not None else None


def is_legible(image: NDArray[np.uint8], ink: Ink) -> bool:
    """Whether a prepared photo still looks like its ink, and not like a shadow's edge or three blurred spots."""
    # Small, that is found faster.
    small = as_picture(ink)
    small.thumbnail((_IDEAL_SIZE, _IDEAL_SIZE))
    ideal = prepared(np.pad(np.asarray(small, np.float32), _IDEAL_SIZE // 4))
    if ideal is None:
        return False
    seen, meant = (_blurred(item) for item in (image, ideal))
    return float(np.corrcoef(seen, meant)[0, 1]) >= _LIKENESS


def _blurred(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(1.5)), np.float32).ravel()
