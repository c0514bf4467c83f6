"""`numbre-train`: MNIST in, a Keras model, its figures and pictures out."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.cli.common import EXIT_OK, Parser, quiet_engine, run_command
from numbre_runtime.errors import DataError, OutputError
from numbre_runtime.files import write_atomic
from numbre_train.data import Mnist, load_mnist, split_rows
from numbre_train.fit import Epoch, Rows, fit, network_input
from numbre_train.metrics import confusion_matrix, log_loss, recalls
from numbre_train.recipes import RECIPES, Recipe

CHECKPOINT = "checkpoint.npz"


def parser() -> Parser:
    """The command's arguments."""
    result = Parser(prog="numbre-train", description="Trains the NUMBRE network on MNIST.")
    result.add_argument(
        "--recipe",
        choices=tuple(RECIPES),
        default="quick",
        help="quick: a minute; best: some minutes, what ships with the runtime; "
        "plain: the published one, to see what it gives (default: quick)",
    )
    result.add_argument("--seed", type=int, default=0, help="decides weights, order and distortion (default: 0)")
    result.add_argument("--epochs", type=int, metavar="N", help="instead of the recipe's own number")
    result.add_argument("--data", type=Path, metavar="DIR", help="MNIST's IDX files or an mnist.npz (default: found)")
    result.add_argument("--out", type=Path, default=Path("build/numbre"), metavar="DIR", help="(default: build/numbre)")
    result.add_argument("--h5", action="store_true", help="also write trainedMNISTModel.h5")
    result.add_argument("--resume", action="store_true", help="go on after the last epoch of an interrupted training")
    return result


def run(args: argparse.Namespace) -> int:
    """Trains, measures once on the test images, and writes everything."""
    recipe = RECIPES[args.recipe]
    if args.epochs is not None:
        recipe = dataclasses.replace(recipe, epochs=args.epochs)
    if recipe.epochs < 1:
        raise DataError(f"--epochs {args.epochs}: expected 1 or more")
    if not 0 <= args.seed < 2**31:
        raise DataError(f"--seed {args.seed}: expected 0 to {2**31 - 1}")
    _check_writable(args.out)
    mnist = load_mnist(args.data, _say)
    _say(f"MNIST from {mnist.source}")
    rows, validation = _rows(mnist, recipe)
    _say(f"recipe {recipe.name}, seed {args.seed}: {len(rows.labels):,} images, {recipe.epochs} epochs")
    start = time.perf_counter()
    try:
        model, epochs = fit(
            recipe,
            rows,
            validation,
            args.seed,
            args.out / CHECKPOINT,
            args.resume,
            lambda epoch: _report(epoch, recipe),
        )
    except KeyboardInterrupt:
        if (args.out / CHECKPOINT).exists():
            _say("stopped; go on with the same command and --resume")
        raise
    seconds = time.perf_counter() - start
    scores = model(network_input(mnist.test_images, recipe.raw_pixels), training=False).numpy()
    metrics = _metrics(scores, mnist, recipe, args.seed, seconds, epochs)
    _write(args.out, model, epochs, metrics, mnist, scores, args.h5)
    _say(f"{metrics['accuracy']:.2%} of the {len(scores):,} test images are right; written to {args.out}/")
    return EXIT_OK


def _say(line: str) -> None:
    print(line, flush=True)


def _check_writable(out: Path) -> None:
    """Finds out before minutes of training whether the results can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as cause:
        raise OutputError(f"{out}: cannot be written ({cause.strerror or cause}); choose another --out") from cause


def _rows(mnist: Mnist, recipe: Recipe) -> tuple[Rows, Rows | None]:
    if recipe.all_rows:
        return Rows(mnist.train_images, mnist.train_labels), None
    split = split_rows()
    return tuple(Rows(mnist.train_images[part], mnist.train_labels[part]) for part in (split.fit, split.validation))  # type: ignore[return-value]


def _report(epoch: Epoch, recipe: Recipe) -> None:
    watched = ""
    if epoch.validation_accuracy is not None:
        watched = f"  validation loss {epoch.validation_loss:.4f} accuracy {epoch.validation_accuracy:.2%}"
    _say(
        f"epoch {epoch.epoch:3}/{recipe.epochs}  loss {epoch.loss:.4f} accuracy {epoch.accuracy:.2%}{watched}  "
        f"{epoch.seconds:.1f} s"
    )


def _metrics(
    scores: NDArray[np.float32],
    mnist: Mnist,
    recipe: Recipe,
    seed: int,
    seconds: float,
    epochs: Sequence[Epoch],
) -> dict[str, Any]:
    import keras
    import tensorflow as tf

    matrix = confusion_matrix(mnist.test_labels, scores.argmax(axis=1))
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "log_loss": log_loss(mnist.test_labels, scores),
        "recall": {str(label): float(value) for label, value in enumerate(recalls(matrix))},
        "confusion": matrix.tolist(),
        "validation_accuracy": epochs[-1].validation_accuracy,
        "seconds": seconds,
        "seed": seed,
        "recipe": dataclasses.asdict(recipe),
        "data": {"source": mnist.source, "sha256": mnist.sha256},
        "versions": {
            "python": sys.version.split()[0],
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }


def _write(
    out: Path,
    model: Any,
    epochs: Sequence[Epoch],
    metrics: dict[str, Any],
    mnist: Mnist,
    scores: NDArray[np.float32],
    h5: bool,
) -> None:
    """Writes all results, each file all or nothing, the model last."""
    from numbre_train import plots

    answers = scores.argmax(axis=1)
    split = split_rows()
    pictures = {
        "first_images.png": plots.first_images(mnist.train_images[split.fit[:40]], mnist.train_labels[split.fit[:40]]),
        "curves.png": plots.curves(epochs),
        "confusion.png": plots.confusion(np.array(metrics["confusion"]), metrics["accuracy"]),
        "first_layer.png": plots.weight_images(model.layers[0].get_weights()[0]),
        "predictions.png": plots.predictions(mnist.test_images[:10], mnist.test_labels[:10], answers[:10]),
    }
    for name, figure in pictures.items():
        write_atomic(out / name, plots.png(figure))
    write_atomic(out / "history.csv", _history(epochs))
    write_atomic(out / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
    if h5:
        write_atomic(out / "trainedMNISTModel.h5", _model_bytes(model, ".h5"))
    write_atomic(out / "model.keras", _model_bytes(model, ".keras"))


def _history(epochs: Sequence[Epoch]) -> bytes:
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Epoch)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(epoch) for epoch in epochs)
    return text.getvalue().encode()


def _model_bytes(model: Any, suffix: str) -> bytes:
    """The model as Keras saves it under a file name that ends so."""
    import keras

    with tempfile.TemporaryDirectory() as directory, quiet_engine():
        path = Path(directory) / f"model{suffix}"
        if suffix == ".h5":
            keras.saving.save_model(model, path, include_optimizer=False)
        else:
            model.save(path)
        return path.read_bytes()


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run_command(parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
