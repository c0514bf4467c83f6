"""The course of a training: the figures of each epoch, and the loss at more moments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch."""

    epoch: int
    """Number of the epoch; 1 is the first."""
    seconds: float
    """Wall time, validation included."""
    rate: float
    """Learning rate of its last step."""
    loss: float
    """Mean cross-entropy on the fitting rows, distorted, measured while the weights changed."""
    accuracy: float
    """Accuracy on the same rows, 0–1."""
    validation_loss: float | None
    """Mean cross-entropy on the validation rows after the epoch; None where there are none."""
    validation_accuracy: float | None
    """Accuracy on the same rows, 0–1; None where there are none."""

    def line(self, epochs: int) -> str:
        """The figures as one line of progress, of so many epochs."""
        watched = ""
        if self.validation_accuracy is not None:
            watched = f"  validation loss {self.validation_loss:.4f} accuracy {self.validation_accuracy:.2%}"
        return (
            f"epoch {self.epoch:3}/{epochs}  loss {self.loss:.4f} accuracy {self.accuracy:.2%}{watched}  "
            f"{self.seconds:.1f} s"
        )


@dataclass(frozen=True)
class Period:
    """The loss at one moment of a training."""

    step: int
    """Steps done."""
    epoch: float
    """Passes over the rows done."""
    fit_loss: float
    """Log loss on the first fitting rows (10,000 at most), undistorted and without dropout."""
    validation_loss: float | None
    """Log loss on the validation rows; None where there are none."""
