"""What every network has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from numbre_train.keras_engine import keras


@dataclass(frozen=True)
class Network(ABC):
    """The description of a network for images (28, 28) that ends in a softmax over the classes."""

    name: str
    """Its name in `--model`."""

    def build(self, raw_pixels: bool, seed: int, classes: int) -> Any:
        """Builds the network with its initial weights.

        Args:
            raw_pixels: True: it takes pixels 0–255; False: pixels divided by 255. The input layer's name tells which,
                and the exporter reads it.
            seed: Seed of the initial weights and of dropout.
            classes: Number of scores.

        Returns:
            A keras.Sequential: (N, 784) or (N, 28, 28, 1) float32 in, (N, classes) float32 softmax out.
        """
        module = keras()
        module.utils.set_random_seed(seed)
        module.backend.clear_session()
        pixels = module.layers.Input(self.input_shape, name="pixels_0_255" if raw_pixels else "pixels_0_1")
        return module.Sequential([pixels, *self.stack(module.layers, seed, classes)], name=self.name)

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """The shape in which the network takes one image."""

    @abstractmethod
    def stack(self, layers: Any, seed: int, classes: int) -> list[Any]:
        """The layers after the input.

        Args:
            layers: The module keras.layers.
            seed: Seed of dropout.
            classes: Number of scores.
        """

    @abstractmethod
    def outline(self, classes: int) -> str:
        """The layers in a few words."""

    def options(self) -> frozenset[str]:
        """The fields that a user may set, as "hidden" or "l2"; none unless the network says otherwise."""
        return frozenset()

    def suggest(self, trial: Any, fixed: Collection[str]) -> Self:  # noqa: ARG002 - nothing to vary here
        """A variant of this network for one trial of a search; itself where it has no options.

        Args:
            trial: An optuna Trial, or a FixedTrial that builds the same variant again.
            fixed: Options that keep their value.
        """
        return self

    def unit_names(self, classes: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - hidden units have no names
        """The names of the first layer's units: the classes if these are its units, none if they are hidden units."""
        return ()


def first_weights(model: Any) -> NDArray[np.float32]:
    """The kernel of a model's first layer with weights, (inputs of a unit, units) float32."""
    weights: NDArray[np.float32] = model.trainable_variables[0].numpy()
    return weights.reshape(-1, weights.shape[-1])
