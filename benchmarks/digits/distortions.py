"""MNIST test digits as they look in photos, with one thing wrong at a time, so that weak spots show.

Every photo is made from a plain one: a digit some 100 pixels high, drawn in grey ink on light grey paper.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from digits.pens import redrawn

Grey: TypeAlias = NDArray[np.float32]
"""(height, width) grey levels 0–255, or ink 0–1."""
Photo: TypeAlias = Callable[[NDArray[np.uint8], Generator], Image.Image]

_SIDE = 140


def _enlarged(digit: NDArray[np.uint8], side: int = _SIDE) -> Grey:
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / np.float32(255)


def _framed(ink: Grey, random: Generator, margin: int = 30) -> Grey:
    left, top = random.integers(0, margin, 2)
    return np.pad(ink, ((top, margin - top), (left, margin - left)))


def _photo(ink: Grey, random: Generator, paper: float = 215, dark: float = 60, grain: float = 3) -> Grey:
    return paper + (dark - paper) * ink + random.normal(0, grain, ink.shape).astype(np.float32)


def _picture(levels: NDArray[np.floating[Any]]) -> Image.Image:
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _smooth(random: Generator, shape: tuple[int, ...], cells: int) -> Grey:
    """A cloud of values −1 to 1 that vary over a `cells`-th of the picture."""
    coarse = random.uniform(-1, 1, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _plain_ink(digit: NDArray[np.uint8], random: Generator) -> Grey:
    return _framed(_enlarged(digit), random)


def plain(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Nothing wrong."""
    return _picture(_photo(_plain_ink(digit, random), random))


