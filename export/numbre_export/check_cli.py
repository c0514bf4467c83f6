"""`numbre-check BUNDLE --target tflite-runtime==2.14`: whether older runtimes run a bundle's files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_export.verify.gate import ParityError
from numbre_export.verify.targets import check
from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.errors import DataError
from numbre_runtime.text import terminal


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-check",
        description="Tells whether runtimes of given versions run the model files of a bundle.",
        epilog="Exit code 3: a runtime does not run a file.",
        examples=(
            "numbre-check build/numbre-int8 --target tflite-runtime==2.14",
            "numbre-check build/numbre-int8 --target litert==2.1 --target onnxruntime==1.18",
        ),
    )
    result.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle's directory")
    result.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="RUNTIME==VERSION",
        help="a runtime and its version, such as tflite-runtime==2.14 or onnxruntime==1.16; may be given several times",
    )
    return result


def run(args: argparse.Namespace) -> int:
    """Prints one line for each file and target."""
    if not args.target:
        raise DataError("no runtime to check for; name one with --target, such as --target tflite-runtime==2.14")
    code = EXIT_OK
    for target in args.target:
        for result in check(args.bundle, target):
            print(terminal(result), flush=True)
            if not result.runs:
                code = ParityError.exit_code
    return code


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
