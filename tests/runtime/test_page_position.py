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


def test_a_sheet_on_a_desk_is_read_from_the_front() -> None:
    """The sheet's edge is no ink, and boxes lie where the digits are in the photo."""
    mnist = _mnist()
    paper = np.full((320, 700), 225, np.uint8)
    truth = []
    for index, label in enumerate((7, 3, 5, 4)):
        alike = mnist.test_images[mnist.test_labels == label]
        image = alike[np.abs(alike - alike.mean(axis=0)).sum(axis=(1, 2)).argmin()]
        left = 60 + 150 * index
        paper[80:248, left : left + 168] -= (0.7 * cv2.resize(image, (168, 168))).astype(np.uint8)
        rows, columns = np.nonzero(cv2.resize(image, (168, 168)) > 128)
        truth.append([(left + columns.min(), 80 + rows.min()), (left + columns.max(), 80 + rows.max())])
    corners = np.array([[100, 150], [800, 120], [830, 440], [90, 430]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array([[0, 0], [700, 0], [700, 320], [0, 320]], np.float32), corners)
    photo = np.full((600, 900), 70, np.uint8)
    inside = cv2.warpPerspective(np.ones_like(paper), matrix, (900, 600)) > 0
    photo[inside] = cv2.warpPerspective(paper, matrix, (900, 600))[inside]
    page = numbre.read(photo, CLASSIFIER)
    assert page.text.replace(" ", "") == "7354"
    assert (page.width, page.height) == (900, 600)
    seen = cv2.perspectiveTransform(np.array(truth, np.float64), matrix).reshape(-1, 4)
    assert np.abs(np.array([digit.box for digit in page.digits]) - seen).max() < 15
