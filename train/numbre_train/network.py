"""The networks: NUMBRE, softmax regression, and dense networks of any shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.engine import keras

PARAMETERS = 106_391
"""Number of weights and biases of the NUMBRE network."""
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu")
"""The activations of hidden layers that become int8 throughout; ELU, for one, stays float32 in TFLite."""


@dataclass(frozen=True)
class Network:
    """A dense network, 784 pixels in, hidden layers, softmax over the ten digits out."""

    name: str
    """What `--model` calls it."""
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

    def build(self, raw_pixels: bool, seed: int) -> Any:
        """The network with Glorot uniform weights and zero biases; all zero where there is no hidden layer.

        Args:
            raw_pixels: Whether it takes pixels 0–255 as they are; else pixels / 255. The input layer's name says so,
                and the exporter goes by it.
            seed: Seed of the initial weights and of dropout.

        Returns:
            A keras.Sequential: (N, 784) float32 in, (N, 10) float32 softmax out.
        """
        module = keras()
        module.utils.set_random_seed(seed)
        module.backend.clear_session()
        layers = module.layers
        penalty = module.regularizers.L2(self.l2) if self.l2 else None
        stack = [layers.Input((784,), name="pixels_0_255" if raw_pixels else "pixels_0_1")]
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
        stack.append(
            layers.Dense(10, activation="softmax", kernel_initializer=start, kernel_regularizer=penalty, name="digits")
        )
        return module.Sequential(stack, name=self.name)


NUMBRE = Network("numbre", hidden=(25, 256, 300))
LINEAR = Network("linear")
DNN = Network("dnn", hidden=(512, 512), dropout=0.5, input_dropout=0.2)


def numbre_network(raw_pixels: bool, seed: int) -> Any:
    """The NUMBRE network, 784 → 25 → 256 → 300 → 10; see `Network.build`."""
    return NUMBRE.build(raw_pixels, seed)


def first_weights(model: Any) -> NDArray[np.float32]:
    """The weights from the pixels to the first layer that has any, (784, units) float32."""
    weights: NDArray[np.float32] = model.trainable_variables[0].numpy()
    return weights
