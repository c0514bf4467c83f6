"""The latency distribution of every row as one picture."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from itertools import cycle
from typing import Any

from numbre_runtime.bench.summary import curve_percentiles
from numbre_runtime.errors import BackendNotInstalledError

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
"""Okabe and Ito's palette, whose colours colour-blind readers can tell apart."""
_STYLES = ("-", "--", ":", "-.", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))


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
    """A PNG with the latency distribution of every row: the share of calls, 0–100%, that took at most so long.

    The colour tells the file, the line style the backend and the number of threads, so that each curve can be told from
    the others in print too.

    Args:
        result: As numbre-bench writes it to JSON.
    """
    rows = [row for row in result["rows"] if "error" not in row]
    colours = _assigned((row["artifact"] for row in rows), _COLOURS)
    styles = _assigned(((row["backend"], row["threads"]) for row in rows), _STYLES)
    figure = import_module("matplotlib.figure").Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    percentiles = curve_percentiles()
    for row in rows:
        threads = f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"
        axes.plot(
            row["curve_us"],
            percentiles,
            color=colours[row["artifact"]],
            linestyle=styles[row["backend"], row["threads"]],
            label=f"{row['artifact']}, {row['backend']}, {threads}",
        )
    axes.set_xscale("log")
    ticker = import_module("matplotlib.ticker")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.set(xlabel="latency of a single image, µs", ylabel="calls at or below, %", title=result["machine"])
    axes.grid(alpha=0.3)
    if axes.lines:
        axes.legend(fontsize="small")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120)
    return stream.getvalue()


def _assigned(keys: Iterable[Any], values: Sequence[Any]) -> dict[Any, Any]:
    """Each different key with a value of its own; the values repeat after the last one."""
    return dict(zip(dict.fromkeys(keys), cycle(values), strict=False))
