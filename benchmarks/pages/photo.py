"""Photographs of composed pages: paper, light, camera; one distortion at a time, and all together."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pages.composer import Source, Style, TrueDigit, WrittenSheet, compose

Levels = NDArray[np.float32]
"""(height, width) brightness 0–255."""


@dataclass(frozen=True)
class Camera:
    """What happens between the ink and the picture."""

    paper: float = 225.0
    """The paper's brightness, 0–255."""
    ink: float = 50.0
    """The ink's; above `paper` for chalk on a board."""
    grain: float = 2.0
    """Deviation of the noise, in levels."""
    texture: float = 2.0
    """Deviation of the paper's own unevenness."""
    rotation: float = 1.0
    """Most degrees that the page is turned, either way."""
    perspective: float = 0.0
    """Most that a corner is moved, as a share of the page."""
    shadow: bool = False
    rules: str = ""
    """"ruled", "squared" or none."""
    stains: bool = False
    blur: float = 0.6
    """Deviation in pixels."""
    quality: int = 0
    """JPEG's, 1–95; 0 for none."""


PAGES: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "plain": ({}, {}),
    "rotated up to 10°": ({}, {"rotation": 10.0}),
    "slanted": ({"slant": 0.3}, {}),
    "touching digits": ({"touching": 0.35}, {}),
    "broken strokes": ({"broken": 0.35}, {}),
    "thick pen": ({"weight": 0.3}, {}),
    "thin pen": ({"weight": 0.72}, {}),
    "pencil": ({"weight": 0.6}, {"paper": 190.0, "ink": 130.0}),
    "chalk on a board": ({}, {"paper": 60.0, "ink": 200.0, "texture": 5.0}),
    "small": ({"height": 20.0}, {}),
    "shadow": ({}, {"shadow": True}),
    "perspective": ({}, {"perspective": 0.06, "rotation": 3.0}),
    "ruled": ({}, {"rules": "ruled"}),
    "squared": ({}, {"rules": "squared"}),
    "stains": ({}, {"stains": True}),
    "paper texture": ({}, {"texture": 7.0}),
    "noise": ({}, {"grain": 12.0}),
    "blur": ({}, {"blur": 2.5}),
    "JPEG": ({}, {"quality": 25}),
    "letters and scribbles": ({"clutter": True}, {}),
}
"""Each distortion by itself: what it changes of the style and of the camera."""
MIXED = "mixed"
"""Three distortions on one page."""
_MIXABLE = tuple(name for name in PAGES if name not in ("plain", "chalk on a board", "letters and scribbles", "small"))


@dataclass(frozen=True)
class TruePage:
    """A picture of a page and what is on it."""

    picture: NDArray[np.uint8]
    """(height, width) grey levels."""
    digits: tuple[TrueDigit, ...]
    """In reading order, in the picture's pixels."""
    distortion: str
    """A name of `PAGES`, or `MIXED`."""


