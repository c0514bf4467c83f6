"""Composes handwritten pages whose every digit is known, from MNIST's digits: numbers in lines, letters, scribbles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ACEFHKMNPRTUVWXYacdefhjkmnprtuvwx"
"""Letters that no digit looks like."""
_FONTS = ("DejaVuSans", "DejaVuSerif-Italic", "DejaVuSansMono", "STIXGeneral", "cmmi10", "DejaVuSans-Bold")

Glyph = NDArray[np.float32]
"""Ink 0–1 of one digit, cut to its box."""
Source = Callable[[], tuple[Glyph, int]]
"""Gives the next digit, (20 or fewer, 20 or fewer) ink 0–1, and its label."""


@dataclass(frozen=True)
class TrueDigit:
    """One digit as it was put on the page."""

    label: str
    points: NDArray[np.float32]
    """(N, 2), x and y of its ink's pixels, in the picture's pixels."""
    line: int
    """Its line, counted from the top."""
    number: int
    """Its number, counted from the start of the page."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """left, top, right, bottom in pixels; right and bottom lie just outside."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]) + 1, float(high[1]) + 1


@dataclass(frozen=True)
class Style:
    """How a page is written."""

    height: float
    """A digit's height in pixels."""
    weight: float
    """Share, 0–1, of a stroke's own strength at which its soft edge is cut: a low one makes strokes thick."""
    slant: float = 0.0
    """Horizontal shift per vertical pixel, positive leans to the right."""
    touching: float = 0.0
    """Share of neighbours in a number that touch, 0–1."""
    broken: float = 0.0
    """Share of digits with a gap in a stroke, 0–1."""
    clutter: bool = False
    """Whether letters, scribbles and underlines stand between the numbers."""


@dataclass
class WrittenSheet:
    """The ink on a page, before it is photographed."""

    ink: NDArray[np.float32]
    """(height, width), 0: paper, 1: full ink."""
    digits: list[TrueDigit] = field(default_factory=list)
    baselines: list[float] = field(default_factory=list)
    """y of each line's foot, in pixels."""


def mnist_source(images: NDArray[np.uint8], labels: NDArray[np.uint8], generator: np.random.Generator) -> Source:
    """A source that gives MNIST's rows in a random order, each once before any comes again."""
    order: list[int] = []

    def following() -> tuple[Glyph, int]:
        if not order:
            order.extend(int(index) for index in generator.permutation(len(images)))
        index = order.pop()
        rows, columns = np.nonzero(images[index] > 40)
        glyph = images[index][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        return glyph.astype(np.float32) / 255, int(labels[index])

    return following


def compose(size: tuple[int, int], style: Style, source: Source, generator: np.random.Generator) -> WrittenSheet:
    """Writes lines of numbers on an empty sheet of (height, width)."""
    sheet = WrittenSheet(np.zeros(size, np.float32))
    height, width = size
    pitch = style.height * generator.uniform(1.8, 2.3)
    margin = 0.09 * min(size)
    top, number = margin, 0
    while top + 1.3 * style.height < height - margin:
        if style.clutter and generator.random() < 0.25:
            _words(sheet, margin, top, style, generator)
        else:
            number = _line(sheet, (margin, width - margin), top, number, style, source, generator)
        sheet.baselines.append(top + style.height)
        top += pitch
    return sheet


def _line(
    sheet: WrittenSheet,
    span: tuple[float, float],
    top: float,
    number: int,
    style: Style,
    source: Source,
    generator: np.random.Generator,
) -> int:
    """Writes one line of numbers between two x; returns the next number's count."""
    left, right = span[0] + generator.uniform(0, 1.5) * style.height, span[1]
    line = sheet.digits[-1].line + 1 if sheet.digits else 0
    while True:
        count = int(generator.integers(1, 6))
        if left + count * 1.05 * style.height > right:
            return number
        previous: Glyph | None = None
        for _ in range(count):
            glyph, label = source()
            glyph = _drawn(glyph, style, generator)
            if previous is not None:
                if generator.random() < style.touching:
                    left += _kerning(previous, glyph) - generator.integers(1, 4)
                else:
                    left += style.height * generator.uniform(0.1, 0.28)
            y = top + style.height - len(glyph) + style.height * generator.uniform(-0.06, 0.06)
            points = _put(sheet.ink, glyph, left, y)
            sheet.digits.append(TrueDigit(str(label), points, line, number))
            left += glyph.shape[1]
            previous = glyph
        number += 1
        if style.clutter and generator.random() < 0.3:
            left = _scribble(sheet, left + 0.5 * style.height, top, style, generator)
        left += style.height * generator.uniform(0.9, 2.2)


def _drawn(glyph: Glyph, style: Style, generator: np.random.Generator) -> Glyph:
    """A digit of the page's size, slant and stroke width."""
    scale = style.height / 20 * generator.uniform(0.92, 1.08)
    size = (max(2, round(glyph.shape[1] * scale)), max(2, round(glyph.shape[0] * scale)))
    around = round(4 * scale)
    large = cv2.resize(np.pad(glyph, 2), (size[0] + around, size[1] + around), interpolation=cv2.INTER_CUBIC)
    if style.slant:
        reach = abs(style.slant) * len(large)
        large = cv2.copyMakeBorder(large, 0, 0, int(reach / 2) + 1, int(reach / 2) + 1, cv2.BORDER_CONSTANT)
        shear = np.array([[1, -style.slant, style.slant * len(large) / 2], [0, 1, 0]], np.float32)
        large = cv2.warpAffine(large, shear, (large.shape[1], large.shape[0]))
    large = cv2.GaussianBlur(large, (0, 0), 0.03 * style.height)
    # Relative to the digit's own strokes, so that a thin one does not fall apart.
    level = style.weight * float(np.quantile(large[large > 0.3 * large.max()], 0.8))
    ink = np.clip((large - level) / 0.2 + 0.5, 0, 1).astype(np.float32)
    if generator.random() < style.broken:
        ink = _with_gap(ink, style, generator)
    rows, columns = np.nonzero(ink > 0.5)
    if not len(rows):
        return np.ones((2, 2), np.float32)
    return np.asarray(ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1], np.float32)


