"""Latency, throughput and accuracy of a loaded classifier."""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.classifier import Classifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WARM_UP = 200
_SAMPLES = 10_000
"""Calls that are timed; a hundred of them lie beyond the 99th percentile."""


@dataclass(frozen=True)
class Latency:
    """Times of single `predict` calls on arrays, in microseconds."""

    p50: float
    """Median."""
    p90: float
    """90th percentile."""
    p99: float
    """99th percentile, which needs so many samples."""


def single_latency(classifier: Classifier, images: NDArray[Any]) -> Latency:
    """Times `predict` on one image after another, all different as far as there are enough."""
    one_by_one = [images[index % len(images)] for index in range(_SAMPLES)]
    predict, clock = classifier.predict, time.perf_counter_ns
    for image in one_by_one[:_WARM_UP]:
        predict(image)
    times = np.empty(_SAMPLES)
    for index, image in enumerate(one_by_one):
        start = clock()
        predict(image)
        times[index] = clock() - start
    p50, p90, p99 = (float(value) / 1000 for value in np.percentile(times, (50, 90, 99)))
    return Latency(p50, p90, p99)


def batch_rate(classifier: Classifier, images: NDArray[Any], rounds: int = 5) -> float:
    """Images a second in `predict_batch`, the median of some rounds after one that is not counted."""
    classifier.predict_batch(images)
    rates = []
    for _ in range(rounds):
        start = time.perf_counter()
        classifier.predict_batch(images)
        rates.append(len(images) / (time.perf_counter() - start))
    return float(np.median(rates))


def peak_rss() -> int:
    """The most memory that this process has held so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
