"""`numbre-predict IMAGE…`: one line for each image."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence

from numbre_runtime.backends import SELECTABLE
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.classifier import ImageLike, Prediction
from numbre_runtime.cli.answers import AnswerLines, picture
from numbre_runtime.cli.common import Parser, add_picture_options, for_each_input, run_command
from numbre_runtime.cli.inputs import picture_inputs
from numbre_runtime.cli.streams import complain
from numbre_runtime.errors import ImageError
from numbre_runtime.loading import load
from numbre_runtime.text import terminal


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
    result.add_argument(
        "--keep-doubtful",
        metavar="DIR",
        help="keep what the network saw of each picture that it is not sure of (at most 1000 pictures, 50 MB, 90 days)",
    )
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
    doubtful = None
    if args.keep_doubtful is not None:
        from numbre_runtime.collect.doubtful_pictures import DoubtfulPictures

        if classifier.input.picture == "none":
            raise ImageError("--keep-doubtful: this bundle takes rows of numbers, only pictures are kept; leave it out")
        doubtful = DoubtfulPictures(args.keep_doubtful, args.images)
    lines = AnswerLines(args.format, classifier, args.top)

    def show(name: str, image: ImageLike) -> None:
        prediction = classifier.predict(image)
        print(*lines.of_prediction(picture(name), prediction), sep="\n")
        if doubtful is not None:
            doubtful.keep(prediction, classifier, name)
        if _shows_several(prediction) and not args.quiet:
            complain(f"numbre-predict: {terminal(name)}: seems to show several signs; numbre-read reads all of them")

    for line in lines.header(pages=False):
        print(line)
    return for_each_input("numbre-predict", inputs, show, args.debug)


def _shows_several(prediction: Prediction) -> bool:
    """Whether a picture seems to show more than the one digit: others beside it, or what is wider than any digit."""
    if prediction.found is None:
        return False
    left, top, right, bottom = prediction.found.box
    return prediction.found.others > 0 or (not prediction.recognized and right - left > bottom - top)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
