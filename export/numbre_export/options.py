"""The arguments of numbre-export."""

from __future__ import annotations

import argparse
from pathlib import Path

from numbre_export.convert.variant import FORMATS
from numbre_export.data.datasets import CALIBRATION_ROWS
from numbre_runtime.cli.common import Parser
from numbre_runtime.errors import DataError
from numbre_train.data.abstention import ABSTENTION_FILE

ALL = ("float32", "float16", "dynamic", "int8", "int16x8")
"""What --all stands for."""

_BESIDE = ""
"""The value of --html without a file."""
_PRECISIONS = {
    "float32": "float32 (always in the bundle, to compare with)",
    "float16": "float16 weights",
    "dynamic": "int8 weights, float activations",
    "int8": "int8 weights and activations",
    "int16x8": "int8 weights, int16 activations",
    "weight8": "int8 weights, float arithmetic (TFLite)",
    "weight4": "int4 weights, float arithmetic (TFLite)",
}


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-export",
        description="Exports a Keras classifier as TFLite and ONNX, each file checked through the runtime.",
        epilog="Exit code 3: a file misses its bounds against the Keras model; an earlier bundle is left as it was.",
        examples=(
            "numbre-export --int8 --model build/numbre/model.keras --out build/numbre-int8",
            "numbre-export --int8 --model cancer.keras --data rows.csv --preprocess scaling.json",
        ),
    )
    _add_files(result)
    _add_precisions(result)
    _add_data(result)
    gate = result.add_argument_group("the gate")
    add_bounds(gate)
    gate.add_argument(
        "--strict",
        action="store_true",
        help="write nothing unless every file can be made and is shown to keep its bounds",
    )
    gate.add_argument(
        "--force", action="store_true", help="export a model that is no better than always naming the largest class"
    )
    gate.add_argument("--auto", action="store_true", help="if int8 misses the gate, try what else keeps it")
    gate.add_argument("--explain", action="store_true", help="tell which layer costs the accuracy")
    _add_c(result)
    older = result.add_argument_group("older devices")
    older.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="RUNTIME==VERSION",
        help="write nothing that this runtime does not run, such as tflite-runtime==2.14; may be given several times",
    )
    return result


def add_bounds(group: argparse._ArgumentGroup) -> None:
    """The bounds of the gate."""
    group.add_argument(
        "--max-drop",
        type=_share,
        default=0.001,
        metavar="X",
        help="largest allowed loss of accuracy, 0–1 (default: 0.001)",
    )
    group.add_argument(
        "--max-class-drop",
        type=_share,
        default=0.005,
        metavar="X",
        help="largest allowed loss of any class's recall, 0–1 (default: 0.005)",
    )
    group.add_argument(
        "--min-agreement",
        type=_share,
        metavar="X",
        help="smallest share of rows with Keras's answer, 0–1 (default: 0.997 for int8 on MNIST, else none)",
    )


def _add_files(result: Parser) -> None:
    result.add_argument(
        "--model",
        type=Path,
        default=Path("build/numbre/model.keras"),
        metavar="FILE",
        help=".keras or .h5 (default: build/numbre/model.keras)",
    )
    result.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="the bundle to write (default: in build/, named after model and precision, as build/numbre-int8)",
    )
    result.add_argument(
        "--with-test-data",
        action="store_true",
        help="put the test rows into the bundle (MNIST: about 1.7 MB)",
    )
    result.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="sign the bundle with an OpenSSH key; of a bundle as --model that is all that is done",
    )
    result.add_argument(
        "--html",
        nargs="?",
        const=_BESIDE,
        metavar="FILE",
        help="write a page that reads drawn digits offline, with the int8 model inside (default: DIR.html)",
    )


def _add_c(result: Parser) -> None:
    group = result.add_argument_group("microcontrollers")
    group.add_argument(
        "--c",
        action="store_true",
        help="write a C99 library too: model.h and model.c in the bundle, projects for boards beside it in DIR-c; of a "
        "bundle or an int8 .tflite file as --model it is all that is written, to --out",
    )
    group.add_argument(
        "--c-prefix",
        default="numbre",
        metavar="NAME",
        help="what the names of its functions begin with (default: numbre)",
    )


