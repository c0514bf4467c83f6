"""Images that show no digit, as they reach the network: as photos, or as 28×28 arrays that a user made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from numbre_train.data.rows import Rows
from numbre_train.wild.drawn_letters import drawn_letter
from numbre_train.wild.glyphs import FIT_FONTS, none_glyph
from numbre_train.wild.ink import Ink, as_picture
from numbre_train.wild.pieces import piece
from numbre_train.wild.scribbles import scribble
from numbre_train.wild.seen import is_legible, photo_of, prepared
from numbre_train.wild.shapes import shape
from numbre_train.wild.textures import cloud, ramp

_SIDE = 28
_KINDS = ("glyph", "letter", "scribble", "shape", "piece", "texture")
_SHARES = (0.32, 0.12, 0.12, 0.25, 0.13, 0.06)
_AS_ARRAY = {"glyph": 0.25, "letter": 0.25, "scribble": 0.25, "shape": 0.6, "piece": 0.1, "texture": 0.5}
"""How often each is a 28×28 array of someone's own."""
_SAVED_AS_PICTURE = 0.5
"""How often such an array comes as a picture file, and so is prepared after all."""


def none_of_them(rows: Rows, generator: np.random.Generator, fonts: tuple[str, ...] = FIT_FONTS) -> NDArray[np.uint8]:
    """An image that shows no digit, (28, 28).

    Args:
        rows: Digits, of which pieces are made.
        generator: Source of randomness.
        fonts: Of letters.
    """
    while True:
        kind = str(generator.choice(_KINDS, p=_SHARES))
        raw = generator.random() < _AS_ARRAY[kind]
        if kind == "texture":
            levels = _texture(generator)
            image = _small(levels / 255) if raw else prepared(levels)
        elif raw:
            image = _array_of(_ink(kind, rows, generator, fonts), generator)
            if generator.random() < _SAVED_AS_PICTURE:
                image = prepared(image.astype(np.float32))
        else:
            ink = _ink(kind, rows, generator, fonts)
            image = photo_of(ink, generator)
            # Of two blurred strokes one may be left, which is a 1.
            if image is not None and not is_legible(image, ink):
                continue
        if image is not None:
            return image


def _ink(kind: str, rows: Rows, generator: np.random.Generator, fonts: tuple[str, ...]) -> Ink:
    if kind == "glyph":
        return none_glyph(generator, fonts)
    if kind == "letter":
        return drawn_letter(generator)
    if kind == "piece":
        return piece(rows, generator)
    return scribble(generator) if kind == "scribble" else shape(generator)


def _texture(generator: np.random.Generator) -> NDArray[np.float32]:
    """Grey levels 0–255 of wood, cloth, a wall, a blurred room or plain noise, 28 to 96 pixels a side."""
    side = int(generator.integers(28, 97))
    size = (side, side)
    levels = generator.uniform(10, 60) * cloud(size, generator, float(generator.uniform(0.3, 1.1)))
    if generator.random() < 0.3:
        levels += generator.uniform(5, 60) * np.sin(ramp(size, generator) * generator.uniform(10, 120))
    if generator.random() < 0.3:
        levels = np.abs(levels) * 2
    grey: NDArray[np.float32] = np.clip(generator.uniform(20, 230) + levels, 0, 255).astype(np.float32)
    return grey


def _array_of(ink: Ink, generator: np.random.Generator) -> NDArray[np.uint8]:
    """The ink in a 28×28 array, centred by its box, bright on black or, now and then, dark on white."""
    longer = int(generator.integers(16, _SIDE + 1))
    shrink = longer / max(ink.shape)
    size = (max(1, round(ink.shape[1] * shrink)), max(1, round(ink.shape[0] * shrink)))
    small = _small(ink, size)
    left, top = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    framed = np.zeros((_SIDE, _SIDE), np.float32)
    framed[top : top + size[1], left : left + size[0]] = small * generator.uniform(0.6, 1)
    if generator.random() < 0.15:
        framed = 255 - framed
    if generator.random() < 0.2:
        framed += generator.normal(0, 12, framed.shape)
    return np.clip(np.round(framed), 0, 255).astype(np.uint8)


def _small(ink: Ink, size: tuple[int, int] = (_SIDE, _SIDE)) -> NDArray[np.uint8]:
    return np.asarray(as_picture(ink).resize(size, Image.Resampling.BOX))
