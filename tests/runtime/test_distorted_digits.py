"""Real digits under one distortion each; what was pasted says where the digit is and what it reads."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import numbre_runtime as numbre
from digits.distortions import DISTORTIONS, photos
from numbre_runtime.pictures.components import components
from numbre_runtime.pictures.digit import find_digit, from_grey
from numbre_runtime.pictures.mnist_form import stroke_width
from numbre_train.data import Mnist

CLASSIFIER = numbre.load("numbre-int8")
_COUNT, _RIGHT = 40, 37
"""The network that is best at this is not asked; the least that its elder brother reads, of digits and photos."""


@pytest.mark.parametrize("name", DISTORTIONS)
def test_digits_are_read_whatever_is_wrong_with_the_photo(name: str, mnist: Mnist) -> None:
    images, labels = mnist.train_images[:_COUNT], mnist.train_labels[:_COUNT]
    pictures = photos(name, images, seed=5)
    right = sum(
        CLASSIFIER.predict(picture).label == str(label) for picture, label in zip(pictures, labels, strict=True)
    )
    assert right >= _RIGHT


def test_a_ruled_line_leaves_nothing_and_takes_little(mnist: Mnist) -> None:
    """The same photo with and without lines looks nearly the same to the network."""
    likeness = []
    for image in mnist.test_images[:20]:
        ink = np.asarray(Image.fromarray(image).resize((140, 140), Image.Resampling.BICUBIC), np.float32) / 255
        clean = (215 - 150 * np.pad(ink, 20)).astype(np.float32)
        ruled = clean.copy()
        for row in (30, 80, 130):
            ruled[row : row + 2] = np.minimum(ruled[row : row + 2], 150)
        plain, lined = (from_grey(grey.astype(np.uint8))[0].astype(float).ravel() for grey in (clean, ruled))
        likeness.append(float(np.corrcoef(plain, lined)[0, 1]))
    assert np.median(likeness) > 0.9
    assert min(likeness) > 0.6


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.08])
def test_a_digit_that_fills_its_picture_keeps_its_straight_strokes(margin: float, mnist: Mnist) -> None:
    """The foot of a 2 or the bar of a 7 spans the picture as a ruled line does."""
    right = 0
    for image, label in zip(mnist.train_images[:_COUNT], mnist.train_labels[:_COUNT], strict=True):
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        cut = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        ink = np.asarray(cut.resize((10 * cut.width, 10 * cut.height), Image.Resampling.BICUBIC))
        room = round(margin * max(ink.shape))
        right += CLASSIFIER.predict(Image.fromarray(215 - np.pad(ink, room) // 5 * 3)).label == str(label)
    assert right >= _RIGHT


def test_a_stroke_across_the_picture_is_no_ruled_line() -> None:
    """A long foot, margins of four pixels at its ends."""
    levels = np.full((200, 160), 220, np.uint8)
    levels[180:190, 4:156] = 40
    levels[20:180, 76:86] = 40
    found = find_digit(Image.fromarray(levels))[1]
    assert found is not None
    assert found.box == (4, 20, 156, 190)


def test_nothing_outside_the_digit_is_in_its_box(mnist: Mnist) -> None:
    """Specks, a frame and a neighbour at the border: the box stays the digit's own."""
    ink = np.asarray(Image.fromarray(mnist.test_images[0]).resize((112, 112), Image.Resampling.BICUBIC), np.float32)
    page = np.full((240, 300), 220, np.float32)
    page[60:172, 90:202] -= ink * (160 / 255)
    rows, columns = np.nonzero(page < 140)
    expected = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    page[:8], page[-6:] = 30, 30
    page[20:23, 40:43] = 40
    page[80:160, 285:] = 60
    found = find_digit(Image.fromarray(page.astype(np.uint8)))[1]
    assert found is not None
    assert np.abs(np.array(found.box) - expected).max() <= 4


def test_thin_strokes_become_as_wide_as_mnists(mnist: Mnist) -> None:
    picture = Image.new("L", (400, 400), 230)
    levels = np.array(picture)
    levels[60:340, 199:202] = 40
    pixels, _ = find_digit(Image.fromarray(levels))
    assert 1.7 <= stroke_width(pixels > 100) <= 3
    usual = float(np.median([stroke_width(image > 100) for image in mnist.test_images[:300]]))
    assert 2.3 < usual < 3.1


def test_components_are_those_of_scipy() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    generator = np.random.default_rng(3)
    for share in (0.0, 0.1, 0.35, 0.5, 0.6, 1.0):
        mask = generator.random((57, 83)) < share
        expected, count = ndimage.label(mask, np.ones((3, 3)))
        got = components(mask)
        assert len(got.boxes) == count
        weights = generator.integers(0, 256, mask.shape, np.uint8)
        sums = got.sums(weights).tolist()
        assert sorted(sums) == sorted(ndimage.sum_labels(weights, expected, np.arange(1, count + 1)).tolist())
        for number in range(min(count, 20)):
            part = got.mask_of(np.arange(count) == number)
            labels = set(expected[part].tolist())
            assert len(labels) == 1
            assert int(part.sum()) == int((expected == labels.pop()).sum())
        for (left, top, right, bottom), (rows, columns) in zip(
            sorted(got.boxes.tolist()),
            sorted(ndimage.find_objects(expected), key=lambda s: (s[1].start, s[0].start, s[1].stop, s[0].stop)),
            strict=True,
        ):
            assert (left, top, right, bottom) == (columns.start, rows.start, columns.stop, rows.stop)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (3, 5000), (8, 8)])
@pytest.mark.parametrize("kind", ["noise", "one", "stripes"])
def test_odd_pictures_give_an_answer(size: tuple[int, int], kind: str) -> None:
    levels = np.zeros(size, np.uint8)
    if kind == "noise":
        levels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    elif kind == "one":
        levels[size[0] // 2, size[1] // 2] = 255
    else:
        levels[:, ::2] = 255
    prediction = CLASSIFIER.predict(Image.fromarray(levels))
    assert 0 <= prediction.confidence <= 1
    if prediction.found is not None:
        left, top, right, bottom = prediction.found.box
        assert 0 <= left < right <= size[1]
        assert 0 <= top < bottom <= size[0]
