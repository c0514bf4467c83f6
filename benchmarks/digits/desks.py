"""MNIST digits on sheets, and the sheets where people photograph them: on desks, in a hand, on a wall, on a screen.

A sheet takes about 44% of its picture; it is turned by up to 12° and seen a little from aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from digits.distortions import Grey

_SIZE = (320, 240)
_SHARE = 0.44
"""Of the picture, that the sheet takes."""


@dataclass(frozen=True)
class SheetScene:
    """Where a sheet lies."""

    desk: Callable[[Generator], Grey]
    """Draws what it lies on, (240, 320)."""
    paper: tuple[float, float]
    """Its darkest and brightest level."""
    turn: float = 12.0
    """Degrees that it is turned by at most."""
    covered: Callable[[Image.Image, NDArray[np.float64], Generator], None] = lambda *_: None
    """Draws what lies beside or on it, given its corners (4, 2)."""


def desk_photos(name: str, digits: NDArray[np.uint8], seed: int = 0) -> list[Image.Image]:
    """One photo of each digit (N, 28, 28) on a sheet, the same for the same seed.

    Args:
        name: A key of `PLACES`.
        digits: (N, 28, 28) uint8, bright on dark.
        seed: Decides.
    """
    place, number = PLACES[name], list(PLACES).index(name)
    return [_photo(place, digit, np.random.default_rng([seed, number, index])) for index, digit in enumerate(digits)]


def _photo(place: SheetScene, digit: NDArray[np.uint8], random: Generator) -> Image.Image:
    scene = Image.fromarray(np.clip(place.desk(random), 0, 255).astype(np.uint8))
    sheet, corners = _sheet(digit, random.uniform(*place.paper), random), _corners(place.turn, random)
    _paste(scene, sheet, corners)
    place.covered(scene, corners, random)
    blurred = scene.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1)))
    levels = np.asarray(blurred, np.float32) + random.normal(0, 3, (_SIZE[1], _SIZE[0]))
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _sheet(digit: NDArray[np.uint8], paper: float, random: Generator) -> Image.Image:
    """A sheet of 200×200 with the digit somewhere on it, 45 to 60% as high."""
    side = int(random.integers(90, 120))
    ink = np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC), np.float32) / 255
    left, top = random.integers(30, 170 - side, 2)
    levels = np.full((200, 200), paper, np.float32)
    levels[top : top + side, left : left + side] -= ink * (paper - random.uniform(20, 70))
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def _corners(turn: float, random: Generator) -> NDArray[np.float64]:
    """(4, 2): x and y of a sheet's corners, clockwise from the top left."""
    width, height = _SIZE
    across = random.uniform(0.85, 1.2)
    half = np.sqrt(_SHARE * width * height) / 2
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [half * across, half / across]
    angle = np.radians(random.uniform(-turn, turn))
    cosine, sine = np.cos(angle), np.sin(angle)
    turned = square @ np.array([[cosine, sine], [-sine, cosine]])
    turned *= 1 + random.uniform(-0.05, 0.05, (4, 1)) * (turn > 0)
    room = np.array(_SIZE) / 2 - np.abs(turned).max(axis=0) - 4
    shifted = turned + np.array(_SIZE) / 2 + random.uniform(-1, 1, 2) * np.maximum(room, 0)
    return np.asarray(shifted, np.float64)


def _paste(scene: Image.Image, sheet: Image.Image, corners: NDArray[np.float64]) -> None:
    """Lays the sheet between the corners."""
    ends = ((0, 0), (sheet.width, 0), (sheet.width, sheet.height), (0, sheet.height))
    rows, values = [], []
    for (x, y), (u, v) in zip(corners.tolist(), ends, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    factors = np.linalg.solve(np.array(rows), np.array(values, np.float64)).tolist()
    kind = Image.Transform.PERSPECTIVE
    laid = sheet.transform(scene.size, kind, factors, Image.Resampling.BICUBIC)
    mask = Image.new("L", sheet.size, 255).transform(scene.size, kind, factors, Image.Resampling.BILINEAR)
    scene.paste(laid, (0, 0), mask)


def _plain(low: float, high: float) -> Callable[[Generator], Grey]:
    """A ground of one level, lit a little from one side."""

    def draw(random: Generator) -> Grey:
        level = random.uniform(low, high)
        slope = np.linspace(-1, 1, _SIZE[0], dtype=np.float32) * random.uniform(-15, 15)
        levels: Grey = (np.full(_SIZE[::-1], level) + slope).astype(np.float32)
        return levels

    return draw


def _wood(random: Generator) -> Grey:
    """Boards with a grain, light and dark."""
    down = np.arange(_SIZE[1])[:, None] + 6 * np.sin(np.arange(_SIZE[0]) / random.uniform(30, 80))
    grain = np.sin(down / random.uniform(1.5, 4)) * random.uniform(4, 14)
    board = np.sin(down / 40) * 10
    levels: Grey = (random.uniform(85, 150) + grain + board).astype(np.float32)
    return levels


def _second_sheet(scene: Image.Image, corners: NDArray[np.float64], random: Generator) -> None:
    """Another sheet's corner looks in, written on by nobody."""
    far = corners[:, 0].mean() > _SIZE[0] / 2
    edge = float(corners[:, 0].min() if far else corners[:, 0].max())
    room = edge - 8 if far else _SIZE[0] - edge - 8
    if room > 10:
        wide, top = random.uniform(0.5, 1) * room, random.uniform(10, 60)
        box = (0, top, wide, 230) if far else (_SIZE[0] - wide, top, _SIZE[0], 230)
        ImageDraw.Draw(scene).rectangle(box, fill=int(random.uniform(200, 235)))


def _hand(scene: Image.Image, corners: NDArray[np.float64], random: Generator) -> None:
    """A thumb holds the sheet at its lower edge."""
    middle = corners[3] + (corners[2] - corners[3]) * random.uniform(0.2, 0.8)
    x, y = (float(value) for value in middle)
    draw, skin = ImageDraw.Draw(scene), int(random.uniform(120, 170))
    draw.ellipse((x - 14, y - 18, x + 14, y + 20), fill=skin)
    draw.polygon([(x - 14, y), (x + 14, y), (x + 50, 240), (x - 30, 240)], fill=skin)


def _table_edge(scene: Image.Image, _: NDArray[np.float64], random: Generator) -> None:
    """Beyond the desk's edge it is dark."""
    top = random.uniform(2, 12)
    ImageDraw.Draw(scene).polygon([(0, 0), (320, 0), (320, top), (0, top + random.uniform(-2, 6))], fill=15)


def _bezel(scene: Image.Image, corners: NDArray[np.float64], _: Generator) -> None:
    """The black rim around a screen."""
    ImageDraw.Draw(scene).polygon([tuple(point) for point in corners.tolist()], outline=12, width=6)


PLACES = {
    "dark desk": SheetScene(_plain(25, 70), (190, 245)),
    "grey desk": SheetScene(_plain(110, 150), (195, 245)),
    "wooden desk": SheetScene(_wood, (200, 245)),
    "table edge": SheetScene(_plain(110, 150), (195, 245), covered=_table_edge),
    "two sheets": SheetScene(_plain(40, 120), (195, 245), covered=_second_sheet),
    "hand": SheetScene(_plain(30, 90), (195, 245), covered=_hand),
    "whiteboard": SheetScene(_plain(120, 165), (215, 250), turn=0.0),
    "screen": SheetScene(_plain(30, 130), (210, 250), turn=6.0, covered=_bezel),
}
"""Name to the place that a sheet is photographed in."""
