"""The networks."""

from __future__ import annotations

from typing import Any

from numbre_train.engine import keras

PARAMETERS = 106_391
"""Number of weights and biases of the NUMBRE network."""


def numbre_network(raw_pixels: bool, seed: int) -> Any:
    """The NUMBRE network, 784 → 25 → 256 → 300 → 10, Glorot uniform weights and zero biases.

    Args:
        raw_pixels: Whether it takes pixels 0–255 as they are; else pixels / 255. The input layer's name says so,
            and the exporter goes by it.
        seed: Seed of the initial weights.

    Returns:
        A keras.Sequential: (N, 784) float32 in, (N, 10) float32 softmax out.
    """
    module = keras()
    module.utils.set_random_seed(seed)
    module.backend.clear_session()
    layers = module.layers
    return module.Sequential(
        [
            module.Input((784,), name="pixels_0_255" if raw_pixels else "pixels_0_1"),
            layers.Dense(25, activation="relu", name="hidden_1"),
            layers.Dense(256, activation="relu", name="hidden_2"),
            layers.Dense(300, activation="relu", name="hidden_3"),
            layers.Dense(10, activation="softmax", name="digits"),
        ],
        name="numbre",
    )
