"""Whether two classifiers differ by more than chance, judged on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.measures import mcnemar_p


@dataclass(frozen=True)
class PairedTest:
    """Two classifiers on the same rows. Only the rows that one gets right and the other wrong count."""

    difference: float
    """Accuracy of the first minus that of the second, −1 to 1."""
    low: float
    """Lower end of the difference's 95% confidence interval."""
    high: float
    """Upper end of it."""
    only_first: int
    """Rows that only the first gets right."""
    only_second: int
    """Rows that only the second gets right."""
    p: float
    """P-value of McNemar's exact two-sided test, 0–1."""


def paired_test(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> PairedTest:
    """Compares which rows two classifiers get right.

    The p-value is that of McNemar's exact test. The interval is Wald's with half a row added to every cell (Agresti &
    Min, Statistics in Medicine 24, 2005).

    Args:
        first: (N,) whether the first classifier is right, row by row.
        second: (N,) the same for the second one.

    Example:
        >>> paired_test(np.array([True, True, False]), np.array([True, False, False])).difference
        0.3333333333333333
    """
    rows = len(first)
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    padded_rows, padded_b, padded_c = rows + 2, b + 0.5, c + 0.5
    middle = (padded_b - padded_c) / padded_rows
    spread = 1.96 * math.sqrt(padded_b + padded_c - (padded_b - padded_c) ** 2 / padded_rows) / padded_rows
    return PairedTest((b - c) / rows, max(middle - spread, -1.0), min(middle + spread, 1.0), b, c, mcnemar_p(b, c))


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for multiple tests (Holm, Scandinavian Journal of Statistics 6, 1979).

    Example:
        >>> holm([0.01, 0.04])
        [0.02, 0.04]
    """
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected
