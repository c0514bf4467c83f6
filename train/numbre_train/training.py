"""One training from a data set to a measured model, the function behind `numbre_train.train`."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.data import Dataset, Rows
from numbre_train.distillation import Teacher
from numbre_train.fit import Moments, fit, scores_of, steps_per_epoch
from numbre_train.history import Epoch
from numbre_train.recipes import Recipe, recipe_named
from numbre_train.wild.in_the_wild import in_the_wild

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """A trained model, how it was trained, and its scores of the test rows."""

    recipe: Recipe
    """The recipe it was trained by."""
    data: Dataset
    """The data set; with the recipe `wild`, its photo-like copies included."""
    seed: int
    """Seed of the initial weights, of the order of the rows and of their distortion."""
    model: Any
    """The keras model."""
    epochs: list[Epoch]
    """The figures of each epoch."""
    seconds: float
    """Wall time of all epochs, in seconds; after a resumption, of those before it too."""
    scores: NDArray[np.float32]
    """(N, classes) scores of the test rows, 0–1."""
    simulated: Any = None
    """The Keras model that computes like the model's int8 file; None without quantization-aware training."""
    teacher: Teacher | None = None
    """The trained networks that it learned from beside the labels; None for none."""

    @property
    def accuracy(self) -> float:
        """Accuracy on the test rows, 0–1."""
        return float((self.scores.argmax(axis=1) == self.data.test.labels).mean())


def train(
    recipe: Recipe | str,
    data: Dataset,
    seed: int = 0,
    *,
    epochs: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
    moments: Callable[[int], Moments] | None = None,
    teacher: Teacher | None = None,
) -> Training:
    """Trains a network on a data set's fitting rows and measures it once on the test rows.

    The same arguments on the same machine give the same weights, bit for bit. Progress is logged, a line
    for each epoch, by the logger `numbre_train.training` at level INFO.

    Args:
        recipe: A recipe, or its name: numbre, best, plain, linear, dnn, small, micro or wild.
        data: From `load_dataset`.
        seed: Seed of the initial weights, of the order of the rows and of their distortion, 0 ≤ seed < 2³¹.
        epochs: Passes over the rows instead of the recipe's.
        checkpoint: A file that is written after each epoch; the caller deletes it when the model is saved.
        resume: Whether to continue from the checkpoint.
        on_epoch: Called after each epoch.
        moments: Called with the number of steps of the whole training; returns the steps at which to look at the
            network.
        teacher: Trained networks whose scores are learned beside the labels, from `read_teacher`.

    Raises:
        RecipeError: No recipe has this name.
        DivergedError: The loss became NaN or infinite.
        QuantizeError: The recipe quantizes, and the network has a layer whose rounding is not simulated.
        DataError: The checkpoint to resume from is missing, damaged or of another training; or the recipe is for digits
            and the data are not.

    Example:
        >>> import numbre_train
        >>> data = numbre_train.load_dataset()  # MNIST
        >>> training = numbre_train.train("linear", data, epochs=1)
        >>> training.accuracy > 0.85
        True
        >>> training.model.input_shape, training.scores.shape
        ((None, 784), (10000, 10))
    """
    recipe = recipe_named(recipe) if isinstance(recipe, str) else recipe
    if epochs is not None:
        recipe = dataclasses.replace(recipe, epochs=epochs)
    if recipe.wild:
        _LOGGER.info("making photo-like copies of the digits, and images that show no digit …")
        data = in_the_wild(data, seed)
    rows, validation = rows_for(recipe, data)
    _LOGGER.info("recipe %s, seed %d: %s images, %d epochs", recipe.name, seed, f"{len(rows):,}", recipe.epochs)

    def report(epoch: Epoch) -> None:
        _LOGGER.info(epoch.line(recipe.epochs))
        on_epoch(epoch)

    model, history = fit(
        recipe,
        rows,
        validation,
        seed,
        len(data.labels),
        checkpoint=checkpoint,
        resume=resume,
        on_epoch=report,
        moments=moments(recipe.epochs * steps_per_epoch(recipe, rows)) if moments is not None else None,
        teacher=teacher,
    )
    simulated = None
    if recipe.quantize:
        from numbre_train.quantization.finetune import finetune

        tuned = finetune(model, recipe, rows, validation, seed, teacher)
        model, simulated = tuned.model, tuned.simulated
        history = history + [
            dataclasses.replace(epoch, epoch=number) for number, epoch in enumerate(tuned.epochs, len(history) + 1)
        ]
    seconds = sum(epoch.seconds for epoch in history)
    scores = scores_of(model, data.test.images, recipe.raw_pixels)
    return Training(recipe, data, seed, model, history, seconds, scores, simulated, teacher)


def rows_for(recipe: Recipe, data: Dataset) -> tuple[Rows, Rows | None]:
    """The rows to fit and to validate on; a recipe that fits on all rows leaves none to validate."""
    return (data.train, None) if recipe.all_rows else (data.fit, data.validation)
