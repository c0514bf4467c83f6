"""A finished training: trained, measured once on the test rows, and written as files."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.files import write_atomic
from numbre_train.data import Dataset
from numbre_train.data.abstention import ABSTENTION_FILE, Abstention, format_abstention
from numbre_train.data.classes import LABELS_FILE, format_labels
from numbre_train.fit import Moments, Rows, fit, scores_of
from numbre_train.history import Epoch
from numbre_train.metrics import confusion_matrix, log_loss, precisions, recalls
from numbre_train.networks import first_weights
from numbre_train.recipes import Recipe
from numbre_train.wild.rows import NONE_LABEL
from numbre_train.wild.threshold import threshold_for

FILES = (
    "first_images.png",
    "curves.png",
    "confusion.png",
    "first_layer.png",
    "predictions.png",
    "history.csv",
    "metrics.json",
    "trainedMNISTModel.h5",
    LABELS_FILE,
    ABSTENTION_FILE,
    "model.keras",
)
"""What a training may leave in its directory."""


@dataclass(frozen=True)
class Training:
    """A trained model with what it took and what it gave."""

    recipe: Recipe
    """How it was trained."""
    seed: int
    """Seed of weights, order and distortion."""
    model: Any
    """The keras model."""
    epochs: list[Epoch]
    """What each epoch gave."""
    seconds: float
    """Wall time of all epochs, also of those before a resumption."""
    scores: NDArray[np.float32]
    """(N, classes), of the test rows."""


def train(
    recipe: Recipe,
    data: Dataset,
    seed: int,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    moments: Moments | None = None,
) -> Training:
    """Trains on a data set's rows and measures on its test rows; the arguments are `fit`'s."""
    rows, validation = rows_for(recipe, data)
    model, epochs = fit(recipe, rows, validation, seed, checkpoint, resume, on_epoch, moments, classes=len(data.labels))
    seconds = sum(epoch.seconds for epoch in epochs)
    return Training(recipe, seed, model, epochs, seconds, scores_of(model, data.test.images, recipe.raw_pixels))


def rows_for(recipe: Recipe, data: Dataset) -> tuple[Rows, Rows | None]:
    """The rows to fit and to validate on; a recipe that fits on all leaves none to validate."""
    return (data.train, None) if recipe.all_rows else (data.fit, data.validation)


def metrics_of(training: Training, data: Dataset) -> dict[str, Any]:
    """All figures of a training, ready for JSON."""
    import keras
    import tensorflow as tf

    labels, scores = data.test.labels, training.scores
    matrix = confusion_matrix(labels, scores.argmax(axis=1), len(data.labels))
    return {
        "accuracy": float(np.trace(matrix) / matrix.sum()),
        "log_loss": log_loss(labels, scores),
        "labels": data.labels,
        "recall": _per_class(data, recalls(matrix)),
        "precision": _per_class(data, precisions(matrix)),
        "confusion": matrix.tolist(),
        "validation_accuracy": training.epochs[-1].validation_accuracy,
        "network": training.recipe.network.outline(len(data.labels)),
        "parameters": int(training.model.count_params()),
        "seconds": training.seconds,
        "seed": training.seed,
        "recipe": dataclasses.asdict(training.recipe),
        "data": {
            "source": data.source,
            "sha256": data.sha256,
            "fit_rows": len(rows_for(training.recipe, data)[0]),
            "test": data.test_source,
            "test_rows": len(labels),
        },
        "versions": {
            "python": sys.version.split()[0],
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }


def _per_class(data: Dataset, values: NDArray[np.float64]) -> dict[str, float]:
    return {label: float(value) for label, value in zip(data.labels, values, strict=True)}


def write_training(out: Path, training: Training, data: Dataset, h5: bool = False) -> dict[str, Any]:
    """Writes model, figures and pictures, each file all or nothing, the model last.

    Returns:
        The figures, as `metrics_of` gives them.

    Raises:
        OutputError: `out` cannot be written.
    """
    from numbre_train import plots

    metrics = metrics_of(training, data)
    answers, classes = training.scores.argmax(axis=1), data.labels
    first, test = data.train.take(data.split.fit[:40]), data.test
    pictures = {
        "first_images.png": plots.first_images(first.images, first.labels, classes),
        "curves.png": plots.curves(training.epochs),
        "confusion.png": plots.confusion(np.array(metrics["confusion"]), metrics["accuracy"], classes),
        "first_layer.png": plots.weight_images(
            first_weights(training.model), classes=first_classes(training.recipe, data)
        ),
        "predictions.png": plots.predictions(test.images[:10], test.labels[:10], answers[:10], classes),
    }
    # All is made before anything is written, so that little can come between the model and what is said of it.
    files = {name: plots.png(figure) for name, figure in pictures.items()}
    files["history.csv"] = history_csv(training.epochs)
    files["metrics.json"] = (json.dumps(metrics, indent=1) + "\n").encode()
    # As the exporter takes it, which looks for it beside the model.
    files[LABELS_FILE] = format_labels(classes)
    if training.recipe.wild:
        kept = scores_of(training.model, data.validation.images, training.recipe.raw_pixels)
        files[ABSTENTION_FILE] = format_abstention(Abstention(NONE_LABEL, threshold_for(kept)))
    else:
        # Another training's would make the exporter look for a class that this one has not.
        (out / ABSTENTION_FILE).unlink(missing_ok=True)
    if h5:
        files["trainedMNISTModel.h5"] = model_bytes(training.model, ".h5")
    files["model.keras"] = model_bytes(training.model, ".keras")
    for name, content in files.items():
        write_atomic(out / name, content)
    return metrics


def first_classes(recipe: Recipe, data: Dataset) -> tuple[str, ...]:
    """The classes, if the units of the first layer are these themselves; else none."""
    return data.labels if recipe.network.scores_are_first() else ()


def history_csv(epochs: Sequence[Epoch]) -> bytes:
    """What each epoch gave, as CSV with a header."""
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Epoch)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(epoch) for epoch in epochs)
    return text.getvalue().encode()


def model_bytes(model: Any, suffix: str) -> bytes:
    """The model as Keras saves it under a file name that ends so."""
    import keras

    with tempfile.TemporaryDirectory() as directory, quiet_engine():
        path = Path(directory) / f"model{suffix}"
        if suffix == ".h5":
            keras.saving.save_model(model, path, include_optimizer=False)
        else:
            model.save(path)
        return path.read_bytes()
