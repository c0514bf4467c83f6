"""Helpers that the benchmarks share: the machine's name, ratios of interleaved rounds, results on disk."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from numbre_runtime.bundle import bundle_path
from numbre_runtime.doctor.board import processor_name

RESULTS = Path(__file__).resolve().parent / "results"
NUMBRE = "numbre-int8"
"""The shipped bundle of the NUMBRE network, whichever is the default one."""


def other_bundles() -> list[str]:
    """The names of the other bundles that ship."""
    return sorted(path.name for path in bundle_path(NUMBRE).parent.iterdir() if path.is_dir() and path.name != NUMBRE)


def machine() -> dict[str, Any]:
    """The machine's name and its load average of the last minute, this benchmark included."""
    return {
        "cpu": processor_name(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def interleaved(
    candidates: Mapping[str, Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of every candidate in each round. All run in turn within a round, so that drift affects all alike.

    The order changes every round, because each candidate finds the caches and the memory as the one before left them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for run in candidates.values():
        run()
    order, chance = list(candidates), np.random.default_rng(1)
    for _ in range(rounds):
        chance.shuffle(order)
        for name in order:
            start = clock()
            candidates[name]()
            seconds[name].append(clock() - start)
    return seconds


def ratio(seconds: Mapping[str, list[float]], ours: str, theirs: str) -> float:
    """The median, over the rounds, of our time divided by theirs in the same round."""
    return statistics.median(a / b for a, b in zip(seconds[ours], seconds[theirs], strict=True))


def write_result(name: str, result: Mapping[str, Any]) -> None:
    """Keeps a result with the machine's description as results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **result}, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
