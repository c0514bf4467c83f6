"""Percentiles that the samples support, and intervals around medians that the rounds support.

Calls of one process are more alike than calls of two processes, which have other memory and another core: on a shared
machine a process is often half as fast as the one before. So a median's interval is computed from the rounds, not from
the calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SAMPLES = {50: 1, 90: 100, 99: 10_000, 99.9: 100_000}
"""Percentile to the number of samples that it needs; 100 of them then lie beyond the last two."""
LEAST_ROUNDS = 6
"""Rounds that an interval needs; with fewer, even the lowest and the highest do not reach the confidence."""
_CONFIDENCE = 0.95

Interval = tuple[float, float]


def percentile(samples: NDArray[Any], percent: float) -> float | None:
    """A percentile as NumPy defines it, linear between two samples; None where there are too few samples for it."""
    if len(samples) < LEAST_SAMPLES[percent]:
        return None
    return float(np.percentile(samples, percent))


def median_of_medians(rounds: Sequence[NDArray[Any]]) -> float:
    """The median round's median."""
    return float(np.median([np.median(samples) for samples in rounds]))


def median_interval(rounds: Sequence[NDArray[Any]]) -> Interval | None:
    """The interval of `median_of_medians` at 95% confidence or more; None for fewer rounds than `LEAST_ROUNDS`.

    Its bounds are two of the rounds' medians, as many places from the lowest and the highest as the binomial
    distribution allows; the distribution of the rounds does not matter (Conover, "Practical Nonparametric Statistics",
    3rd edition, 1999, section 3.2).

    Args:
        rounds: The samples of each round, at least one in each.
    """
    medians = sorted(float(np.median(samples)) for samples in rounds)
    left_out = 0
    while _at_most(left_out, len(medians)) <= (1 - _CONFIDENCE) / 2:
        left_out += 1
    return (medians[left_out - 1], medians[-left_out]) if left_out else None


def _at_most(heads: int, tosses: int) -> float:
    """The probability of so many heads or fewer in tosses of a fair coin."""
    ways: int = sum(math.comb(tosses, number) for number in range(heads + 1))
    return ways / 2.0**tosses


def overlap(one: Sequence[float] | None, other: Sequence[float] | None) -> bool:
    """Whether two intervals have a point in common, or one is not known."""
    return one is None or other is None or (one[0] <= other[1] and other[0] <= one[1])
