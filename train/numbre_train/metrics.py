"""What a set of scores is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(labels: NDArray[np.uint8], answers: NDArray[np.integer], classes: int = 10) -> NDArray[np.int64]:
    """(classes, classes) counts; row: the true class, column: the answer."""
    counts = np.bincount(labels.astype(np.int64) * classes + answers, minlength=classes * classes)
    return counts.reshape(classes, classes)


def recalls(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each class's share that was found, 0–1."""
    found: NDArray[np.float64] = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
    return found


def log_loss(labels: NDArray[np.uint8], scores: NDArray[np.floating]) -> float:
    """Mean of −log(score of the true class), scores clipped at the smallest normal float32."""
    own = scores[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(own, np.finfo(np.float32).tiny)).mean())


def precisions(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Each answer's share that was right, 0–1; 0 where an answer was never given."""
    right: NDArray[np.float64] = np.diag(confusion) / np.maximum(confusion.sum(axis=0), 1)
    return right
