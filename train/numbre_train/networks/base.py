"""What every network has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_train.keras_engine import keras

DIGITS = 10
"""Number of classes, unless the data set has others."""


@dataclass(frozen=True)
class Network(ABC):
    """A network for images (28, 28), with softmax over the classes at its end."""

    name: str
    """What `--model` calls it."""

    def build(self, raw_pixels: bool, seed: int, classes: int = DIGITS) -> Any:
        """The network with its initial weights.

        Args:
            raw_pixels: Whether it takes pixels 0–255 as they are; else pixels / 255. The input layer's name says so,
                and the exporter goes by it.
            seed: Seed of the initial weights and of dropout.
            classes: Number of scores.

        Returns:
            A keras.Sequential: (N, 784) or (N, 28, 28, 1) float32 in, (N, classes) float32 softmax out.
        """
        module = keras()
        module.utils.set_random_seed(seed)
        module.backend.clear_session()
        entry = module.layers.Input(self.input_shape, name="pixels_0_255" if raw_pixels else "pixels_0_1")
        return module.Sequential([entry, *self.stack(module.layers, seed, classes)], name=self.name)

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape in which it takes one image."""

    @abstractmethod
    def stack(self, layers: Any, seed: int, classes: int) -> list[Any]:
        """The layers after the input, from the module keras.layers."""

    @abstractmethod
    def outline(self, classes: int) -> str:
        """The layers in a few words."""

    def scores_are_first(self) -> bool:
        """Whether the first layer's units are the classes themselves, so that its weights show what each looks for."""
        return False


def first_weights(model: Any) -> NDArray[np.float32]:
    """The weights of the first layer that has any, (inputs of a unit, units) float32; a square image a unit."""
    weights: NDArray[np.float32] = model.trainable_variables[0].numpy()
    return weights.reshape(-1, weights.shape[-1])
