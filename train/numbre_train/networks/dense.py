"""Dense networks: NUMBRE, softmax regression, and hidden layers of any number and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numbre_train.keras_engine import keras
from numbre_train.networks.base import Network

PARAMETERS = 106_391
"""Number of weights and biases of the NUMBRE network."""
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu")
"""The activations of hidden layers that become int8 throughout; ELU, for one, stays float32 in TFLite."""


@dataclass(frozen=True)
class DenseNetwork(Network):
    """784 pixels in, hidden layers, softmax out; Glorot uniform weights, all zero where there is no hidden layer."""

    hidden: tuple[int, ...] = ()
    """Units of each hidden layer; none makes it a linear classifier (softmax regression)."""
    activation: str = "relu"
    """Of the hidden layers, one of `ACTIVATIONS`."""
    dropout: float = 0.0
    """Share of each hidden layer's outputs that a training step leaves out, 0 ≤ share < 1."""
    input_dropout: float = 0.0
    """Share of the pixels that a training step leaves out, 0 ≤ share < 1."""
    l2: float = 0.0
    """Factor of the sum of squared weights (not biases) that is added to the loss."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(784,)."""
        return (784,)

    def stack(self, layers: Any, seed: int, classes: int) -> list[Any]:
        """See `Network.stack`."""
        penalty = keras().regularizers.L2(self.l2) if self.l2 else None
        stack = []
        if self.input_dropout:
            stack.append(layers.Dropout(self.input_dropout, seed=seed, name="dropout_0"))
        for index, units in enumerate(self.hidden, 1):
            activation = self.activation
            stack.append(layers.Dense(units, activation=activation, kernel_regularizer=penalty, name=f"hidden_{index}"))
            if self.dropout:
                stack.append(layers.Dropout(self.dropout, seed=seed + index, name=f"dropout_{index}"))
        # A linear classifier has one minimum and needs no chance to find it; from zero, the weights of pixels that
        # never hold ink stay zero, and so out of the way of quantization and of the eye.
        start = "glorot_uniform" if self.hidden else "zeros"
        scores = layers.Dense(
            classes, activation="softmax", kernel_initializer=start, kernel_regularizer=penalty, name="scores"
        )
        return [*stack, scores]

    def outline(self, classes: int) -> str:
        """Units of every layer, as 784-25-256-300-10."""
        return "-".join(str(units) for units in (784, *self.hidden, classes))

    def scores_are_first(self) -> bool:
        """Whether it is a linear classifier."""
        return not self.hidden


NUMBRE = DenseNetwork("numbre", hidden=(25, 256, 300))
LINEAR = DenseNetwork("linear")
DNN = DenseNetwork("dnn", hidden=(512, 512), dropout=0.5, input_dropout=0.2)


def numbre_network(raw_pixels: bool, seed: int) -> Any:
    """The NUMBRE network, 784 → 25 → 256 → 300 → 10; see `Network.build`."""
    return NUMBRE.build(raw_pixels, seed)
