"""A finished training as files: the model, its figures and its pictures."""

from __future__ import annotations

import csv
import dataclasses
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.errors import DataError, OutputError
from numbre_runtime.files import read_limited, write_atomic
from numbre_runtime.measures import log_loss
from numbre_runtime.strict_json import parse_json
from numbre_runtime.text import json_text
from numbre_train.data import Dataset
from numbre_train.data.abstention import ABSTENTION_FILE, format_abstention
from numbre_train.data.classes import LABELS_FILE, format_labels
from numbre_train.deployment import measured_abstention, with_logits
from numbre_train.fit import is_checkpoint, scores_of
from numbre_train.history import Epoch
from numbre_train.metrics import confusion_matrix, precisions, recalls
from numbre_train.networks import first_weights
from numbre_train.training import Training, rows_for

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
"""The files that a training may write into its directory."""
CHECKPOINT = "checkpoint.npz"
"""The file of an unfinished training there."""

_METRICS, _METRICS_LIMIT = "metrics.json", 1 << 20
_OWN_KEYS = {"accuracy", "confusion", "recipe", "seed"}
"""Keys by which a metrics.json is known to be a training's."""


def metrics_of(training: Training) -> dict[str, Any]:
    """All figures of a training, ready for JSON."""
    data = training.data
    import keras
    import tensorflow as tf

    labels, scores = data.test.labels, training.scores
    matrix = confusion_matrix(labels, scores.argmax(axis=1), len(data.labels))
    simulated = None
    if training.simulated is not None:
        answers = scores_of(training.simulated, data.test.images, training.recipe.raw_pixels).argmax(axis=1)
        simulated = {
            "accuracy": float((answers == labels).mean()),
            "agreement": float((answers == scores.argmax(axis=1)).mean()),
        }
    return {
        "accuracy": training.accuracy,
        "log_loss": log_loss(labels, scores),
        "labels": data.labels,
        "recall": _per_class(data, recalls(matrix)),
        "precision": _per_class(data, precisions(matrix)),
        "confusion": matrix.tolist(),
        "simulated_int8": simulated,
        "validation_accuracy": training.epochs[-1].validation_accuracy,
        "network": training.recipe.network.outline(len(data.labels)),
        "parameters": int(training.model.count_params()),
        "seconds": training.seconds,
        "seed": training.seed,
        "recipe": dataclasses.asdict(training.recipe),
        "teacher": [] if training.teacher is None else list(training.teacher.sha256),
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


def write_training(training: Training, out: Path | str, *, h5: bool = False) -> dict[str, Any]:
    """Writes the model, its figures and its pictures into a directory, each file all or nothing, the model last.

    Args:
        training: From `numbre_train.train`.
        out: The directory; it is made if it does not exist.
        h5: Whether to write trainedMNISTModel.h5 as well, Keras's older format.

    Returns:
        The figures, as in metrics.json.

    Raises:
        OutputError: `out` cannot be written, or holds a file of such a name that no training wrote.
    """
    from numbre_train import plots

    out, data = Path(out), training.data
    metrics = metrics_of(training)
    classes = data.labels
    first, test = data.train.take(data.split.fit[:40]), data.test
    pictures = {
        "first_images.png": plots.first_images(first.images, first.labels, classes),
        "curves.png": plots.curves(training.epochs),
        "confusion.png": plots.confusion(np.array(metrics["confusion"]), metrics["accuracy"], classes),
        "first_layer.png": plots.weight_images(
            first_weights(training.model), names=training.recipe.network.unit_names(classes)
        ),
        "predictions.png": plots.predictions(test.images, test.labels, training.scores, classes),
    }
    # Everything is made before anything is written, so that model and figures hardly ever come from two trainings.
    # First the file by which the directory is known to be a training's, should the writing be interrupted.
    files = {_METRICS: (json_text(metrics, indent=1) + "\n").encode()}
    files.update({name: plots.png(figure) for name, figure in pictures.items()})
    files["history.csv"] = history_csv(training.epochs)
    # The exporter looks for this file beside the model.
    files[LABELS_FILE] = format_labels(classes)
    deployed = training.model
    if training.recipe.wild:
        deployed = with_logits(training.model)
        abstention = measured_abstention(deployed, data.validation, training.recipe.raw_pixels, training.seed)
        files[ABSTENTION_FILE] = format_abstention(abstention)
    if h5:
        files["trainedMNISTModel.h5"] = model_bytes(training.model, ".h5")
    files["model.keras"] = model_bytes(deployed, ".keras")
    refuse_foreign(out)
    if ABSTENTION_FILE not in files:
        # The file of an earlier training would make the exporter look for a class that this model does not have.
        (out / ABSTENTION_FILE).unlink(missing_ok=True)
    for name, content in files.items():
        write_atomic(out / name, content)
    return metrics


def refuse_foreign(out: Path) -> None:
    """Keeps a training from replacing files that no training wrote.

    A training wrote all of `FILES` in a directory whose metrics.json is a training's, and a checkpoint that reads as
    one.

    Raises:
        OutputError: `out` holds another file of such a name.
    """
    own = _is_metrics(out / _METRICS)
    for name in FILES:
        path = out / name
        if path.is_dir() or (path.exists() and not own):
            _refuse(path)
    if (out / CHECKPOINT).exists() and not is_checkpoint(out / CHECKPOINT):
        _refuse(out / CHECKPOINT)


def _refuse(path: Path) -> NoReturn:
    raise OutputError(f"{path}: is there, and no training wrote it; choose another --out")


def _is_metrics(path: Path) -> bool:
    try:
        content = parse_json(read_limited(path, _METRICS_LIMIT, DataError), str(path), DataError)
    except DataError:
        return False
    return isinstance(content, dict) and content.keys() >= _OWN_KEYS


def history_csv(epochs: Sequence[Epoch]) -> bytes:
    """The figures of each epoch, as CSV with a header."""
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(Epoch)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(epoch) for epoch in epochs)
    return text.getvalue().encode()


def model_bytes(model: Any, suffix: str) -> bytes:
    """The model as Keras saves it in the format of this suffix, ".keras" or ".h5"."""
    import keras

    with tempfile.TemporaryDirectory() as directory, quiet_engine():
        path = Path(directory) / f"model{suffix}"
        if suffix == ".h5":
            keras.saving.save_model(model, path, include_optimizer=False)
        else:
            model.save(path)
        return path.read_bytes()
