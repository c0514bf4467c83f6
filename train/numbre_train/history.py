"""How a training went: what each epoch gave, and how the loss fell at moments between."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave."""

    epoch: int
    """1 is the first."""
    seconds: float
    """Wall time, validation included."""
    rate: float
    """Learning rate of its last step."""
    loss: float
    """Mean cross-entropy on the fitting rows, as they were distorted, while the weights changed."""
    accuracy: float
    """Share right on the same, 0–1."""
    validation_loss: float | None
    """Mean cross-entropy on the validation rows after the epoch; None where there are none."""
    validation_accuracy: float | None
    """Share right on the same, 0–1."""


@dataclass(frozen=True)
class Period:
    """The state at one moment of a training."""

    step: int
    """Steps done."""
    epoch: float
    """Passes over the rows done."""
    fit_loss: float
    """Log loss on the first fitting rows, at most `compare.run.FIT_ROWS_WATCHED`, undistorted and without dropout."""
    validation_loss: float | None
    """Log loss on the validation rows; None where there are none."""
