"""`numbre-train inspect DATA`: what is in a data set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.files import check_output, write_atomic
from numbre_runtime.text import json_text, terminal
from numbre_train.cli.options import OptionError, add_labels
from numbre_train.data.csv_files import COLUMNS
from numbre_train.data.dataset import stream_rows
from numbre_train.data.summary import Column, Summary, summarize

_SHOWN_VALUES = 12


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-train inspect",
        description="Shows what is in a data set: shape, labels, pixels, one column, and the first nine images as a "
        "picture. A bad row is reported with its row and column.",
        examples=("numbre-train inspect", "numbre-train inspect mnist_train_small.csv --column 72"),
    )
    result.add_argument(
        "data",
        type=Path,
        nargs="*",
        metavar="DATA",
        help="CSV files, a directory of them, or another data set as in numbre-train --data; of a data set with a test "
        "part, the training rows are shown (default: MNIST, from the cache or downloaded)",
    )
    add_labels(result)
    result.add_argument(
        "--column",
        type=int,
        metavar="N",
        help="number of a column whose values to show; 0 is the label, 1–784 are the pixels",
    )
    result.add_argument(
        "-o",
        "--picture",
        type=Path,
        default=Path("build/inspect.png"),
        metavar="FILE.png",
        help="file for the picture of the first nine images (default: build/inspect.png)",
    )
    result.add_argument("--json", action="store_true", help="print the figures as JSON")
    return result


def run(args: argparse.Namespace) -> int:
    """Reads the data once, prints the figures and draws the picture."""
    if args.column is not None and not 0 <= args.column < COLUMNS:
        raise OptionError(f"--column {args.column}: expected 0 (the label) to {COLUMNS - 1}")
    name, chunks, classes = stream_rows(args.data, args.labels)
    summary = summarize(chunks, len(classes), args.column)
    check_output(args.picture, args.data)
    from numbre_train import plots

    figure = plots.first_images(summary.first.images, summary.first.labels, classes, 3, 3, "First images", 2.0)
    write_atomic(args.picture, plots.png(figure))
    figures = _figures(name, summary, classes)
    if args.json:
        print(json_text(figures, indent=1), flush=True)
        return EXIT_OK
    for line in _text(figures, summary, classes, args.picture).split("\n"):
        print(terminal(line), flush=True)
    return EXIT_OK


def _figures(name: str, summary: Summary, classes: Sequence[str]) -> dict[str, Any]:
    present = np.flatnonzero(summary.pixel_counts)
    figures = {
        "data": name,
        "rows": summary.rows,
        "columns": COLUMNS,
        "labels": {label: int(count) for label, count in zip(classes, summary.label_counts, strict=True)},
        "pixel_range": [int(present[0]), int(present[-1])],
        "zeros": float(summary.pixel_counts[0] / summary.pixel_counts.sum()),
    }
    if summary.column is not None:
        figures["column"] = _column(summary.column)
    return figures


def _column(column: Column) -> dict[str, Any]:
    present = np.flatnonzero(column.counts)
    return {
        "number": column.number,
        "first": column.first,
        "last": column.last,
        "range": [int(present[0]), int(present[-1])],
        "mean": float(column.counts @ np.arange(256) / column.counts.sum()),
        "counts": {str(value): int(column.counts[value]) for value in present},
    }


def _text(figures: dict[str, Any], summary: Summary, classes: Sequence[str], picture: Path) -> str:
    rows = summary.rows
    low, high = figures["pixel_range"]
    lines = [
        terminal(figures["data"]),
        f"shape        {rows:,} rows × {COLUMNS} columns (label, 784 pixels)",
        "labels       " + _counts(figures["labels"], classes, rows),
        f"pixels       {low} to {high}, {figures['zeros']:.1%} of them 0",
    ]
    if summary.column is not None:
        column = figures["column"]
        row, place = divmod(column["number"] - 1, 28)
        what = "the label" if column["number"] == 0 else f"pixel in row {row}, column {place} of the image"
        common = np.argsort(-summary.column.counts, kind="stable")[: min(_SHOWN_VALUES, len(column["counts"]))]
        more = len(column["counts"]) - len(common)
        lines += [
            f"column {column['number']:<5} {what}: {column['range'][0]} to {column['range'][1]}, "
            f"mean {column['mean']:.2f}, {len(column['counts'])} different values",
            f"  first rows {_list(column['first'])}",
            f"  last rows  {_list(column['last'])}",
            "  most often " + _counts(summary.column.counts, common, rows) + (f", and {more} others" if more else ""),
        ]
    return "\n".join([*lines, f"picture      the first {len(summary.first)} images: {terminal(picture)}"])


def _counts(counts: Any, values: Iterable[Any], rows: int) -> str:
    return ", ".join(f"{terminal(value)}: {counts[value]:,} ({counts[value] / rows:.1%})" for value in values)


def _list(values: Sequence[int]) -> str:
    return ", ".join(str(value) for value in values)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
