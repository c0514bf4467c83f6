"""The fixed split of a data set into rows to fit, to validate and to test on.

If a data set has a test part of its own, a twelfth of its other rows is for validation (5,000 of MNIST's 60,000). Other
data sets are split into 80% to fit, 10% to validate and 10% to test.
Calibration rows for quantization are drawn from the fitting rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPLIT_SEED = 2026
CALIBRATION_SEED = 2027
ROWS_LEAST = 100
"""Fewest rows that are split; a tenth of fewer rows measures nothing."""
VALIDATION_PART = 12
"""One of so many training rows is for validation."""
MNIST_ROWS = 60_000
"""Training rows of MNIST."""


@dataclass(frozen=True)
class Split:
    """Row numbers of a training set, ascending; of MNIST's, 55,000 and 5,000."""

    fit: NDArray[np.int64]
    """(N,) rows that training sees."""
    validation: NDArray[np.int64]
    """(N,) rows that choices are made on."""


def split_rows(count: int = MNIST_ROWS) -> Split:
    """The fixed split of `count` rows that have a test part beside them, a seeded draw without replacement."""
    order = np.random.default_rng(SPLIT_SEED).permutation(count)
    part = count // VALIDATION_PART
    return Split(np.sort(order[part:]), np.sort(order[:part]))


def split_apart(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Split]:
    """The fixed split of `count` rows, a seeded draw without replacement.

    Returns:
        The row numbers to train with, those set apart to test on (a tenth), both ascending, and the split of the
        former, by their positions among them, into what to fit and what to validate (a tenth of all).
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(count)
    tenth = count // 10
    test, train = np.sort(order[:tenth]), np.sort(order[tenth:])
    validation = np.isin(train, order[tenth : 2 * tenth])
    return train, test, Split(np.flatnonzero(~validation), np.flatnonzero(validation))


def calibration_rows(
    labels: NDArray[np.integer], rows: NDArray[np.int64], count: int = 500, seed: int = CALIBRATION_SEED
) -> NDArray[np.int64]:
    """A stratified, seeded draw: the same number of rows from each class, or one more where `count` does not divide.

    Args:
        labels: Class of every row of the data set.
        rows: The rows to draw from.
        count: How many to draw.
        seed: Seed of the draw.

    Returns:
        (count,) row numbers, ascending.

    Raises:
        ValueError: A class has fewer rows than its share.
    """
    generator = np.random.default_rng(seed)
    classes = np.unique(labels[rows])
    shares = np.full(len(classes), count // len(classes))
    shares[: count % len(classes)] += 1
    drawn = [
        generator.choice(rows[labels[rows] == label], share, replace=False)
        for label, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(drawn))
