"""Whether two classifiers really differ, judged on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PairedTest:
    """Two classifiers on the same rows. Only rows that one gets right and the other wrong tell them apart."""

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
    """Chance of a split at least as uneven if both were equally good, 0–1: McNemar's test, exact and two-sided."""


def paired_test(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> PairedTest:
    """Compares which rows two classifiers get right.

    The p-value is the exact binomial form of McNemar's test (McNemar, Psychometrika 12, 1947). The interval is Wald's
    with half a row added to every cell (Agresti & Min, Statistics in Medicine 24, 2005).

    Args:
        first: (N,) whether the first one is right, row by row.
        second: (N,) the same of the second one.
    """
    rows = len(first)
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    padded_rows, padded_b, padded_c = rows + 2, b + 0.5, c + 0.5
    middle = (padded_b - padded_c) / padded_rows
    spread = 1.96 * math.sqrt(padded_b + padded_c - (padded_b - padded_c) ** 2 / padded_rows) / padded_rows
    return PairedTest((b - c) / rows, max(middle - spread, -1.0), min(middle + spread, 1.0), b, c, mcnemar_p(b, c))


def mcnemar_p(b: int, c: int) -> float:
    """Two-sided exact p-value of `b` against `c` discordant rows, from integers of any size, without rounding."""
    tosses, term, tail = b + c, 1, 0
    for heads in range(min(b, c) + 1):
        tail += term
        term = term * (tosses - heads) // (heads + 1)
    return min(1.0, float(2 * tail / (1 << tosses)))


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for there being several of them (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    corrected = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = largest
    return corrected
