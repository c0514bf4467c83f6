"""A result as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numbre_runtime.bench.breakdown import PARTS, PICTURE_SIDE
from numbre_runtime.bench.statistics import LEAST_ROUNDS
from numbre_runtime.text import terminal

_HEADS = (
    "artifact", "backend", "threads", "kB", "load ms", "first ms", "p50 µs", "(95%)", "p90 µs", "p99 µs", "p99.9 µs",
    "images/s", "RSS MB", "accuracy", "agreement", "at export",
)  # fmt: skip
_PART_HEADS = ("artifact", "backend", "threads", *PARTS)


def table(result: Mapping[str, Any]) -> str:
    """The result (see `summary.summary`) as a table with its warnings and the recommendation."""
    rows = result["rows"]
    measured = [row for row in rows if "error" not in row]
    failed = [f"{row['artifact']} with {row['backend']} on {row['threads']} thread(s): {row['error']}" for row in rows
              if "error" in row]  # fmt: skip
    parts = []
    if measured:
        exported = result["accuracy_at_export"]
        parts.append(format_table([_HEADS, *(_cells(row, exported[row["artifact"]]) for row in measured)]))
        parts.append(
            f"Where the time goes, µs ({PICTURE_SIDE}×{PICTURE_SIDE} PNG)\n"
            + format_table([_PART_HEADS, *(_part_cells(row) for row in measured)])
        )
    parts += ["\n".join(failed)] if failed else []
    parts.append(
        f"{result['machine']}; accuracy on {result['accuracy_on']}, agreement with the Keras model; p99 takes 10,000 "
        f"samples, p99.9 takes 100,000, an interval {LEAST_ROUNDS} rounds"
    )
    parts += ["\n".join(f"warning: {line}" for line in result["warnings"])] if result["warnings"] else []
    if result["interrupted"]:
        parts.append("Interrupted: the table and the recommendation cover the rows and rounds until then.")
    parts.append(str(result["recommendation"]))
    # Names of files, engines and machines come from outside, also from a board.
    return "\n".join(map(terminal, "\n\n".join(parts).split("\n")))


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned columns, the first two to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        cells += [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _cells(row: Mapping[str, Any], exported: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    before = [item["accuracy"] for item in exported if item["backend"].split()[0] == row["engine"]]
    interval = row["p50_interval_us"]
    return (
        row["artifact"],
        row["backend"],
        str(row["threads"]),
        f"{row['bytes'] / 1000:.1f}",
        f"{row['load_ms']:.1f}",
        f"{row['first_ms']:.2f}",
        f"{row['p50_us']:.1f}",
        "-" if interval is None else f"{interval[0]:.1f}–{interval[1]:.1f}",
        *("-" if row[name] is None else f"{row[name]:.1f}" for name in ("p90_us", "p99_us", "p999_us")),
        f"{row['images_per_second']:,.0f}",
        f"{row['peak_rss_mb']:.0f}",
        f"{row['accuracy']:.2%}",
        "-" if row["agreement"] is None else f"{row['agreement']:.2%}",
        f"{before[0]:.2%}" if before else "-",
    )


def _part_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    where = row["where_us"]
    values = [f"{where[part]:.1f}" if part in where else "-" for part in PARTS]
    return (row["artifact"], row["backend"], str(row["threads"]), *values)
