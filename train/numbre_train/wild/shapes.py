"""Filled shapes: polygons, stars, crosses, blobs, and silhouettes of things."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from numbre_train.wild.ink import Ink, as_ink, cut_out
from numbre_train.wild.pen import Points, curve
from numbre_train.wild.strokes import bent
from numbre_train.wild.textures import cloud, ramp

_SIDE = 64


def shape(generator: np.random.Generator) -> Ink:
    """A shape of one of several kinds; most have a texture of their own."""
    kind = generator.integers(4)
    if kind == 0:
        ink = _filled([_star(generator)])
    elif kind == 1:
        ink = _filled([_blob(generator)])
    else:
        ink = silhouette(generator)
    if generator.random() < 0.5:
        ink = bent(ink, generator)
    return cut_out(ink)


def silhouette(generator: np.random.Generator) -> Ink:
    """Something with two like halves, as most things have: a body and up to three pairs of limbs."""
    body = [_box(0.5, generator.uniform(0.15, 0.5), generator)]
    for _ in range(int(generator.integers(0, 4))):
        limb = _limb(generator)
        body += [limb, np.stack([1 - limb[:, 0], limb[:, 1]], axis=1)]
    holes = [_box(0.5, generator.uniform(0.05, 0.15), generator)] if generator.random() < 0.2 else []
    ink: Ink = np.clip(_filled(body) - _filled(holes), 0, 1)
    if generator.random() < 0.75:
        ink = ink * _cloth(generator)
    if generator.random() < 0.35:
        # Things lie, too.
        ink = ink.T if generator.random() < 0.5 else bent(ink, generator, 3.0)
    return ink


def _cloth(generator: np.random.Generator) -> Ink:
    """A texture, 0.05–1: stains, stripes or a slope of light."""
    size = (_SIDE, _SIDE)
    kind = generator.integers(3)
    if kind == 0:
        level = 0.7 + generator.uniform(0.05, 0.4) * cloud(size, generator, float(generator.uniform(0.4, 0.95)))
    elif kind == 1:
        wave = np.sin(ramp(size, generator) * generator.uniform(6, 60))
        level = 0.7 + generator.uniform(0.1, 0.4) * np.sign(wave)
    else:
        level = 1 - generator.uniform(0.2, 0.8) * ramp(size, generator)
    cloth: Ink = np.clip(level, 0.05, 1)
    return cloth


def _star(generator: np.random.Generator) -> Points:
    """A polygon about the middle; its corners lie far and near by turns, or all as far."""
    corners = int(generator.integers(3, 13))
    angles = np.sort(generator.uniform(0, 2 * np.pi, 1) + np.linspace(0, 2 * np.pi, corners, endpoint=False))
    reach = np.where(np.arange(corners) % 2, generator.uniform(0.1, 0.45), 0.45) * generator.uniform(0.8, 1, corners)
    return np.stack([0.5 + reach * np.cos(angles), 0.5 + reach * np.sin(angles)], axis=1)


def _blob(generator: np.random.Generator) -> Points:
    """A smooth closed line."""
    count = int(generator.integers(5, 10))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    reach = generator.uniform(0.2, 0.48, count)
    points = np.stack([0.5 + reach * np.cos(angles), 0.5 + reach * np.sin(angles)], axis=1)
    return curve(np.concatenate([points, points[:2]]))


def _box(middle: float, half: float, generator: np.random.Generator) -> Points:
    """A rectangle whose two sides swing, symmetric."""
    heights = np.linspace(generator.uniform(0.02, 0.3), generator.uniform(0.6, 0.98), 5)
    reach = np.clip(half * (1 + generator.normal(0, 0.25, 5)), 0.03, 0.49)
    right = np.stack([middle + reach, heights], axis=1)
    left = np.stack([middle - reach, heights], axis=1)
    return np.concatenate([right, left[::-1]])


def _limb(generator: np.random.Generator) -> Points:
    """A strip from the middle outwards."""
    start = np.array([generator.uniform(0.5, 0.65), generator.uniform(0.1, 0.8)])
    end = np.array([generator.uniform(0.6, 0.98), generator.uniform(0.1, 0.98)])
    along = end - start
    normal = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-3)
    first, last = generator.uniform(0.03, 0.12, 2)
    return np.stack([start + normal * first, end + normal * last, end - normal * last, start - normal * first])


def _filled(outlines: list[Points]) -> Ink:
    picture = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(picture)
    for outline in outlines:
        pen.polygon([(float(x), float(y)) for x, y in outline * (_SIDE - 1)], fill=255)
    return as_ink(picture)
