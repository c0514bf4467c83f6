"""`numbre-score`: scores many pictures, embedded or on a Ray cluster, into one table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.cli.common import EXIT_ERROR, EXIT_OK, Parser, run_command
from numbre_runtime.cli.streams import complain
from numbre_runtime.files import check_output, write_atomic


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-score",
        description="Scores many pictures into one table; a run that was interrupted goes on where it stopped.",
        examples=("numbre-score pictures/ -o labels.parquet", "numbre-score scans/ --read -o numbers.csv"),
    )
    result.add_argument(
        "source",
        nargs="+",
        metavar="SOURCE",
        help="a folder or a glob of pictures, a .parquet, .csv, .jsonl, .npz or IDX file, or an address such as s3://…",
    )
    result.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="the table to write: .parquet, .csv or .jsonl"
    )
    result.add_argument("--bundle", metavar="DIR", help="a bundle made by numbre-export (default: the built-in model)")
    result.add_argument(
        "--column",
        default="pixels",
        metavar="NAME",
        help="the table's column of pixels, encoded pictures, or paths and addresses (default: pixels)",
    )
    result.add_argument("--key", metavar="NAME", help="the table's column with the rows' keys (default: FILE#ROW)")
    result.add_argument(
        "--read", action="store_true", help="read all numbers of each picture, one row a number, instead of one digit"
    )
    result.add_argument(
        "--engine",
        default="local",
        metavar="WHERE",
        help="local, ray (a cluster on this machine), or ray://HOST:PORT (default: local)",
    )
    result.add_argument("--report", type=Path, metavar="FILE.html", help="also write a report as an HTML page")
    return result


def run(args: argparse.Namespace) -> int:
    """Scores all sources and prints the counts."""
    from numbre_runtime.scoring.engine import start_engine

    start_engine(args.engine)
    from numbre_runtime.scoring.job import Progress, describe, run_job
    from numbre_runtime.scoring.pool import close_pools
    from numbre_runtime.scoring.report import page, text

    if args.report is not None:
        check_output(args.report, [args.out, *(source for source in args.source if not Path(source).is_dir())])
    terminal = sys.stderr.isatty()

    def say(progress: Progress) -> None:
        if not args.quiet:
            line = describe(progress)
            print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", file=sys.stderr, flush=True)

    try:
        tally = run_job(
            args.source, args.out, args.bundle, column=args.column, key=args.key, read=args.read, progress=say
        )
    except KeyboardInterrupt:
        print(f"\nthe finished parts are in {args.out}.parts; the same command goes on from there", file=sys.stderr)
        raise
    finally:
        # The command ends without Python's own end, which would see to it.
        close_pools()
        if terminal and not args.quiet:
            print(file=sys.stderr)
    if args.report is not None:
        write_atomic(args.report, page(tally, str(args.out)))
    if not args.quiet:
        print(f"{text(tally)}\nwritten to {args.out}")
    if tally.errors and tally.errors == tally.rows:
        complain(
            f"numbre-score: none of {tally.rows:,} pictures could be read; the column error of {args.out} says why"
        )
        return EXIT_ERROR
    return EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
