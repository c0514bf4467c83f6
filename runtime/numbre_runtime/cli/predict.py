"""`numbre-predict IMAGE…`: one line for each image."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from numbre_runtime.backends import BACKENDS
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.classifier import Classifier, Prediction
from numbre_runtime.cli.common import Parser, for_each_picture, run_command
from numbre_runtime.errors import ImageError
from numbre_runtime.loading import load
from numbre_runtime.text import json_text, terminal


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-predict",
        description="Reads the digit in each picture.",
        examples=("numbre-predict digit.png", "numbre-predict --json --top 3 scans/*.png"),
    )
    result.add_argument("images", nargs="+", metavar="IMAGE", help="a picture of one digit, of any size and polarity")
    result.add_argument(
        "--bundle", metavar="DIR|NAME", help="a bundle made by numbre-export, or the name of a built-in one"
    )
    result.add_argument("--backend", choices=BACKENDS, help="inference engine (default: the first that works)")
    result.add_argument("--top", type=int, default=1, metavar="N", help="how many answers to show (default: 1)")
    result.add_argument("--json", action="store_true", help="one JSON object a line")
    return result


def run(args: argparse.Namespace) -> int:
    """Classifies each image."""
    if args.top < 1:
        raise ImageError(f"--top {args.top}: expected 1 or more")
    with quiet_engine():
        classifier = load(args.bundle, backend=args.backend)

    def show(image: str) -> None:
        prediction = classifier.predict(image)
        line = (
            _json_line(image, prediction, classifier) if args.json else _line(image, prediction, classifier, args.top)
        )
        print(line)

    return for_each_picture("numbre-predict", args.images, show, args.debug)


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


def _json_line(image: str, prediction: Prediction, classifier: Classifier) -> str:
    scores = {label: round(float(score), 6) for label, score in zip(classifier.labels, prediction.scores, strict=True)}
    return json_text(
        {
            "image": image,
            "label": prediction.label,
            "confidence": round(prediction.confidence, 6),
            "recognized": prediction.recognized,
            "found": prediction.found._asdict() if prediction.found is not None else None,
            "scores": scores,
            "artifact": classifier.artifact.file,
            "backend": classifier.backend,
        }
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
