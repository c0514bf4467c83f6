"""Options that several commands share, and the recipe that results from them."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

from numbre_runtime.cli.common import Parser
from numbre_runtime.errors import NumbreError, OutputError
from numbre_runtime.files import try_folder
from numbre_train.networks import ACTIVATIONS
from numbre_train.recipes import AUGMENTATIONS, MODELS, Recipe
from numbre_train.results import refuse_foreign

_logger = logging.getLogger(__name__)
_LARGEST_LAYER, _MOST_LAYERS = 8192, 16
_MOST = 1_000_000
"""Most epochs, trials or rows of a step."""


class OptionError(NumbreError, ValueError):
    """An option's value that is out of range, or options that do not go together."""


def add_data_options(parser: Parser) -> None:
    """`--data`, `--test` and `--labels`."""
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="CSV files (label, then 784 pixels; .csv or .csv.gz) or a directory of them, MNIST's IDX files or an "
        "mnist.npz, or any data set of images 28×28: IDX files, .npz, or a directory with one folder of pictures for "
        "each class (default: MNIST, from the cache or downloaded)",
    )
    add_labels(parser)
    parser.add_argument(
        "--test",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="measure on these rows instead of the data set's own test rows; the word mnist names its 10,000 test rows",
    )


def add_labels(parser: Parser) -> None:
    """`--labels`."""
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="text file with one class name a line, in the order of the class numbers (default: the digits, or the "
        "names of the folders)",
    )


def add_model_options(parser: Parser) -> None:
    """The options that change a model's recipe."""
    group = parser.add_argument_group("network", "instead of the model's own values, which docs/training.md lists")
    group.add_argument("--hidden", metavar="N,N…", help="units of each hidden layer of a dnn, 1–8192 each")
    group.add_argument("--activation", choices=ACTIVATIONS, help="activation of the hidden layers of a dnn")
    group.add_argument(
        "--dropout",
        type=float,
        metavar="SHARE",
        help="share of a dnn's hidden outputs that a step leaves out, 0 ≤ SHARE < 1",
    )
    group.add_argument(
        "--input-dropout",
        type=float,
        metavar="SHARE",
        help="share of a dnn's pixels that a step leaves out, 0 ≤ SHARE < 1",
    )
    group.add_argument(
        "--l2",
        type=float,
        metavar="FACTOR",
        help="factor of the sum of squared weights in the loss, at least 0; for linear and dnn",
    )
    group.add_argument(
        "--label-smoothing",
        type=float,
        metavar="SHARE",
        help="share of the target spread evenly over all classes, 0 ≤ SHARE < 1",
    )
    group.add_argument(
        "--quantize",
        choices=("int8",),
        help="train a quarter of the epochs more with the rounding of the int8 file, so that it loses less accuracy",
    )
    group.add_argument("--augment", choices=tuple(AUGMENTATIONS), help="random distortion of every image")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="Adam's peak learning rate, above 0")
    group.add_argument("--batch-size", type=int, metavar="N", help="rows in one step, at least 1")
    group.add_argument("--epochs", type=int, metavar="N", help="passes over the rows, at least 1")


def add_seed(parser: Parser) -> None:
    """`--seed` of a training."""
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of initial weights, order and distortion, 0 to 2147483647 (default: 0)",
    )


