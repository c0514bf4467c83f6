"""Notes on desks: the sheet is found before the digit, and nothing that is no sheet is taken for one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

import numbre_runtime as numbre
from digits.desks import PLACES, desk_photos
from digits.distortions import photos
from numbre_runtime.pictures.digit import find_digit
from numbre_runtime.pictures.sheet import Sheet, find_sheet, flattened
from numbre_train.data import Mnist

CLASSIFIER = numbre.load()
_COUNT = 20


@pytest.mark.parametrize("name", PLACES)
def test_a_digit_on_a_sheet_is_read_wherever_the_sheet_lies(name: str, mnist: Mnist) -> None:
    pictures = desk_photos(name, mnist.train_images[:_COUNT], seed=3)
    answers = [CLASSIFIER.predict(picture) for picture in pictures]
    labels = [str(label) for label in mnist.train_labels[:_COUNT]]
    assert sum(answer.label == label for answer, label in zip(answers, labels, strict=True)) >= _COUNT - 1


@pytest.mark.parametrize("name", ["plain", "light on dark", "uneven light", "thick marker"])
def test_a_picture_without_a_desk_has_no_sheet(name: str, mnist: Mnist) -> None:
    pictures = photos(name, mnist.train_images[:_COUNT], seed=3)
    assert all(find_sheet(np.asarray(picture)) is None for picture in pictures)


@pytest.mark.parametrize("angle", [-25.0, -10.0, 0.0, 8.0, 30.0])
def test_the_corners_are_those_of_the_sheet(angle: float) -> None:
    """Within two pixels of the 64 at which it is looked for."""
    square = np.array([[-90, -70], [90, -70], [90, 70], [-90, 70]], float)
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    corners = square @ np.array([[cosine, sine], [-sine, cosine]]) + [160, 120]
    picture = Image.new("L", (320, 240), 50)
    draw = ImageDraw.Draw(picture)
    draw.polygon([tuple(corner) for corner in corners.tolist()], fill=230)
    draw.ellipse((145, 105, 175, 135), outline=30, width=6)
    sheet = find_sheet(np.asarray(picture))
    assert sheet is not None
    assert np.abs(np.array(sheet) - corners).max() <= 2.5 * 320 / 64


def test_a_flattened_sheet_shows_what_the_picture_shows() -> None:
    """A quadrangle of a slope of light keeps the slope: bilinear interpolation is exact there."""
    down, right = np.mgrid[:200, :240]
    grey = ((down + right) // 2).astype(np.uint8)
    sheet = Sheet((40, 30), (200, 50), (180, 170), (30, 150))
    flat = flattened(grey, sheet)
    rows, columns = flat.shape
    x, y = sheet.in_picture((np.arange(columns) + 0.5) / columns, np.full(columns, 0.5))
    expected = (x + y) / 2 - 0.5
    assert (columns, rows) == sheet.size
    assert np.abs(flat[rows // 2].astype(float) - expected).max() <= 1.5


def test_the_box_is_given_in_the_pictures_own_pixels() -> None:
    picture = Image.new("L", (640, 480), 40)
    draw = ImageDraw.Draw(picture)
    draw.polygon([(150, 80), (520, 120), (490, 420), (120, 380)], fill=225)
    draw.rectangle((290, 180, 310, 320), fill=30)
    _, found = find_digit(picture)
    assert found is not None
    assert np.abs(np.array(found.box) - (290, 180, 311, 321)).max() <= 24
    assert found.dark_ink


def test_a_bright_stroke_and_an_empty_sheet_are_none() -> None:
    stroke = np.full((200, 200), 30, np.uint8)
    stroke[20:180, 70:130] = 220
    empty = np.full((200, 200), 60, np.uint8)
    empty[30:170, 30:170] = 230
    ring = np.full((200, 200), 30, np.uint8)
    ring[20:180, 40:160] = 220
    ring[55:145, 75:125] = 30
    for levels in (stroke, empty):
        assert find_sheet(levels) is None
    assert CLASSIFIER.predict(Image.fromarray(ring)).label == "0"
