"""One sentence: which file, engine and number of threads to take, and whether int8 won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numbre_runtime.bench.statistics import LEAST_ROUNDS, overlap

_AGREEMENT = {"float32": 0.9999, "float16": 0.999}
_LEAST_AGREEMENT = 0.997
"""Smallest share of images with the Keras model's answer, as the exporter asks of each precision."""

Row = Mapping[str, Any]


def passes(row: Row) -> bool:
    """Whether a row is a choice: it ran, and agrees with the Keras model where the test data know its answers."""
    if "error" in row:
        return False
    agreement: float | None = row["agreement"]
    return agreement is None or agreement >= _AGREEMENT.get(row["precision"], _LEAST_AGREEMENT)


def recommendation(rows: Sequence[Row]) -> str:
    """The sentence; it names no winner where the intervals of two medians overlap or too few rounds give none."""
    able = sorted((row for row in rows if passes(row)), key=lambda row: row["p50_us"])
    if not able:
        return "Nothing here passes parity; numbre-doctor says what is wrong."
    best = able[0]
    if any(row["p50_interval_us"] is None for row in able):
        return (
            f"{_name(best)} was the fastest that passes parity, {best['p50_us']:.3g} µs an image; "
            f"fewer than {LEAST_ROUNDS} rounds cannot tell whether the difference is real."
        )
    level = [row for row in able if overlap(row["p50_interval_us"], best["p50_interval_us"])]
    if len(level) == 1:
        return f"Take {_name(best)}: {best['p50_us']:.3g} µs an image, the fastest that passes parity; {_int8(able)}."
    # Of equally fast rows, the one that uses the fewest threads and bytes.
    simplest = min(level, key=lambda row: (row["threads"], row["bytes"]))
    others = ", ".join(_name(row) for row in level if row is not simplest)
    return (
        f"Take {_name(simplest)}: {simplest['p50_us']:.3g} µs an image, no winner over {others}, "
        f"whose intervals overlap; {_int8(able)}."
    )


def _int8(able: Sequence[Row]) -> str:
    """Whether the fastest int8 file beats the fastest float32 file."""
    firsts = {kind: next((row for row in able if row["precision"] == kind), None) for kind in ("int8", "float32")}
    whole, real = firsts["int8"], firsts["float32"]
    if whole is None or real is None:
        return f"int8 and float32 cannot be compared, because no {'int8' if whole is None else 'float32'} file passed"
    if overlap(whole["p50_interval_us"], real["p50_interval_us"]):
        return "int8 and float32 are equally fast within the intervals"
    ratio = real["p50_us"] / whole["p50_us"]
    return (
        f"int8 won, {ratio:.1f} times as fast as float32"
        if ratio > 1
        else f"float32 won, {1 / ratio:.1f} times as fast"
    )


def _name(row: Row) -> str:
    threads = row["threads"]
    return f"{row['artifact']} with {row['engine']} on {threads} thread{'s' if threads > 1 else ''}"