def _add_precisions(result: Parser) -> None:
    group = result.add_argument_group("precisions and formats")
    for precision, text in _PRECISIONS.items():
        group.add_argument(f"--{precision}", action="store_true", help=text)
    group.add_argument("--all", action="store_true", help=f"{', '.join(ALL)}")
    group.add_argument(
        "--format", default="tflite,onnx", metavar="F[,F]", help="tflite, onnx or both (default: tflite,onnx)"
    )
    group.add_argument(
        "--io",
        choices=("int8", "uint8", "float32"),
        default="default",
        help="input and output of integer files (default: int8 in TFLite, float32 in ONNX)",
    )
    scales = group.add_mutually_exclusive_group()
    scales.add_argument(
        "--per-tensor",
        dest="granularity",
        action="store_const",
        const="tensor",
        default="default",
        help="one weight scale a tensor, everywhere",
    )
    scales.add_argument(
        "--per-channel",
        dest="granularity",
        action="store_const",
        const="channel",
        default="default",
        help="one weight scale a channel, in dense layers too (default: in convolutions alone)",
    )


def _add_data(result: Parser) -> None:
    group = result.add_argument_group("data (default: MNIST)")
    group.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="a data set; of one without a test part a tenth is set apart, as numbre-train does",
    )
    group.add_argument(
        "--calibration", type=Path, metavar="PATH", help="rows to calibrate with: .npz, .csv, IDX, folders"
    )
    group.add_argument("--test", type=Path, metavar="PATH", help="rows to judge with, as for --calibration")
    group.add_argument(
        "--calibration-rows",
        type=int,
        default=CALIBRATION_ROWS,
        metavar="N",
        help="rows to calibrate with (default: 500)",
    )
    group.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="one class name a line, in the order of the scores (default: labels.txt beside the model)",
    )
    group.add_argument(
        "--preprocess",
        metavar="NAME",
        help="how a value reaches the network: unit (value / 255), none, signed (value / 127.5 − 1), mnist (the "
        "picture's digit is centred, then unit), or a JSON file with factors and offsets",
    )
    group.add_argument(
        "--none-label", metavar="NAME", help='the class that stands for "none of the others", which is never an answer'
    )
    group.add_argument(
        "--threshold",
        type=_share,
        metavar="SHARE",
        help=f"confidence, 0–1, from which on an answer counts (both default to {ABSTENTION_FILE} beside the model, "
        "else to every answer)",
    )
    group.add_argument(
        "--input-shape",
        type=_shape,
        metavar="N[,N…]",
        help="fixes the input's sizes that a model leaves open, such as 64,64,1",
    )
    group.add_argument("--allow-overlap", action="store_true", help="let calibration rows be test rows, and record it")


def _shape(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdigit() and 0 < int(part) <= 4096 for part in parts):
        raise argparse.ArgumentTypeError(f"{text}: expected sizes from 1 to 4096 with commas between, such as 64,64,1")
    return tuple(int(part) for part in parts)


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected 0 to 1")
    return value


def page(args: argparse.Namespace) -> Path | None:
    """The offline page to write: the one that --html names, else one beside the bundle; None without --html."""
    if args.html is None:
        return None
    out = output_directory(args)
    return out.with_name(f"{out.name}.html") if args.html == _BESIDE else Path(args.html)


def output_directory(args: argparse.Namespace) -> Path:
    """What is written: `--out` or, so that no other model's bundle is replaced, build/ and the model's own name."""
    if args.out is not None:
        return Path(args.out)
    model: Path = args.model
    directory = model.absolute().parent if model.stem == "model" else model
    name = model.stem if directory == model and not model.is_dir() else directory.name
    asked = [precision for precision in _PRECISIONS if getattr(args, precision)]
    library = args.c and (model.suffix == ".tflite" or model.is_dir())
    ending = "c" if library else "int8" if not asked or "int8" in asked else asked[0]
    return Path("build") / f"{name}-{ending}"


def precisions(args: argparse.Namespace) -> tuple[str, ...]:
    """The precisions that were asked for.

    Raises:
        DataError: None was asked for.
    """
    chosen = {precision for precision in _PRECISIONS if getattr(args, precision)}
    chosen |= set(ALL) if args.all else set()
    chosen |= {"int8"} if args.auto else set()
    if not chosen:
        raise DataError(f"no precision; choose from {', '.join(f'--{name}' for name in _PRECISIONS)} or --all")
    return tuple(sorted(chosen))


def formats(text: str) -> tuple[str, ...]:
    """The formats of `--format`.

    Raises:
        DataError: One is not known.
    """
    chosen = tuple(part.strip() for part in text.split(","))
    if not set(chosen) <= set(FORMATS):
        raise DataError(f"--format {text}: expected {' or '.join(FORMATS)}, or both with a comma between")
    return chosen
