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

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numbre_train.data import Dataset, Rows, load_dataset
    from numbre_train.distillation import Teacher, read_teacher
    from numbre_train.quantization.conversion import plain_model, quantize
    from numbre_train.recipes import Recipe, recipe_named
    from numbre_train.results import write_training
    from numbre_train.training import Training, train

_HOMES = {
    "Dataset": "numbre_train.data",
    "Recipe": "numbre_train.recipes",
    "Rows": "numbre_train.data",
    "Teacher": "numbre_train.distillation",
    "Training": "numbre_train.training",
    "load_dataset": "numbre_train.data",
    "plain_model": "numbre_train.quantization.conversion",
    "quantize": "numbre_train.quantization.conversion",
    "read_teacher": "numbre_train.distillation",
    "recipe_named": "numbre_train.recipes",
    "train": "numbre_train.training",
    "write_training": "numbre_train.results",
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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
