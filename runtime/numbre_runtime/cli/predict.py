"""`numbre-predict IMAGE…`: one line for each image."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence

import numpy as np

from numbre_runtime.backends import SELECTABLE
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.classifier import Classifier, Prediction
from numbre_runtime.cli.common import Parser, add_picture_options, for_each_input, run_command
from numbre_runtime.cli.inputs import picture_inputs
from numbre_runtime.errors import ImageError
from numbre_runtime.loading import load
from numbre_runtime.text import json_text, terminal


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-predict",
        description="Classifies each picture: the digit that it shows, or whatever the bundle's classes are.",
        examples=("numbre-predict digit.png", "numbre-predict scans/ --glob '*.jpg' --format csv"),
    )
    result.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="a picture of one digit, of any size and polarity; a folder of pictures; - for standard input; a data "
        "URI; for a bundle that takes rows of numbers, a CSV file",
    )
    add_picture_options(result)
    result.add_argument(
        "--bundle", metavar="DIR|NAME", help="a bundle made by numbre-export, or the name of a built-in one"
    )
    result.add_argument("--backend", choices=SELECTABLE, help="inference engine (default: the first that works)")
    result.add_argument("--top", type=int, default=1, metavar="N", help="how many answers to show (default: 1)")
    return result


def run(args: argparse.Namespace) -> int:
    """Classifies each image."""
    if args.top < 1:
        raise ImageError(f"--top {args.top}: expected 1 or more")
    with quiet_engine():
        classifier = load(args.bundle, backend=args.backend)
    if classifier.input.picture == "none":
        from numbre_runtime.cli.table_rows import row_inputs

        inputs = row_inputs(args.images, math.prod(classifier.input.shape))
    else:
        inputs = picture_inputs(args.images, args.glob)
    line = _line_maker(args, classifier)
    return for_each_input(
        "numbre-predict", inputs, lambda name, image: print(line(name, classifier.predict(image))), args.debug
    )


def _line_maker(args: argparse.Namespace, classifier: Classifier) -> Callable[[str, Prediction], str]:
    """Returns a function that writes an answer in the format that was asked for."""
    if args.format == "json":
        from numbre_runtime.json_forms import prediction_json

        return lambda name, answer: json_text({"image": name, **prediction_json(answer, classifier)})
    if args.format == "csv":
        from numbre_runtime.csv_forms import PREDICTION_COLUMNS, csv_line, prediction_cells

        print(csv_line(PREDICTION_COLUMNS))
        return lambda name, answer: csv_line(prediction_cells(name, answer))
    return lambda name, answer: _line(name, answer, classifier, args.top)


def _line(image: str, prediction: Prediction, classifier: Classifier, top: int) -> str:
    none = None if classifier.none_label is None else terminal(classifier.none_label)
    order = np.argsort(-prediction.scores, kind="stable")
    image = terminal(image)
    best = [(terminal(classifier.labels[index]), float(prediction.scores[index])) for index in order]
    answers = [(label, score) for label, score in best if label != none][:top]
    if prediction.recognized:
        return f"{image}: " + ", ".join(f"{label} ({score:.1%})" for label, score in answers)
    digits = all(label.isdigit() for label in classifier.labels if label != classifier.none_label)
    nothing = "no digit" if digits else "none of the classes"
    if not prediction.label:
        return f"{image}: {nothing} (blank)"
    return f"{image}: {nothing} (most like " + ", ".join(f"{label}, {score:.1%}" for label, score in answers) + ")"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
