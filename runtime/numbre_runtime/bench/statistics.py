"""Percentiles that the samples bear out, and bootstrap intervals around them.

Intervals are percentile intervals of a two-stage bootstrap (Davison and Hinkley, "Bootstrap Methods and their
Application", 1997, sections 3.8 and 5.3): rounds are drawn with replacement, then the calls within each, for calls of
one process resemble each other more than calls of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SAMPLES = {50: 1, 90: 100, 99: 10_000, 99.9: 100_000}
"""Percentile to how many samples it takes; 100 of them then lie beyond the last two."""
_REPLICATES = 300
_CONFIDENCE = 0.95


def percentile(samples: NDArray[Any], percent: float) -> float | None:
    """A percentile as NumPy defines it, linear between two samples; None where there are too few samples for it."""
    if len(samples) < LEAST_SAMPLES[percent]:
        return None
    return float(np.percentile(samples, percent))


def median_interval(rounds: Sequence[NDArray[Any]], seed: int = 0) -> tuple[float, float]:
    """The median's interval at 95% confidence.

    Args:
        rounds: The samples of each round, at least one in each.
        seed: Of the drawing.
    """
    generator = np.random.default_rng(seed)
    medians = np.empty(_REPLICATES)
    for index in range(_REPLICATES):
        chosen = generator.integers(len(rounds), size=len(rounds))
        drawn = [rounds[number][generator.integers(len(rounds[number]), size=len(rounds[number]))] for number in chosen]
        medians[index] = np.median(np.concatenate(drawn))
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(medians, (tail, 1 - tail))
    return float(low), float(high)


def overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two intervals have a point in common."""
    return one[0] <= other[1] and other[0] <= one[1]
