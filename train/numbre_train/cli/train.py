"""`numbre-train`: labelled images in; a Keras model, its figures and its pictures out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.cli.common import EXIT_OK, Parser, run_command
from numbre_train.cli import COMMANDS
from numbre_train.cli.options import (
    OptionError,
    add_data_options,
    add_model_options,
    add_seed,
    check_writable,
    checked_seed,
    recipe_of,
    say,
)
from numbre_train.data import load_dataset
from numbre_train.distillation import read_teacher
from numbre_train.fit import Moments
from numbre_train.recipes import MODELS, RECIPES_OF, Recipe
from numbre_train.results import CHECKPOINT, write_training
from numbre_train.training import train
from numbre_train.watch import DEFAULT_STEPS, WeightWatch

_MOST_PICTURES = 50


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(
        prog="numbre-train",
        description="Trains a network on MNIST, on CSV files or on other labelled images 28×28.",
        usage="%(prog)s [OPTION]…\n       %(prog)s COMMAND --help",
        commands={"commands in place of a training": COMMANDS},
        examples=("numbre-train", "numbre-train --model dnn --hidden 512,512 --dropout 0.5 --out build/wide"),
    )
    result.add_argument(
        "--model",
        choices=tuple(MODELS),
        default="numbre",
        help="numbre: 784-25-256-300-10; linear: softmax regression; dnn: hidden layers of your choice; small and "
        "micro: convolutional networks of 13,466 and 5,876 parameters, slower to train (default: numbre)",
    )
    result.add_argument(
        "--recipe",
        choices=tuple(name for recipes in RECIPES_OF.values() for name in recipes),
        help="for numbre: quick, about a minute; best, some minutes; plain, the published recipe, for comparison "
        "(default: quick). For small: wild, photographed digits and images without a digit, about ten minutes; the "
        "model that ships with the runtime",
    )
    add_seed(result)
    add_data_options(result)
    result.add_argument(
        "--out", type=Path, metavar="DIR", help="output directory (default: build/MODEL, as build/numbre)"
    )
    result.add_argument("--h5", action="store_true", help="also write trainedMNISTModel.h5, Keras's older format")
    result.add_argument(
        "--resume", action="store_true", help="continue an interrupted training after its last finished epoch"
    )
    result.add_argument(
        "--watch-weights",
        nargs="?",
        const=",".join(str(step) for step in DEFAULT_STEPS),
        metavar="STEP,…",
        help="draw the first layer's weights after these steps and the last one, and an animation, into DIR/weights/ "
        "(without numbers: 10,100,1000)",
    )
    result.add_argument(
        "--teacher",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="learn the scores of the models in these directories too, each the output of a training",
    )
    add_model_options(result)
    return result


def run(args: argparse.Namespace) -> int:
    """Trains, measures once on the test images, and writes everything."""
    out = args.out or Path("build") / args.model
    recipe = recipe_of(args.model, args, _named_recipe(args))
    seed = checked_seed(args.seed)
    steps = _steps(args)
    data = load_dataset(args.data, args.test, args.labels)
    teacher = read_teacher(args.teacher, len(data.labels) + recipe.wild) if args.teacher else None
    check_writable(out, results=True)
    say(data.source)
    # An earlier training's checkpoint stays until this one has its own; --resume tells them apart.
    earlier = _changed(out / CHECKPOINT)
    watch: WeightWatch | None = None

    def moments(last: int) -> Moments:
        nonlocal watch
        watch = WeightWatch(steps, last)
        return watch.moments

    try:
        training = train(
            recipe,
            data,
            seed,
            checkpoint=out / CHECKPOINT,
            resume=args.resume,
            moments=moments if steps else None,
            teacher=teacher,
        )
    except KeyboardInterrupt:
        if args.resume or _changed(out / CHECKPOINT) != earlier:
            say("stopped; to continue, run the same command with --resume")
        raise
    if watch is not None:
        watch.write(out / "weights", recipe.network.unit_names(data.labels))
    metrics = write_training(training, out, h5=args.h5)
    (out / CHECKPOINT).unlink(missing_ok=True)
    say(f"{metrics['accuracy']:.2%} of the {len(data.test):,} test images are right; written to {out}/")
    return EXIT_OK


def _changed(path: Path) -> int | None:
    """When a file was last written, in nanoseconds; None if there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def _named_recipe(args: argparse.Namespace) -> Recipe | None:
    """The recipe of `--recipe`; None without it."""
    if args.recipe is None:
        return None
    model = next(model for model, recipes in RECIPES_OF.items() if args.recipe in recipes)
    if args.model != model:
        raise OptionError(f"--recipe {args.recipe} is for --model {model}; leave it out")
    return RECIPES_OF[model][args.recipe]


def _steps(args: argparse.Namespace) -> list[int]:
    """The steps of `--watch-weights`; none without it."""
    if args.watch_weights is None:
        return []
    if args.resume:
        raise OptionError("--watch-weights needs a training from its beginning; leave --resume out")
    try:
        steps = [int(part) for part in args.watch_weights.split(",")]
    except ValueError:
        steps = [0]
    if min(steps) < 1 or len(steps) > _MOST_PICTURES:
        raise OptionError(
            f"--watch-weights {args.watch_weights}: expected up to {_MOST_PICTURES} numbers of 1 or more with commas"
        )
    return steps


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