def recipe_of(model: str, args: argparse.Namespace, base: Recipe | None = None, others: Collection[str] = ()) -> Recipe:
    """The recipe of `--model` with the changes of the options.

    Args:
        model: A name of `MODELS`.
        args: Parsed options of `add_model_options`.
        base: The recipe to change instead of the model's own.
        others: Models that the same options are for; an option that only these have is ignored here.

    Raises:
        OptionError: A value is out of range, or an option is for another model.
    """
    recipe = base or MODELS[model]
    fields = {
        "hidden": None if args.hidden is None else _units(args.hidden),
        "activation": args.activation,
        "dropout": within(args.dropout, "--dropout", 0, 1),
        "input_dropout": within(args.input_dropout, "--input-dropout", 0, 1),
        "l2": within(args.l2, "--l2", 0, math.inf),
    }
    given = {name: value for name, value in fields.items() if value is not None}
    known = recipe.network.options()
    foreign = [name for name in given if all(name not in MODELS[item].network.options() for item in (model, *others))]
    if foreign:
        raise OptionError(f"--{foreign[0].replace('_', '-')} is not for {model}; choose another model or leave it out")
    given = {name: value for name, value in given.items() if name in known}
    changes: dict[str, Any] = {"network": dataclasses.replace(recipe.network, **given)}
    if args.quantize is not None:
        changes["quantize"] = True
    if args.augment is not None:
        changes["augmentation"] = AUGMENTATIONS[args.augment]
    if args.label_smoothing is not None:
        changes["label_smoothing"] = within(args.label_smoothing, "--label-smoothing", 0, 1)
    if args.learning_rate is not None:
        if not 0 < args.learning_rate < math.inf:
            raise OptionError(f"--learning-rate {args.learning_rate}: expected a number above 0")
        changes["rate"] = args.learning_rate
    for name, value in (("batch", args.batch_size), ("epochs", args.epochs)):
        if value is not None:
            changes[name] = at_least_one(value, "--batch-size" if name == "batch" else "--epochs")
    return dataclasses.replace(recipe, **changes)


def network_options(args: argparse.Namespace) -> tuple[str, ...]:
    """Names of the options of `add_model_options` that were given."""
    names = ("hidden", "activation", "dropout", "input_dropout", "l2", "augment", "learning_rate", "batch_size")
    return tuple(name for name in names if getattr(args, name) is not None)


def at_least_one(value: int, option: str, most: int = _MOST) -> int:
    """Returns the value unchanged.

    Raises:
        OptionError: It is below 1 or above `most`.
    """
    if not 1 <= value <= most:
        raise OptionError(f"{option} {value:,}: expected 1 to {most:,}")
    return value


def checked_seed(seed: int) -> int:
    """Returns the seed unchanged.

    Raises:
        OptionError: TensorFlow's generators do not accept it.
    """
    if not 0 <= seed < 2**31:
        raise OptionError(f"--seed {seed}: expected 0 to {2**31 - 1}")
    return seed


def check_writable(out: Path, results: bool = False) -> None:
    """Makes the output directory and checks, before minutes of training, that the results can be written.

    Call it after the input has been read: a command whose input is refused leaves no directory behind.

    Args:
        out: The directory.
        results: Whether a training's results are to be written there, see `numbre_train.results`.

    Raises:
        OutputError: They cannot, or would replace files that no training wrote.
    """
    try:
        try_folder(out)
    except OSError as cause:
        raise OutputError(f"{out}: cannot be written ({cause.strerror or cause}); choose another --out") from cause
    if results:
        refuse_foreign(out)


def say(line: str) -> None:
    """Reports progress: `progress_shown` prints it, unless `--quiet` is given."""
    _logger.info("%s", line)


def _units(text: str) -> tuple[int, ...]:
    try:
        units = tuple(int(part) for part in text.split(","))
    except ValueError:
        units = ()
    if not 1 <= len(units) <= _MOST_LAYERS or any(not 1 <= count <= _LARGEST_LAYER for count in units):
        raise OptionError(
            f"--hidden {text}: expected 1 to {_MOST_LAYERS} numbers from 1 to {_LARGEST_LAYER} with commas, as 100,100"
        )
    return units


def within(value: float | None, option: str, low: float, below: float) -> float | None:
    """Returns the value unchanged.

    Raises:
        OptionError: It is not at least `low`, or not below `below`.
    """
    if value is not None and not low <= value < below:
        limit = "" if below == math.inf else f" and less than {below:g}"
        raise OptionError(f"{option} {value}: expected a number of at least {low:g}{limit}")
    return value