def make_page(
    distortion: str, source: Source, generator: np.random.Generator, size: tuple[int, int] = (1000, 1400)
) -> TruePage:
    """A page of (height, width) with one distortion, or with three where it is `MIXED`."""
    chosen = [distortion]
    if distortion == MIXED:
        chosen = [str(name) for name in generator.choice(_MIXABLE, 3, replace=False)]
    style = Style(height=generator.uniform(40, 75) * min(size) / 1000, weight=generator.uniform(0.4, 0.6))
    camera = Camera(paper=generator.uniform(190, 245), ink=generator.uniform(20, 90))
    for name in chosen:
        changes = PAGES[name]
        style = replace(style, **changes[0])
        camera = replace(camera, **changes[1])
    if style.slant:
        style = replace(style, slant=style.slant * generator.choice((-1, 1)))
    sheet = compose(size, style, source, generator)
    if style.height <= 20:
        # Small digits fill a small picture, because a full page of them has hundreds.
        sheet = compose((size[0] // 3, size[1] // 3), style, source, generator)
    picture, digits = photograph(sheet, style, camera, generator)
    return TruePage(picture, digits, distortion)


def photograph(
    sheet: WrittenSheet, style: Style, camera: Camera, generator: np.random.Generator
) -> tuple[NDArray[np.uint8], tuple[TrueDigit, ...]]:
    """The picture of a sheet, and its digits where they are on the picture."""
    shape = sheet.ink.shape
    levels = np.full(shape, camera.paper, np.float32)
    levels += _clouds(shape, 3, generator) * camera.texture
    levels += cv2.GaussianBlur(generator.normal(0, 1, shape).astype(np.float32), (0, 0), 1.2) * 3 * camera.texture
    if camera.rules:
        _rule(levels, sheet, style, camera, generator)
    levels += sheet.ink * (camera.ink - levels) * (1 - 0.06 * np.abs(_clouds(shape, 40, generator)))
    if camera.stains:
        _stain(levels, style, generator)
    levels *= _light(shape, camera.shadow, generator)
    matrix = _view(shape, camera, generator)
    levels = cv2.warpPerspective(
        levels, matrix, (shape[1], shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    levels = cv2.GaussianBlur(levels, (0, 0), camera.blur)
    levels += generator.normal(0, camera.grain, shape).astype(np.float32)
    picture = np.clip(levels, 0, 255).astype(np.uint8)
    if camera.quality:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG", quality=camera.quality)
        picture = np.asarray(Image.open(stream))
    seen = tuple(
        replace(digit, points=cv2.perspectiveTransform(digit.points[None], matrix)[0]) for digit in sheet.digits
    )
    return picture, seen


def _clouds(shape: tuple[int, ...], cells: int, generator: np.random.Generator) -> Levels:
    """Smooth noise of deviation 1 with so many cells along a side."""
    coarse = generator.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _rule(levels: Levels, sheet: WrittenSheet, style: Style, camera: Camera, generator: np.random.Generator) -> None:
    """Draws the lines of ruled or squared paper."""
    thickness = max(1, round(style.height * generator.uniform(0.02, 0.05)))
    level = camera.paper + (camera.ink - camera.paper) * generator.uniform(0.2, 0.55)
    height, width = levels.shape
    if camera.rules == "ruled":
        pitch = sheet.baselines[1] - sheet.baselines[0] if len(sheet.baselines) > 1 else 2 * style.height
        down = np.arange(sheet.baselines[0] % pitch, height, pitch)
        across = np.empty(0)
    else:
        pitch = style.height * generator.uniform(0.55, 1.2)
        down, across = np.arange(pitch / 2, height, pitch), np.arange(pitch / 2, width, pitch)
    for y in down:
        levels[round(y) : round(y) + thickness] = level
    for x in across:
        levels[:, round(x) : round(x) + thickness] = level


def _stain(levels: Levels, style: Style, generator: np.random.Generator) -> None:
    """Coffee: a few soft blots with a darker rim, and specks."""
    height, width = levels.shape
    shade = np.ones(levels.shape, np.float32)
    for _ in range(int(generator.integers(2, 5))):
        centre = (int(generator.uniform(0, width)), int(generator.uniform(0, height)))
        axes = tuple(int(value) for value in style.height * generator.uniform(1.5, 4, 2))
        dark = generator.uniform(0.05, 0.2)
        blot = np.zeros(levels.shape, np.float32)
        cv2.ellipse(blot, centre, axes, generator.uniform(0, 180), 0, 360, dark, -1)
        cv2.ellipse(blot, centre, axes, generator.uniform(0, 180), 0, 360, 1.7 * dark, max(2, int(0.08 * style.height)))
        shade *= 1 - cv2.GaussianBlur(blot, (0, 0), 0.06 * style.height)
    for _ in range(int(generator.integers(10, 40))):
        centre = (int(generator.uniform(0, width)), int(generator.uniform(0, height)))
        radius = max(1, int(style.height * generator.uniform(0.01, 0.05)))
        cv2.circle(shade, centre, radius, generator.uniform(0.3, 0.7), -1)
    levels *= shade


def _light(shape: tuple[int, ...], shadow: bool, generator: np.random.Generator) -> Levels:
    """The light on the page, 0–1: uneven, and with a shadow's edge across it."""
    light = np.clip(0.96 + 0.03 * _clouds(shape, 2, generator), 0, 1.04)
    if shadow:
        height, width = shape
        angle = generator.uniform(0, 2 * np.pi)
        y, x = np.mgrid[:height, :width].astype(np.float32)
        offset = generator.uniform(-0.25, 0.25) * min(shape)
        inside = ((x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle) > offset).astype(np.float32)
        softness = np.exp(generator.uniform(np.log(4), np.log(80)))
        light *= 1 - generator.uniform(0.3, 0.6) * cv2.GaussianBlur(inside, (0, 0), softness)
    return np.asarray(light, np.float32)


def _view(shape: tuple[int, ...], camera: Camera, generator: np.random.Generator) -> NDArray[np.float64]:
    """The camera's view of the page as a 3×3 matrix: turned about its middle, corners moved."""
    height, width = shape
    angle = generator.uniform(-1, 1) * camera.rotation
    shrink = 1 - 0.5 * abs(np.sin(np.radians(angle)))
    turn = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), angle, shrink), [0, 0, 1]])
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]], np.float32)
    moved = corners + inward * generator.uniform(0, 1, (4, 2)) * camera.perspective * np.array([width, height])
    matrix: NDArray[np.float64] = cv2.getPerspectiveTransform(corners, moved.astype(np.float32)) @ turn
    return matrix
