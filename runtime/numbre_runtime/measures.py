"""Figures of a classifier's scores and answers, defined once for training, export and the runtime."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_SCORE = 1e-7
"""Scores are clipped here before their logarithm is taken, as in Keras's cross-entropy (`keras.config.epsilon()`)."""


def log_loss(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """The mean cross-entropy −log(score of the true class), in nats.

    Scores below 1e-7 count as 1e-7, as in `keras.losses.SparseCategoricalCrossentropy`: a row whose true class has
    the score 0 adds 16.1 to the sum.

    Args:
        labels: (N,) true classes.
        scores: (N, classes), 0–1.

    Example:
        >>> round(log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]])), 4)
        0.3466
    """
    own = scores[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(own, SMALLEST_SCORE)).mean())


def mcnemar_p(only_first: int, only_second: int) -> float:
    """The two-sided p-value of McNemar's exact test: two classifiers on the same rows, are they equally good?

    It is the probability of a split at least as uneven if each discordant row fell to either classifier with equal
    chance (McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947, in its exact binomial form).

    Args:
        only_first: Rows that the first classifier gets right and the second one wrong.
        only_second: Rows the other way round.

    Returns:
        0–1; 1.0 where the classifiers never differ.

    Example:
        >>> round(mcnemar_p(9, 1), 4)
        0.0215
    """
    # Exact integers: floats overflow from about 1,000 rows on.
    rows, combinations, tail = only_first + only_second, 1, 0
    for taken in range(min(only_first, only_second) + 1):
        tail += combinations
        combinations = combinations * (rows - taken) // (taken + 1)
    return min(1.0, float(2 * tail / (1 << rows)))
