"""How long single calls take, and how much memory this process has held."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
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


def call_times(call: Callable[[Any], object], arguments: Sequence[Any]) -> NDArray[np.int64]:
    """Nanoseconds of `call` on each argument in turn, (N,) int64."""
    times, clock = np.empty(len(arguments), np.int64), time.perf_counter_ns
    for index, argument in enumerate(arguments):
        start = clock()
        call(argument)
        times[index] = clock() - start
    return times


def single_latency(classifier: Classifier, images: NDArray[Any]) -> Latency:
    """Times `predict` on one image after another, all different as far as there are enough."""
    one_by_one = [images[index % len(images)] for index in range(_SAMPLES)]
    call_times(classifier.predict, one_by_one[:_WARM_UP])
    times = call_times(classifier.predict, one_by_one)
    p50, p90, p99 = (float(value) / 1000 for value in np.percentile(times, (50, 90, 99)))
    return Latency(p50, p90, p99)


def peak_rss() -> int:
    """The most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    # Linux's getrusage gives a process that was just started the peak of the one that started it; this line does not.
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    with suppress(ImportError):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return 0
