"""A page is read however it lies: on a desk, lying on its side or upside down; its boxes are the picture's own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import numbre_runtime as numbre
from numbre_train.data import Mnist, split_rows
from pages.composer import mnist_source
from pages.photo import TruePage, make_page

CLASSIFIER = numbre.load("digits-int8")


@pytest.fixture(scope="module")
def plain() -> TruePage:
    """A page of MNIST's validation digits."""
    mnist, rows = _mnist(), split_rows().validation
    source = mnist_source(mnist.train_images[rows], mnist.train_labels[rows], np.random.default_rng(5))
    return make_page("plain", source, np.random.default_rng(1), (400, 600))


def _mnist() -> Mnist:
    from numbre_train.data import load_mnist

    return load_mnist()


def _near(boxes: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """The share of true boxes with a read one within 8 pixels on all sides."""
    return float(np.mean([np.abs(boxes - box).max(axis=1).min() < 8 for box in truth]))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_turned_page_is_turned_back_and_says_so(quarters: int, plain: TruePage) -> None:
    page = numbre.read(np.rot90(plain.picture, -quarters), CLASSIFIER)
    assert page.turned == 90 * quarters
    assert page.text == numbre.read(plain.picture, CLASSIFIER).text
    height, width = plain.picture.shape
    assert (page.width, page.height) == ((width, height) if quarters % 2 == 0 else (height, width))
    marked = []
    for digit in plain.digits:
        mask = np.zeros(plain.picture.shape, np.uint8)
        left, top, right, bottom = (round(value) for value in digit.box)
        mask[top:bottom, left:right] = 1
        rows, columns = np.nonzero(np.rot90(mask, -quarters))
        marked.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert _near(np.array([digit.box for digit in page.digits]), np.array(marked)) > 0.95


def test_one_or_two_signs_turn_no_page() -> None:
    """A 6 upside down is a 9: nobody can tell."""
    mnist = _mnist()
    image = mnist.test_images[int(np.flatnonzero(mnist.test_labels == 6)[0])]
    picture = np.pad(255 - cv2.resize(image, (112, 112)), 40, constant_values=255)
    assert [numbre.read(np.rot90(picture, turns), CLASSIFIER).turned for turns in range(4)] == [0, 0, 0, 0]


def test_a_sheet_on_a_desk_is_read_from_the_front(plain: TruePage) -> None:
    """The desk's edge of the sheet is no ink, and boxes lie where the digits are in the photo."""
    height, width = plain.picture.shape
    corners = np.array([[160, 120], [700, 90], [740, 480], [130, 450]], np.float32)
    sheet = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(sheet, corners)
    photo = np.full((600, 900), 70, np.uint8)
    there = cv2.warpPerspective(plain.picture, matrix, (900, 600), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.ones_like(plain.picture), matrix, (900, 600)) > 0
    photo[inside] = there[inside]
    page = numbre.read(photo, CLASSIFIER)
    assert page.text == numbre.read(plain.picture, CLASSIFIER).text
    assert (page.width, page.height) == (900, 600)
    truth = []
    for digit in plain.digits:
        points = cv2.perspectiveTransform(digit.points[None], matrix)[0]
        truth.append([*points.min(axis=0), *(points.max(axis=0) + 1)])
    assert _near(np.array([digit.box for digit in page.digits]), np.array(truth)) > 0.95
