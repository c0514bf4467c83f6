"""`numbre-train sample`: a random sample of the MNIST training set, as CSV."""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.files import check_output, write_atomic
from numbre_train.cli.options import OptionError, checked_seed, say
from numbre_train.data import load_mnist
from numbre_train.data.csv_files import COLUMNS, SUFFIXES, is_csv


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-train sample",
        description="Writes a random sample, without repetition, of the MNIST training set, as CSV: the label, then "
        "the 784 pixels 0–255.",
        examples=(
            "numbre-train sample --rows 20000 --seed 0 -o mnist_train_small.csv",
            "numbre-train sample --rows 100 --header -o hundred.csv",
        ),
    )
    result.add_argument(
        "--rows", type=int, default=20_000, metavar="N", help="number of rows, 1 to 60,000 (default: 20,000)"
    )
    result.add_argument("--seed", type=int, default=0, help="seed of the draw, 0 to 2147483647 (default: 0)")
    result.add_argument("--header", action="store_true", help="write a first row of column names")
    result.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="MNIST's IDX files or an mnist.npz (default: from the cache or downloaded)",
    )
    result.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("mnist_train_small.csv"),
        metavar="FILE.csv",
        help="output file, .csv or .csv.gz (default: mnist_train_small.csv)",
    )
    return result


def run(args: argparse.Namespace) -> int:
    """Draws the rows and writes them."""
    if not is_csv(args.out):
        raise OptionError(f"--out {args.out}: expected a name that ends in {' or '.join(SUFFIXES)}")
    seed = checked_seed(args.seed)
    mnist = load_mnist(args.data)
    if not 1 <= args.rows <= len(mnist.train_labels):
        raise OptionError(f"--rows {args.rows}: expected 1 to {len(mnist.train_labels):,}")
    check_output(args.out, [args.data] if args.data else [])
    drawn = np.random.default_rng(seed).choice(len(mnist.train_labels), args.rows, replace=False)
    table = np.column_stack((mnist.train_labels[drawn], mnist.train_images[drawn].reshape(-1, COLUMNS - 1)))

    import pandas as pd

    names = ["label", *(f"pixel{number}" for number in range(1, COLUMNS))]
    text = pd.DataFrame(table, columns=names).to_csv(None, header=args.header, index=False, lineterminator="\n")
    content = text.encode()
    if args.out.name.lower().endswith(".gz"):
        # gzip stores the time unless told otherwise; without it the same draw gives the same file.
        content = gzip.compress(content, mtime=0)
    write_atomic(args.out, content)
    say(f"{args.rows:,} rows of {mnist.source}, seed {seed}, written to {args.out}")
    return EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
