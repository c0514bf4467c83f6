"""The latency distribution of every row as one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from numbre_runtime.bench.summary import curve_percentiles
from numbre_runtime.errors import BackendNotInstalledError


def check_plotting() -> None:
    """Fails early where the plot could not be drawn at the end.

    Raises:
        BackendNotInstalledError: matplotlib is missing.
    """
    try:
        import_module("matplotlib.figure")
    except ImportError as cause:
        raise BackendNotInstalledError("--plot needs matplotlib; run: pip install matplotlib") from cause


def plot(result: Mapping[str, Any]) -> bytes:
    """A PNG: the share of calls (0–100%) that took at most so many microseconds, a line for each row."""
    figure = import_module("matplotlib.figure").Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    percentiles = curve_percentiles()
    for row in result["rows"]:
        if "error" not in row:
            threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
            axes.plot(row["curve_us"], percentiles, label=f"{row['artifact']}, {row['backend']}, {threads}")
    axes.set(
        xscale="log", xlabel="latency of a single image, µs", ylabel="calls at or below, %", title=result["machine"]
    )
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize="small")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120)
    return stream.getvalue()
