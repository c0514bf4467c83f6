"""What two classifiers' answers on the same rows tell, and what is only noise.

Wilson, "Probable inference, the law of succession, and statistical inference", 1927 (the interval of a share); Guo et
al., "On calibration of modern neural networks", 2017 (expected calibration error).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.measures import mcnemar_p

SIGNIFICANT = 0.05
"""A p value below this is called more than noise."""
POWER = 0.8
"""The probability with which a test is to show what is there."""

_Z95 = 1.959963984540054
_BINS = 15


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Bounds, 0–1, of a share of which `right` of `count` were seen, at 95% confidence (Wilson's score interval)."""
    share, spread = right / count, _Z95**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def recall_drops(
    labels: NDArray[np.integer], before: NDArray[np.integer], after: NDArray[np.integer], classes: int
) -> NDArray[np.float64]:
    """Each class's recall before less after, (classes,), 0 for a class without rows.

    Args:
        labels: (N,) true classes.
        before: (N,) answers of the first classifier.
        after: (N,) answers of the second one.
        classes: Number of classes.
    """
    counts = np.bincount(labels, minlength=classes)
    lost = np.bincount(labels[before == labels], minlength=classes) - np.bincount(
        labels[after == labels], minlength=classes
    )
    drops: NDArray[np.float64] = lost / np.maximum(counts, 1)
    return drops


def calibration_error(labels: NDArray[np.integer], scores: NDArray[np.floating]) -> float:
    """Expected calibration error, 0–1: how far the top score is from the share right, over 15 bins of equal width.

    Args:
        labels: (N,) true classes.
        scores: (N, classes), 0–1.
    """
    top = scores.max(axis=1).astype(np.float64)
    right = scores.argmax(axis=1) == labels
    bins = np.clip(np.ceil(top * _BINS).astype(np.int64) - 1, 0, _BINS - 1)
    gaps = np.bincount(bins, right, _BINS) - np.bincount(bins, top, _BINS)
    return float(np.abs(gaps).sum() / len(labels))


def rows_needed(loss: float) -> int:
    """How many rows without a flip show, at 95% confidence, that accuracy is not lower by `loss`, 0–1.

    The rule of three in its exact form: of n rows, none flips with a probability of (1 − loss)^n if that many do on
    average (Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", 1983).

    Example:
        >>> rows_needed(0.001)
        2995
    """
    return math.ceil(math.log(SIGNIFICANT) / math.log1p(-loss)) if 0 < loss < 1 else 0


def smallest_loss_shown(rows: int, better: int = 0) -> float:
    """The smallest loss of accuracy, 0–1, that the paired test shows on so many rows with a probability of 80%.

    Flips for the worse are taken as Poisson distributed around the loss and the flips for the better; 1.0 if no loss
    would be shown.

    Args:
        rows: Number of rows.
        better: Flips for the better that were seen.

    Example:
        >>> round(smallest_loss_shown(10_000), 5)
        0.00079
    """
    critical = better
    while mcnemar_p(critical, better) >= SIGNIFICANT or critical <= better:
        critical += 1
    low, high = 0.0, 4.0 * critical + 20
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _poisson_below(critical, middle) > 1 - POWER else (low, middle)
    return min(1.0, max(high - better, 0.0) / rows)


def _poisson_below(count: int, mean: float) -> float:
    """The probability of fewer than `count` events where `mean` are expected."""
    return sum(math.exp(number * math.log(mean) - mean - math.lgamma(number + 1)) for number in range(count))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values corrected for being several: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, number in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[number]))
        corrected[number] = largest
    return corrected
