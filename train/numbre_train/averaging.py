"""A moving average of a network's weights, which answers better than the weights of any one step.

Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992; as an exponential moving average
with a momentum that grows in the first steps, as TensorFlow's ExponentialMovingAverage has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numbre_train.keras_engine import tensorflow


class WeightAverage:
    """The average of all of a model's variables, the statistics of batch normalization included."""

    def __init__(self, model: Any, momentum: float) -> None:
        """Begins with the model's present weights.

        Args:
            model: A keras model.
            momentum: Share of the average that each step keeps, 0 ≤ momentum < 1.
        """
        tf = tensorflow()
        self._momentum = momentum
        self._pairs = [
            (variable, tf.Variable(variable.value))
            for variable in model.variables
            if variable.dtype.startswith("float")  # the state of a random generator has no average
        ]

    @property
    def variables(self) -> list[Any]:
        """What a checkpoint has to hold."""
        return [average for _, average in self._pairs]

    def update(self, step: Any) -> None:
        """Takes the weights in after step 0, 1, …, inside a graph."""
        tf = tensorflow()
        done = tf.cast(step, tf.float32)
        kept = tf.minimum(self._momentum, (1 + done) / (10 + done))
        for variable, average in self._pairs:
            average.assign_add((1 - kept) * (variable.value - average))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it, the model has the averaged weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def keep(self) -> None:
        """Gives the model the averaged weights for good."""
        for variable, average in self._pairs:
            variable.assign(average)

    def _exchange(self) -> None:
        for variable, average in self._pairs:
            present = variable.numpy()
            variable.assign(average)
            average.assign(present)
