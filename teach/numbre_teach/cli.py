"""`numbre-teach`: a few labelled pictures in, a bundle that reads them out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.cli.progress import progress_shown
from numbre_runtime.text import terminal
from numbre_teach.fine_tuning import Course
from numbre_teach.lessons import Preparation
from numbre_teach.teaching import MAX_LOSS, Teaching, teach


def parser() -> Parser:
    """The command's arguments."""
    course = Course()
    result = Parser(
        prog="numbre-teach",
        description="Teaches a bundle's network labelled pictures. The new bundle is written if it reads pictures that "
        "were held back better than before, and forgets nothing of the original data.",
        epilog="Exit code 3: it is no better, or forgets; nothing is written.",
        examples=(
            "numbre-teach labelled/ -o mine-int8",
            "numbre-teach garments/ --bundle build/fashion-int8 --original fashion/ -o mine-int8",
        ),
    )
    result.add_argument("lessons", type=Path, metavar="DIR", help="labelled pictures: a folder a class")
    result.add_argument("-o", "--out", type=Path, required=True, metavar="DIR", help="the directory of the new bundle")
    result.add_argument("--bundle", metavar="DIR", help="the bundle to start from (default: the built-in digits-int8)")
    result.add_argument(
        "--test", type=Path, metavar="DIR", help="pictures to judge by (default: a quarter of each class is held back)"
    )
    result.add_argument(
        "--original", type=Path, metavar="PATH", help="the data that the bundle was trained on (default: MNIST)"
    )
    result.add_argument(
        "--preparation",
        choices=get_args(Preparation),
        help="cut the digit out of a picture, or take the whole picture (default: what reads more of them)",
    )
    result.add_argument(
        "--max-loss",
        type=float,
        default=100 * MAX_LOSS,
        metavar="POINTS",
        help="largest loss on the original test rows, in points of accuracy (default: %(default)g)",
    )
    result.add_argument("--steps", type=int, default=course.steps, metavar="N", help="steps (default: %(default)s)")
    result.add_argument("--seed", type=int, default=course.seed, metavar="N", help="seed (default: %(default)s)")
    return result


def run(args: argparse.Namespace) -> int:
    """Teaches, and prints what changed."""
    with progress_shown("numbre_teach", "numbre_train", debug=args.debug):
        found = teach(
            args.lessons,
            args.out,
            bundle=args.bundle,
            test=args.test,
            original=args.original,
            preparation=args.preparation,
            max_loss=args.max_loss / 100,
            course=replace(Course(), steps=args.steps, seed=args.seed),
        )
    print(terminal_text(found))
    return EXIT_OK


def terminal_text(found: Teaching) -> str:
    """What teaching changed, for people."""
    width = max(len("class"), *(len(terminal(name)) for name in found.lessons.by_class))
    lines = [found.lessons.line(), found.original.line(), f"{'class':>{width}}  pictures  before   after"]
    lines += [
        f"{terminal(name):>{width}}  {rows:8,}  {before:6.1%}  {after:6.1%}"
        for name, (rows, before, after) in found.lessons.by_class.items()
    ]
    return "\n".join([*lines, f"written to {found.export.path}"])


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)
