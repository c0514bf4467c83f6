"""What two classifiers' answers on the same rows tell, and what is only noise.

Wilson, "Probable inference, the law of succession, and statistical inference", 1927 (the interval of a share); Guo et
al., "On calibration of modern neural networks", 2017 (expected calibration error).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 0.05
"""A p value below this is called more than noise."""

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
