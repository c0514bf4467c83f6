"""Figures of a classifier's answers: the confusion matrix, what follows from it, and the surest mistakes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def confusion_matrix(labels: NDArray[np.uint8], answers: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """Counts how often each class got each answer.

    Args:
        labels: (N,) true classes.
        answers: (N,) predicted classes.
        classes: Number of classes.

    Returns:
        (classes, classes) counts; row: the true class, column: the answer.

    Example:
        >>> confusion_matrix(np.array([0, 0, 1], np.uint8), np.array([0, 1, 1]), classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    counts = np.bincount(labels.astype(np.int64) * classes + answers, minlength=classes * classes)
    return counts.reshape(classes, classes)


def recalls(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each class the share of its rows that were recognized, (classes,), 0–1; 0 for a class without rows."""
    found: NDArray[np.float64] = np.diag(confusion) / np.maximum(confusion.sum(axis=1), 1)
    return found


def precisions(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """For each answer the share that was right, (classes,), 0–1; 0 for an answer that was never given."""
    right: NDArray[np.float64] = np.diag(confusion) / np.maximum(confusion.sum(axis=0), 1)
    return right


def confident_mistakes(scores: NDArray[np.float32], labels: NDArray[np.uint8], count: int = 10) -> NDArray[np.int64]:
    """Row numbers of the wrong answers, the most confident first.

    Args:
        scores: (N, classes), 0–1.
        labels: (N,) true classes.
        count: How many at most.
    """
    answers = scores.argmax(axis=1)
    wrong = np.flatnonzero(answers != labels)
    return wrong[np.argsort(-scores[wrong, answers[wrong]], kind="stable")[:count]]
