"""Dense networks: hidden layers of any number and size, NUMBRE, and softmax regression."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from numbre_train.keras_engine import keras
from numbre_train.networks.base import Network

PARAMETERS = 106_391
"""Number of weights and biases of the NUMBRE network with ten classes."""
ACTIVATIONS = ("relu", "tanh", "sigmoid", "leaky_relu")
"""The activations that a hidden layer may have: those that TFLite computes in int8 (ELU, for example, it does not)."""

_LAYERS, _UNITS = (1, 3), (32, 512)
_SEARCHED_ACTIVATIONS = ("relu", "tanh")


@dataclass(frozen=True)
class DenseNetwork(Network):
    """784 pixels in, hidden layers, softmax out; Glorot uniform weights, all zero where there is no hidden layer."""

    hidden: tuple[int, ...] = ()
    """Units of each hidden layer; without any it is a linear classifier (softmax regression)."""
    activation: str = "relu"
    """Activation of the hidden layers, one of `ACTIVATIONS`."""
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
        # The loss of a linear classifier is convex, so it needs no random start. Starting at zero, the weights of
        # pixels that never hold ink stay zero, which keeps them out of the quantization range and of the pictures.
        start = "glorot_uniform" if self.hidden else "zeros"
        scores = layers.Dense(
            classes, activation="softmax", kernel_initializer=start, kernel_regularizer=penalty, name="scores"
        )
        return [*stack, scores]

    def outline(self, classes: int) -> str:
        """Units of every layer, as 784-25-256-300-10."""
        return "-".join(str(units) for units in (784, *self.hidden, classes))

    def options(self) -> frozenset[str]:
        """All fields but the name."""
        return frozenset({"hidden", "activation", "dropout", "input_dropout", "l2"})

    def suggest(self, trial: Any, fixed: Collection[str]) -> Self:
        """See `Network.suggest`."""
        changes: dict[str, Any] = {}
        free = self.options() - set(fixed)
        if "hidden" in free:
            layers = trial.suggest_int("layers", *_LAYERS)
            changes["hidden"] = (trial.suggest_int("units", *_UNITS, log=True),) * layers
        if "activation" in free:
            changes["activation"] = trial.suggest_categorical("activation", _SEARCHED_ACTIVATIONS)
        if "dropout" in free:
            changes["dropout"] = trial.suggest_float("dropout", 0.0, 0.6)
        if "input_dropout" in free:
            changes["input_dropout"] = trial.suggest_float("input_dropout", 0.0, 0.3)
        if "l2" in free:
            changes["l2"] = trial.suggest_float("l2", 1e-7, 1e-3, log=True)
        return replace(self, **changes)

    def unit_names(self, classes: Sequence[str]) -> tuple[str, ...]:
        """The classes if the network is linear."""
        return () if self.hidden else tuple(classes)


class NumbreNetwork(DenseNetwork):
    """The NUMBRE network, whose layers are fixed."""

    def options(self) -> frozenset[str]:
        """None."""
        return frozenset()


class LinearNetwork(DenseNetwork):
    """Softmax regression."""

    def options(self) -> frozenset[str]:
        """The weights' penalty alone, as there is no hidden layer."""
        return frozenset({"l2"})


NUMBRE = NumbreNetwork("numbre", hidden=(25, 256, 300))
LINEAR = LinearNetwork("linear")
DNN = DenseNetwork("dnn", hidden=(512, 512), dropout=0.5, input_dropout=0.2)
