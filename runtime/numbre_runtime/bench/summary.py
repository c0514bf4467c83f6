"""Turns a record of visits into a result of plain JSON values, the same for this machine and for a board over ssh."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from numbre_runtime import __version__
from numbre_runtime.bench.case import Case
from numbre_runtime.bench.conditions import conditions_now, warnings
from numbre_runtime.bench.recommend import recommendation
from numbre_runtime.bench.rounds import Record
from numbre_runtime.bench.statistics import median_interval, median_of_medians, percentile
from numbre_runtime.bench.visit import Visit
from numbre_runtime.bundle import Bundle
from numbre_runtime.doctor.board import cpu_features, processor_name, this_board

FORMAT = "numbre-bench 1"
"""The value of a result's "format" field."""
_CACHED = 1.25
"""Different images that take this many times as long as one repeated image show that something caches answers."""
_CURVE = np.concatenate([np.arange(0, 99, 1.0), np.arange(99, 100.01, 0.1)])
"""The percentiles of a plot's curve."""


def summary(
    record: Record, todo: Sequence[Case], bundle: Bundle, measured_on: str, interrupted: bool
) -> dict[str, Any]:
    """All figures of the record, as JSON values.

    Args:
        record: The visits.
        todo: The cases, in the order of the rows.
        bundle: The bundle.
        measured_on: What the accuracy was measured on.
        interrupted: Whether rounds are missing.
    """
    rows = []
    frequencies: list[float] = []
    said: list[str] = []
    for case in todo:
        failure = record.failures.get(case)
        visits = record.visits.get(case, [])
        if failure is not None:
            if not failure.unsupported:
                version = failure.facts.get("version", case.backend)
                rows.append({**asdict(case), "backend": version, "engine": case.backend, "error": failure.failure})
        elif visits:
            rows.append(_row(case, visits, bundle))
            frequencies += [item.facts["megahertz"] for item in visits if item.facts.get("megahertz")]
            said += _cache_warning(rows[-1], visits)
    after = conditions_now()
    return {
        "format": FORMAT,
        "bundle": bundle.manifest.name,
        "machine": f"{processor_name()}, {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "board": {
            **asdict(this_board()),
            "cpu_features": cpu_features(),
            "governors": list(after.governors),
            "celsius": {"before": record.before.celsius, "after": after.celsius},
        },
        "numbre_runtime": __version__,
        "accuracy_on": measured_on,
        "accuracy_at_export": {
            item.file: [{"backend": m.backend, "images": m.images, "accuracy": m.accuracy} for m in item.measured]
            for item in bundle.manifest.artifacts
        },
        "interrupted": interrupted,
        "rows": rows,
        "warnings": warnings(record.before, after, frequencies) + said,
        "recommendation": recommendation(rows),
    }


def _row(case: Case, visits: Sequence[Visit], bundle: Bundle) -> dict[str, Any]:
    """One case's figures; a percentile with too few samples is None."""
    artifact = bundle.artifact(case.artifact)
    rounds = [np.asarray(item.facts["varied_ns"], np.float64) / 1e3 for item in visits]
    same = [np.asarray(item.facts["same_ns"], np.float64) / 1e3 for item in visits]
    rates = [np.asarray(item.facts["images_per_second"], np.float64) for item in visits]
    samples = np.concatenate(rounds)
    first = visits[0].facts
    return {
        "artifact": case.artifact,
        "precision": artifact.precision,
        "backend": first["version"],
        "engine": case.backend,
        "threads": case.threads,
        "bytes": artifact.bytes,
        "load_ms": _median([item.facts["load_ms"] for item in visits]),
        "first_ms": _median([item.facts["first_ms"] for item in visits]),
        "samples": len(samples),
        "p50_us": median_of_medians(rounds),
        "p50_interval_us": median_interval(rounds),
        "p90_us": percentile(samples, 90),
        "p99_us": percentile(samples, 99),
        "p999_us": percentile(samples, 99.9),
        "same_input_p50_us": median_of_medians(same),
        "same_input_interval_us": median_interval(same),
        "images_per_second": median_of_medians(rates),
        "images_per_second_interval": median_interval(rates),
        "peak_rss_mb": max(item.facts["peak_rss"] for item in visits) / 1e6,
        "accuracy": first["accuracy"],
        "agreement": first["agreement"],
        "where_us": first["where_us"],
        "curve_us": [round(float(value), 3) for value in np.percentile(samples, _CURVE)],
    }


def curve_percentiles() -> list[float]:
    """The percentiles that a row's `curve_us` gives."""
    return [float(value) for value in _CURVE]


def _median(values: Any) -> float:
    return float(np.median(values))


def _cache_warning(row: dict[str, Any], visits: Sequence[Visit]) -> list[str]:
    # Both kinds of calls alternate within a visit, so each visit gives a ratio of its own.
    ratios = [_median(item.facts["varied_ns"]) / _median(item.facts["same_ns"]) for item in visits]
    if min(ratios) < _CACHED:
        return []
    return [
        f"{row['artifact']} with {row['backend']} takes {_median(ratios):.1f} times as long for different images as "
        "for one repeated image: something caches answers"
    ]
