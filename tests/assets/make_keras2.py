"""Writes tests/assets/keras2/: small models as Keras 2 saved them, each with what it gives for inputs of ones.

Run it where the package tf_keras is installed (2.21 wrote the present files): python tests/assets/make_keras2.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

FOLDER = Path(__file__).parent / "keras2"
layers = tf_keras.layers


def nested() -> Any:
    """As Teachable Machine saves: a Sequential of a Sequential with a functional model in it, and a head."""
    pixels = tf_keras.Input((12, 12, 3))
    inner = layers.ReLU(6.0)(layers.BatchNormalization()(layers.DepthwiseConv2D(3)(layers.Conv2D(4, 3)(pixels))))
    features = tf_keras.Sequential([tf_keras.Model(pixels, inner), layers.GlobalAveragePooling2D()])
    head = [layers.Dense(8, "relu", input_shape=(4,)), layers.Dense(3, "softmax", use_bias=False)]
    return tf_keras.Sequential([features, tf_keras.Sequential(head)])


def arithmetic() -> Any:
    """A functional model that scales its input with operators, and calls another model."""
    part = tf_keras.Sequential([layers.SeparableConv2D(4, 3, input_shape=(12, 12, 1)), layers.LeakyReLU(0.2)])
    pixels = tf_keras.Input((12, 12, 1))
    values = tf.nn.relu(part(pixels / 127.5 - 1.0))
    return tf_keras.Model(pixels, layers.Dense(3)(layers.Flatten()(values)))


def recurrent() -> Any:
    """Recurrent layers, the first of which has the input's shape."""
    first = layers.Bidirectional(layers.LSTM(4, return_sequences=True), input_shape=(6, 4))
    return tf_keras.Sequential([first, layers.GRU(4), layers.Dense(3, "softmax")])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for make in (nested, arithmetic, recurrent):
        tf_keras.utils.set_random_seed(0)
        model = make()
        model.save(FOLDER / f"{make.__name__}.h5")
        scores = model(np.ones((2, *model.input_shape[1:]), np.float32))
        np.save(FOLDER / f"{make.__name__}.npy", np.asarray(scores))