def _with_gap(ink: Glyph, style: Style, generator: np.random.Generator) -> Glyph:
    """The digit with a straight gap through a point of its ink, 3–6% of its height wide."""
    rows, columns = np.nonzero(ink > 0.5)
    if not len(rows):
        return ink
    chosen = int(generator.integers(len(rows)))
    angle = generator.uniform(0, np.pi)
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    distance = np.abs((x - columns[chosen]) * np.sin(angle) - (y - rows[chosen]) * np.cos(angle))
    along = np.abs((x - columns[chosen]) * np.cos(angle) + (y - rows[chosen]) * np.sin(angle))
    gap = (distance < style.height * generator.uniform(0.015, 0.03)) & (along < 0.3 * style.height)
    return np.where(gap, 0, ink).astype(np.float32)


def _kerning(left: Glyph, right: Glyph) -> int:
    """How far the right digit, on the same foot, may move to the left until their ink meets; negative moves."""
    rows = min(len(left), len(right))
    a, b = left[-rows:] > 0.5, right[-rows:] > 0.5
    free = np.where(a.any(axis=1), a[:, ::-1].argmax(axis=1), a.shape[1])
    free = free + np.where(b.any(axis=1), b.argmax(axis=1), b.shape[1])
    return -int(free.min())


def _put(ink: NDArray[np.float32], glyph: Glyph, left: float, top: float) -> NDArray[np.float32]:
    """Adds a glyph to the sheet; returns its ink's pixels as x and y."""
    x, y = round(left), round(top)
    region = ink[y : y + glyph.shape[0], x : x + glyph.shape[1]]
    glyph = glyph[: region.shape[0], : region.shape[1]]
    np.maximum(region, glyph, out=region)
    rows, columns = np.nonzero(glyph > 0.5)
    return np.stack([columns + x, rows + y], axis=1).astype(np.float32)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), size)


def _words(sheet: WrittenSheet, left: float, top: float, style: Style, generator: np.random.Generator) -> None:
    """A line of letters."""
    canvas = Image.new("L", (sheet.ink.shape[1], sheet.ink.shape[0]))
    font = _font(str(generator.choice(_FONTS)), int(1.2 * style.height))
    words = ("".join(generator.choice(list(LETTERS), int(generator.integers(3, 7)))) for _ in range(3))
    ImageDraw.Draw(canvas).text((left, top), " ".join(words), 255, font, anchor="lt")
    np.maximum(sheet.ink, np.asarray(canvas, np.float32) / 255, out=sheet.ink)


def _scribble(sheet: WrittenSheet, left: float, top: float, style: Style, generator: np.random.Generator) -> float:
    """A zigzag of 5 to 9 strokes; returns where it ends."""
    count = int(generator.integers(5, 10))
    width = 0.3 * style.height * count
    x = left + np.linspace(0, width, count) + generator.normal(0, 0.08 * style.height, count)
    y = top + style.height * generator.uniform(0.1, 0.9, count)
    if left + width > sheet.ink.shape[1] - style.height:
        return left
    return _stroke(sheet, np.stack([x, y], axis=1), 0.1 * style.height) + 0.3 * style.height


def _stroke(sheet: WrittenSheet, corners: NDArray[np.float64], thickness: float) -> float:
    """A polyline of full ink; returns its right end."""
    points = np.round(corners * 8).astype(np.int32).reshape(-1, 1, 2)
    cv2.polylines(sheet.ink, [points], False, 1.0, max(1, round(thickness)), cv2.LINE_AA, 3)
    return float(corners[:, 0].max())


def text_of(digits: Sequence[TrueDigit]) -> str:
    """The page's text: digits of a number together, numbers apart, lines on lines of their own."""
    text = ""
    previous: TrueDigit | None = None
    for digit in digits:
        if previous is not None:
            text += "" if digit.number == previous.number else " " if digit.line == previous.line else "\n"
        text += digit.label
        previous = digit
    return text
