"""Trains small classifiers of 28×28 images: a data set in, a Keras model with its figures and pictures out.

Example:
    >>> import numbre_train
    >>> data = numbre_train.load_dataset()  # MNIST; or load_dataset(["digits.csv"])
    >>> len(data.fit), len(data.validation), len(data.test)
    (55000, 5000, 10000)

`numbre_train.train("numbre", data)` then trains, and `numbre_train.write_training(training, "build/numbre")` writes the
model, its figures and its pictures. TensorFlow is imported when a training begins, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from numbre_runtime.first_use import at_first_use

if TYPE_CHECKING:
    from numbre_train.data import Dataset, Rows, load_dataset
    from numbre_train.distillation import Teacher, read_teacher
    from numbre_train.quantization.conversion import plain_model, quantize
    from numbre_train.recipes import Recipe, recipe_named
    from numbre_train.results import write_training
    from numbre_train.training import Training, train

_HOMES = {
    "Dataset": "data",
    "Recipe": "recipes",
    "Rows": "data",
    "Teacher": "distillation",
    "Training": "training",
    "load_dataset": "data",
    "plain_model": "quantization.conversion",
    "quantize": "quantization.conversion",
    "read_teacher": "distillation",
    "recipe_named": "recipes",
    "train": "training",
    "write_training": "results",
}
"""Public name to the module that defines it; imported at first use, so that `import numbre_train` takes no time."""

__all__ = [
    "Dataset",
    "Recipe",
    "Rows",
    "Teacher",
    "Training",
    "load_dataset",
    "plain_model",
    "quantize",
    "read_teacher",
    "recipe_named",
    "train",
    "write_training",
]

__getattr__ = at_first_use(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
