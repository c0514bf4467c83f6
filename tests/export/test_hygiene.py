"""Calibration rows that no quantizer learns from are refused, real ones are not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from numbre_export.data.hygiene import check_calibration, overlap, rows_digest
from numbre_runtime.errors import DataError
from numbre_train.data import Mnist


def test_real_rows_are_taken(mnist: Mnist) -> None:
    check_calibration(mnist.train_images[:500], mnist.test_images)
    for load in (load_breast_cancer, load_digits, load_iris, load_wine):
        rows = np.random.default_rng(0).permutation(load().data).astype(np.float32)
        check_calibration(rows[: len(rows) // 2], rows[len(rows) // 2 :])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (np.full((100, 28, 28), 7, np.uint8), "constant"),
        (np.zeros((100, 28, 28), np.uint8), "constant"),
        (np.repeat(np.arange(100, dtype=np.uint8), 784).reshape(100, 28, 28), "constant"),
        (np.zeros((0, 28, 28), np.uint8), "0 calibration rows"),
        (np.zeros((19, 28, 28), np.uint8), "19 calibration rows"),
        (np.full((100, 28, 28), np.nan, np.float32), "NaN"),
    ],
)
def test_useless_rows_are_refused(mnist: Mnist, rows: np.ndarray, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        check_calibration(rows, mnist.test_images)


def test_random_rows_are_refused(mnist: Mnist) -> None:
    generator = np.random.default_rng(3)
    noise = generator.integers(0, 256, (500, 28, 28), np.uint8)
    # Every pixel has its real distribution, but they do not go together any more.
    shuffled = generator.permuted(mnist.train_images[:500].reshape(500, -1), axis=0).reshape(500, 28, 28)
    normal = generator.normal(100, 40, (500, 28, 28)).clip(0, 255).astype(np.uint8)
    for rows in (noise, shuffled, normal):
        with pytest.raises(DataError, match="look random"):
            check_calibration(rows, mnist.test_images)


def test_overlap_counts_equal_rows(mnist: Mnist) -> None:
    assert overlap(mnist.train_images[:500], mnist.test_images) == 0
    mixed = np.concatenate([mnist.train_images[:20], mnist.test_images[:3]])
    assert overlap(mixed, mnist.test_images) == 3
    assert rows_digest(mixed) != rows_digest(mixed[::-1])
