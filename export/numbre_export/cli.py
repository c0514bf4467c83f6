"""`numbre-export --int8`: a Keras model in, a verified bundle out."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numbre_export.model import KerasModel, read_model
from numbre_export.parity import TestSet
from numbre_export.to_onnx import to_float32_onnx, to_int8_onnx
from numbre_export.to_tflite import to_float32_tflite, to_int8_tflite
from numbre_export.write import ModelFile, write_bundle
from numbre_runtime.cli.common import EXIT_OK, Parser, quiet_engine, run_command
from numbre_train.data import Mnist, calibration_rows, load_mnist, split_rows
from numbre_train.data.splits import CALIBRATION_SEED, SPLIT_SEED


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-export",
        description="Exports a Keras model as int8 and float32 TFLite and ONNX, each file checked through the runtime.",
        epilog="Exit code 3: a file misses its bounds against the Keras model; an earlier bundle is left as it was.",
    )
    result.add_argument("--int8", action="store_true", required=True, help="int8 files beside the float32 ones")
    result.add_argument(
        "--model",
        type=Path,
        default=Path("build/numbre/model.keras"),
        metavar="FILE.keras",
        help="(default: build/numbre/model.keras)",
    )
    result.add_argument(
        "--out",
        type=Path,
        default=Path("build/numbre-int8"),
        metavar="DIR",
        help="(default: build/numbre-int8)",
    )
    result.add_argument("--data", type=Path, metavar="DIR", help="MNIST's IDX files or an mnist.npz (default: found)")
    result.add_argument(
        "--with-test-data",
        action="store_true",
        help="put the 10,000 test images into the bundle (about 1.7 MB)",
    )
    return result


def run(args: argparse.Namespace) -> int:
    """Converts, measures, checks and writes."""
    source = read_model(args.model)
    mnist = load_mnist(args.data, _say)
    test = TestSet(mnist.test_images, mnist.test_labels, source.scores(mnist.test_images))
    _say(f"{args.model}: accuracy {test.accuracy:.2%} on {len(test.labels):,} test images")
    rows = calibration_rows(mnist.train_labels, split_rows().fit)
    calibration = source.network_input(mnist.train_images[rows])
    _say(f"converting with {len(rows)} calibration images …")
    float32_onnx = to_float32_onnx(source.model)
    files = [
        ModelFile("int8", "tflite", to_int8_tflite(source.model, calibration)),
        ModelFile("int8", "onnx", to_int8_onnx(float32_onnx, calibration)),
        ModelFile("float32", "tflite", to_float32_tflite(source.model)),
        ModelFile("float32", "onnx", float32_onnx),
    ]
    with quiet_engine():
        write_bundle(
            args.out,
            name=source.model.name,
            preprocessing=source.preprocessing,
            files=files,
            test=test,
            provenance=_provenance(source, mnist, [int(row) for row in rows]),
            with_test_data=args.with_test_data,
            say=_say,
        )
    _say(f"every file is within its bounds; written to {args.out}/")
    return EXIT_OK


def _say(line: str) -> None:
    print(line, flush=True)


def _provenance(source: KerasModel, mnist: Mnist, rows: list[int]) -> dict[str, Any]:
    tools = ("tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy", "numbre")
    return {
        "model": {"file": source.file, "sha256": source.sha256},
        "data": {
            "name": "MNIST",
            "sha256": mnist.sha256,
            "test": "the 10,000 images of t10k",
            "split_seed": SPLIT_SEED,
        },
        "calibration": {"seed": CALIBRATION_SEED, "of": "the fitting rows of the training set", "rows": rows},
        "tools": {"python": platform.python_version(), **{tool: version(tool) for tool in tools}},
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
