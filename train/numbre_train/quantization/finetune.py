"""Quantization-aware fine-tuning of a trained network."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.data import Rows, calibration_rows
from numbre_train.distillation import Teacher
from numbre_train.fit import fit, network_input, scores_of
from numbre_train.history import Epoch
from numbre_train.quantization.conversion import plain_model, quantize
from numbre_train.recipes import Recipe

_LOGGER = logging.getLogger(__name__)
_CALIBRATION_ROWS = 500
"""As many as the exporter draws by default, and by the same rule."""
_EPOCHS_SHARE, _RATE_SHARE = 0.25, 0.1
"""Epochs and peak learning rate of the fine-tuning, as shares of the recipe's; chosen on validation rows."""


@dataclass(frozen=True)
class FineTuned:
    """The outcome of quantization-aware fine-tuning."""

    model: Any
    """The plain Keras model to export, see `plain_model`."""
    simulated: Any
    """The Keras model that computes like its int8 file."""
    epochs: list[Epoch]
    """The figures of each epoch of the fine-tuning."""


def finetune(
    model: Any, recipe: Recipe, rows: Rows, validation: Rows | None, seed: int, teacher: Teacher | None = None
) -> FineTuned:
    """Trains a model further while its int8 rounding is simulated.

    Args:
        model: The model trained by the recipe.
        recipe: Its learning rate and epochs are shortened for the fine-tuning.
        rows: The rows to learn, the same as before.
        validation: Rows that are evaluated after each epoch; None for none.
        seed: Seed of the order of the rows and of their distortion.
        teacher: Trained networks whose scores are learned beside the labels; None for none.

    Raises:
        QuantizeError: The model has a layer whose rounding is not simulated.
        DivergedError: The loss became NaN or infinite.
    """
    inputs = calibration_inputs(model, rows, recipe.raw_pixels)
    simulated = quantize(model, inputs)
    shorter = dataclasses.replace(
        recipe,
        epochs=max(1, round(recipe.epochs * _EPOCHS_SHARE)),
        rate=recipe.rate * _RATE_SHARE,
        constant_rate=False,
    )
    _LOGGER.info("quantization-aware fine-tuning: %d epochs", shorter.epochs)

    def report(epoch: Epoch) -> None:
        _LOGGER.info(epoch.line(shorter.epochs))

    # Another order and other distortions than in the training.
    _, epochs = fit(
        shorter,
        rows,
        validation,
        seed + 1,
        model.output_shape[-1],
        model=simulated,
        on_epoch=report,
        teacher=teacher,
    )
    return FineTuned(plain_model(simulated, inputs), simulated, epochs)


def calibration_inputs(model: Any, rows: Rows, raw_pixels: bool) -> NDArray[np.float32]:
    """The rows that the exporter calibrates with, (N, *input shape) float32."""
    count = min(_CALIBRATION_ROWS, len(rows))
    smallest = int(np.bincount(rows.labels)[np.unique(rows.labels)].min())
    count = min(count, smallest * len(np.unique(rows.labels)))
    drawn = calibration_rows(rows.labels, np.arange(len(rows)), count)
    return network_input(rows.images[drawn], raw_pixels).reshape(-1, *model.input_shape[1:])


def agreement(model: Any, simulated: Any, rows: Rows, raw_pixels: bool) -> float:
    """The share of rows, 0–1, on which a plain model and its simulated int8 file give the same answer."""
    answers = (scores_of(item, rows.images, raw_pixels).argmax(axis=1) for item in (model, simulated))
    return float((next(answers) == next(answers)).mean())
