"""Learning from a teacher: larger trained networks, whose scores tell more of a picture than its label does.

Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015: besides the labels, the network learns the
mean scores of its teachers, softened by a temperature. The teachers see the same distorted picture.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.manifest import PIXEL_SCALES
from numbre_runtime.measures import SMALLEST_SCORE
from numbre_train.keras_engine import keras, tensorflow

TEACHER_SHARE = 0.5
"""Share of the loss that compares with the teachers; the rest compares with the labels."""
TEMPERATURE = 2.0
"""By which the logarithms of all scores are divided before they are compared."""
_LARGEST_FILE = 256 << 20
_PIXELS, _TOLERANCE = 28 * 28, 1e-3


@dataclass(frozen=True)
class Teacher:
    """One or several trained networks, whose scores are averaged."""

    models: tuple[Any, ...]
    """keras models for pictures 28×28 that end in a softmax over the student's classes."""
    sha256: tuple[str, ...]
    """Of their files."""

    def scores(self, pixels: Any) -> Any:
        """The mean scores, (N, classes) float32, of (N, 28, 28) float32 pixels 0–1."""
        tf = tensorflow()
        return tf.add_n([self._of(model, pixels) for model in self.models]) / len(self.models)

    @staticmethod
    def _of(model: Any, pixels: Any) -> Any:
        raw = model.inputs[0].name == "pixels_0_255"
        inputs = pixels / PIXEL_SCALES["unit"] if raw else pixels
        return model(tensorflow().reshape(inputs, [-1, *model.input_shape[1:]]), training=False)


def read_teacher(directories: Sequence[Path], classes: int) -> Teacher:
    """Reads the models of finished trainings.

    Args:
        directories: What `numbre-train` wrote, each with a model.keras. Keras reads it in its safe mode.
        classes: Number of scores of the student.

    Raises:
        DataError: A file is missing, is no Keras model, does not score that many classes of pictures 28×28,
            or gives logits, as the model of the recipe wild does.

    Example:
        >>> from pathlib import Path
        >>> read_teacher([Path("build/nothing")], classes=10)
        Traceback (most recent call last):
        numbre_runtime.errors.DataError: build/nothing/model.keras: ...
    """
    models, digests = [], []
    for directory in directories:
        path = directory / "model.keras"
        digests.append(hashlib.sha256(read_limited(path, _LARGEST_FILE, DataError)).hexdigest())
        try:
            model = keras().saving.load_model(path, compile=False, safe_mode=True)
        # Keras raises whatever a damaged archive leads it to.
        except Exception as cause:
            raise DataError(f"{path}: not a readable Keras model ({type(cause).__name__}); train it again") from cause
        if math.prod(side or 0 for side in model.input_shape[1:]) != _PIXELS or model.output_shape != (None, classes):
            raise DataError(
                f"{path}: takes {model.input_shape[1:]} and gives {model.output_shape[1:]}; "
                f"expected pictures 28×28 and {classes} scores"
            )
        total = float(model(np.zeros((1, *model.input_shape[1:]), np.float32)).numpy().sum())
        if abs(total - 1) > _TOLERANCE:
            raise DataError(f"{path}: its scores sum up to {total:.3g}; expected a model that ends in a softmax")
        models.append(model)
    return Teacher(tuple(models), tuple(digests))


def distillation_loss(scores: Any, teacher: Any) -> Any:
    """The mean divergence of the softened scores from the teacher's, times the square of the temperature.

    The square keeps the size of its gradient independent of the temperature.

    Args:
        scores: (N, classes) softmax of the student.
        teacher: (N, classes) mean softmax of the teachers.
    """
    tf = tensorflow()
    logarithms = tf.math.log(tf.maximum(scores, SMALLEST_SCORE)) / TEMPERATURE
    target = tf.nn.softmax(tf.math.log(tf.maximum(teacher, SMALLEST_SCORE)) / TEMPERATURE)
    divergence = tf.reduce_sum(target * (tf.math.log(target) - tf.nn.log_softmax(logarithms)), axis=1)
    return TEMPERATURE**2 * tf.reduce_mean(divergence)