def light_on_dark(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """White on a dark ground."""
    return _picture(_photo(_plain_ink(digit, random), random, paper=random.uniform(20, 70), dark=220))


def chalk(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Chalk on a smeared board: strokes full of holes."""
    ink = _plain_ink(digit, random)
    ink = ink * (random.random(ink.shape) < 0.7)
    board = 60 + 15 * _smooth(random, ink.shape, 5)
    return _picture(board + 150 * ink + random.normal(0, 6, ink.shape)).filter(ImageFilter.GaussianBlur(0.7))


def pencil(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Pale, grainy pencil on grey paper."""
    ink = redrawn(digit, _SIDE, random.uniform(3, 6))
    ink = _framed(ink * random.uniform(0.6, 1, ink.shape).astype(np.float32), random)
    return _picture(_photo(ink, random, paper=165, dark=165 - random.uniform(35, 60), grain=4))


def thin_pen(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """A fine pen, 1 to 3 pixels wide at a height of 100."""
    return _picture(_photo(_framed(redrawn(digit, _SIDE, random.uniform(1.2, 3)), random), random))


def thick_marker(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """A broad marker, a sixth of the height."""
    return _picture(_photo(_framed(redrawn(digit, _SIDE, random.uniform(14, 19)), random), random))


def uneven_light(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Light falls off to a third across the picture."""
    levels = _photo(_plain_ink(digit, random), random)
    angle = random.uniform(0, 2 * np.pi)
    down, right = np.mgrid[-1 : 1 : levels.shape[0] * 1j, -1 : 1 : levels.shape[1] * 1j]
    slope = (np.cos(angle) * right + np.sin(angle) * down) / 1.42
    return _picture((levels * (0.67 + 0.33 * slope)).astype(np.float32))


def shadow_edge(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """The edge of a shadow, half as bright, runs through the picture."""
    levels = _photo(_plain_ink(digit, random), random)
    angle, offset = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4)
    down, right = np.mgrid[-1 : 1 : levels.shape[0] * 1j, -1 : 1 : levels.shape[1] * 1j]
    lit = 1 / (1 + np.exp(-(np.cos(angle) * right + np.sin(angle) * down - offset) * 25))
    return _picture((levels * (0.5 + 0.5 * lit)).astype(np.float32))


def paper_texture(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Rough, stained paper."""
    levels = _photo(_plain_ink(digit, random), random, dark=70)
    return _picture(levels + 14 * _smooth(random, levels.shape, 40) + 14 * _smooth(random, levels.shape, 6))


def _lines(levels: Grey, random: Generator, gap: float, strength: float, turned: bool) -> Grey:
    """Darkens lines, 1.5 to 3 pixels wide, tilted by up to 3°."""
    down, right = np.mgrid[: levels.shape[0], : levels.shape[1]].astype(np.float32)
    if turned:
        down, right = right, down
    place = (down + right * np.tan(np.radians(random.uniform(-3, 3))) + random.uniform(0, gap)) % gap
    line = np.clip(random.uniform(0.75, 1.5) + 0.5 - np.abs(place - gap / 2), 0, 1)
    ruled: Grey = np.minimum(levels, 215 - (215 - 60) * strength * line).astype(np.float32)
    return ruled


def ruled_lines(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Ruled paper, its lines up to three quarters as dark as the ink."""
    levels = _photo(_plain_ink(digit, random), random)
    return _picture(_lines(levels, random, random.uniform(40, 90), random.uniform(0.3, 0.75), turned=False))


def squared_lines(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Squared paper."""
    levels = _photo(_plain_ink(digit, random), random)
    gap, strength = random.uniform(28, 60), random.uniform(0.25, 0.6)
    return _picture(_lines(_lines(levels, random, gap, strength, turned=False), random, gap, strength, turned=True))


def off_centre(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """In a corner of a picture four times as wide and high."""
    ink = _enlarged(digit, 112)
    before = random.integers(0, 336, 2)
    ink = np.pad(ink, ((before[0], 336 - before[0]), (before[1], 336 - before[1])))
    return _picture(_photo(ink, random))


def touching_border(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Cut along the digit's own edges, or a pixel inside them."""
    levels = _photo(_enlarged(digit), random)
    strong = _enlarged(digit) > 0.5
    rows, columns = np.flatnonzero(strong.any(axis=1)), np.flatnonzero(strong.any(axis=0))
    cut = random.integers(0, 2, 4)
    return _picture(levels[rows[0] + cut[0] : rows[-1] + 1 - cut[1], columns[0] + cut[2] : columns[-1] + 1 - cut[3]])


def rotated(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Turned by up to 15°."""
    ink = Image.fromarray(_plain_ink(digit, random)).rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC)
    return _picture(_photo(np.clip(np.asarray(ink), 0, 1), random))


def perspective(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Seen from aside."""
    levels = _picture(_photo(_plain_ink(digit, random), random))
    width, height = levels.size
    shift = random.uniform(-0.12, 0.12, 8) * width
    corners = np.array([0, 0, 0, height, width, height, width, 0]) + shift
    rows = []
    for (x, y), (u, v) in zip(
        ((0, 0), (0, height), (width, height), (width, 0)), corners.reshape(4, 2).tolist(), strict=True
    ):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    factors = np.linalg.solve(np.array(rows, np.float64), corners)
    return levels.transform(
        levels.size, Image.Transform.PERSPECTIVE, factors.tolist(), Image.Resampling.BICUBIC, fillcolor=215
    )


def out_of_focus(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Blurred."""
    return plain(digit, random).filter(ImageFilter.GaussianBlur(random.uniform(3, 6)))


def sensor_noise(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Taken in the dark: noise a sixth of the ink's contrast."""
    return _picture(_photo(_plain_ink(digit, random), random, grain=25))


def tiny(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """12 to 16 pixels in all."""
    side = int(random.integers(12, 17))
    return plain(digit, random).resize((side, side), Image.Resampling.BOX)


def heavy_jpeg(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """JPEG of quality 5."""
    stored = io.BytesIO()
    plain(digit, random).save(stored, "JPEG", quality=5)
    return Image.open(stored)


def broken_strokes(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Two or three gaps of 4 to 7 pixels in the strokes."""
    ink = _enlarged(digit).copy()
    rows, columns = np.nonzero(ink > 0.7)
    down, right = np.mgrid[:_SIDE, :_SIDE]
    for index in random.integers(0, len(rows), random.integers(2, 4)):
        angle, reach = random.uniform(0, np.pi), random.uniform(2, 3.5)
        away = np.abs((down - rows[index]) * np.cos(angle) + (right - columns[index]) * np.sin(angle))
        near = np.hypot(down - rows[index], right - columns[index]) < 16
        ink[near & (away < reach)] = 0
    return _picture(_photo(_framed(ink, random), random))


def specks(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Dust and crumbs: dark spots of up to 7 pixels."""
    ink = _plain_ink(digit, random)
    down, right = np.mgrid[: ink.shape[0], : ink.shape[1]]
    for _ in range(int(random.integers(6, 20))):
        row, column = random.uniform(0, ink.shape[0]), random.uniform(0, ink.shape[1])
        spot = np.clip(random.uniform(0.5, 3.5) + 0.5 - np.hypot(down - row, right - column), 0, 1)
        ink = np.maximum(ink, spot * random.uniform(0.5, 1))
    return _picture(_photo(ink.astype(np.float32), random))


def dark_frame(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """The dark edge of a scan or a cell along one to four sides."""
    levels = _photo(_plain_ink(digit, random), random)
    sides = random.random(4) < 0.6
    sides[random.integers(0, 4)] = True
    wide = np.where(sides, random.integers(3, 12, 4), 0)
    levels = np.pad(levels, ((wide[0], wide[1]), (wide[2], wide[3])), constant_values=random.uniform(20, 90))
    return _picture(levels)


def neighbour(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """A part of another digit looks in at the side."""
    ink = np.pad(_plain_ink(digit, random), ((0, 0), (25, 25)))
    other = _enlarged(np.roll(digit[::-1], 2, axis=1))
    columns = np.flatnonzero((other > 0.3).any(axis=0))
    share = int((columns[-1] - columns[0]) * random.uniform(0.2, 0.4)) + 1
    piece = other[:, columns[0] : columns[0] + share]
    top = int(random.integers(0, ink.shape[0] - _SIDE + 1))
    ink[top : top + _SIDE, -share:] = np.maximum(ink[top : top + _SIDE, -share:], piece)
    return _picture(_photo(ink, random))


def coloured_ink(digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    """Ink and paper of about the same brightness and different colours."""
    ink = _plain_ink(digit, random)[..., None]
    paper, pen = (
        (np.array([225, 190, 80]), np.array([70, 205, 255]))
        if random.random() < 0.5
        else (
            np.array([150, 200, 150]),
            np.array([255, 165, 150]),
        )
    )
    levels = paper + (pen - paper) * ink + random.normal(0, 3, (*ink.shape[:2], 3))
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


DISTORTIONS: dict[str, Photo] = {
    make.__name__.replace("_", " "): make
    for make in (
        plain,
        light_on_dark,
        chalk,
        pencil,
        thin_pen,
        thick_marker,
        uneven_light,
        shadow_edge,
        paper_texture,
        ruled_lines,
        squared_lines,
        off_centre,
        touching_border,
        rotated,
        perspective,
        out_of_focus,
        sensor_noise,
        tiny,
        heavy_jpeg,
        broken_strokes,
        specks,
        dark_frame,
        neighbour,
        coloured_ink,
    )
}
"""Name to what makes a photo of an MNIST digit (28, 28) uint8; the docstrings say what is wrong with it."""


def photos(name: str, digits: NDArray[np.uint8], seed: int = 0) -> list[Image.Image]:
    """One distorted photo of each digit (N, 28, 28), the same for the same seed whatever else is made."""
    return [
        DISTORTIONS[name](digit, np.random.default_rng([seed, list(DISTORTIONS).index(name), index]))
        for index, digit in enumerate(digits)
    ]
