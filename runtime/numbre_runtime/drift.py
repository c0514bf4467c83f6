"""How far answers are from those that a model gave on its test rows: the confidences tell before any label does.

The exporter writes a `Baseline` into the manifest; what runs later compares its own answers with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.manifest import CONFIDENCE_BINS, Baseline, Manifest


def confidences(scores: NDArray[np.floating], manifest: Manifest) -> NDArray[np.floating]:
    """The confidence of each answer: the highest score of a class that is not `Manifest.none_label`.

    Args:
        scores: (N, classes), 0–1, of a classifier of this manifest.
        manifest: What the classifier's bundle says.

    Returns:
        (N,) confidences, 0–1.
    """
    if manifest.none_label is not None:
        scores = np.delete(scores, manifest.labels.index(manifest.none_label), axis=1)
    highest: NDArray[np.floating] = scores.max(axis=1)
    return highest


def confidence_histogram(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Counts confidences in `CONFIDENCE_BINS` equal bins from 0 to 1; 1 belongs to the last one.

    Example:
        >>> confidence_histogram(np.array([0.0, 0.04, 0.97, 1.0])).tolist()[::19]
        [2, 2]
    """
    counts, _ = np.histogram(values, CONFIDENCE_BINS, (0.0, 1.0))
    return counts


def baseline(inputs: NDArray[np.generic], scores: NDArray[np.floating], manifest: Manifest) -> Baseline:
    """What a model's answers on its test rows look like.

    Args:
        inputs: (N, *input shape), N ≥ 1, as the user of the bundle hands them in.
        scores: (N, classes), 0–1, of the bundle's recommended file.
        manifest: What the bundle says.
    """
    values = confidences(scores, manifest)
    means = inputs.reshape(len(inputs), -1).mean(axis=1, dtype=np.float64)
    return Baseline(
        tuple(confidence_histogram(values).tolist()),
        float((values < manifest.threshold).mean()),
        float(means.mean()),
        float(means.std()),
    )


def histogram_distance(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """The Kolmogorov-Smirnov distance of two histograms: the largest difference of their cumulative shares.

    Args:
        first: (bins,) counts over the same bins as the other, at least one above 0.
        second: (bins,) counts over the same bins as the other, at least one above 0.

    Returns:
        0 for equal shares, 1 where no bin of one lies within the range of the other.

    Example:
        >>> histogram_distance(np.array([0, 5, 5]), np.array([5, 5, 0]))
        0.5
    """
    shares = [np.cumsum(counts) / counts.sum() for counts in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())
