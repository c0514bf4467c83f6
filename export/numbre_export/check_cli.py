"""`numbre-check`: whether runtimes run a bundle's files, and whether an integer file is as good as its float file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_export.auditing import audit
from numbre_export.options import add_bounds
from numbre_export.verify.gate import Gate, ParityError
from numbre_export.verify.targets import check
from numbre_export.verify.verdict import FAIL
from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_runtime.errors import DataError
from numbre_runtime.files import write_atomic
from numbre_runtime.text import terminal


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-check",
        description="Tells whether runtimes of given versions run the files of a bundle (BUNDLE --target …), or "
        "whether an integer file is as good as the float file that it was made of (FLOAT INT8 --data …).",
        epilog="Exit code 3: a runtime does not run a file, or the integer file must not ship.",
        examples=(
            "numbre-check build/numbre-int8 --target tflite-runtime==2.14 --target onnxruntime==1.18",
            "numbre-check model.tflite model_q.tflite --data pictures/ --preprocess none",
        ),
    )
    result.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="a bundle; or a float file and an integer file"
    )
    result.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="RUNTIME==VERSION",
        help="a runtime and its version, such as tflite-runtime==2.14 or onnxruntime==1.16; may be given several times",
    )
    group = result.add_argument_group("a float and an integer file")
    group.add_argument("--data", type=Path, metavar="PATH", help="labelled rows: .npz, .csv, IDX, a folder a class")
    group.add_argument("--labels", type=Path, metavar="FILE", help="one class name a line, in the order of the scores")
    group.add_argument(
        "--preprocess", metavar="NAME", help="how a value reaches the network: see numbre-export --preprocess"
    )
    group.add_argument("--json", action="store_true", help="print JSON instead of text")
    group.add_argument("--report", type=Path, metavar="FILE", help="also write an HTML page with the flipped rows")
    add_bounds(group)
    return result


def run(args: argparse.Namespace) -> int:
    """Prints the answers."""
    if len(args.models) > 2:
        raise DataError(f"{len(args.models)} models; expected a bundle, or a float file and an integer file")
    if len(args.models) == 2:
        return _audit(args)
    if not args.target:
        raise DataError("no runtime to check for; name one with --target, such as --target tflite-runtime==2.14")
    code = EXIT_OK
    for target in args.target:
        for result in check(args.models[0], target):
            print(terminal(str(result)), flush=True)
            if not result.runs:
                code = ParityError.exit_code
    return code


def _audit(args: argparse.Namespace) -> int:
    if args.data is None:
        raise DataError("no rows to compare on; name them with --data")
    gate = Gate(args.max_drop, args.max_class_drop, args.min_agreement or 0.0)
    reference, candidate = args.models
    result = audit(reference, candidate, args.data, gate=gate, labels=args.labels, preprocess=args.preprocess)
    if args.json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        print("\n".join(terminal(line) for line in result.lines()))
    if args.report is not None:
        write_atomic(args.report, result.html)
    return ParityError.exit_code if result.verdict == FAIL else EXIT_OK


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
