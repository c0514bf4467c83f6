"""Trains tiny.int8.tflite: a digit classifier for 2 kB of RAM. About three minutes on one core.

The picture (784 bytes), all activations and the stack have to fit into an ATmega328P; hence a first convolution that
takes every second pixel, and max pools right behind the convolutions, which the C library computes at once.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export import export_model
from numbre_runtime.bundle import read_bundle
from numbre_train.data import load_mnist
from numbre_train.keras_engine import keras

HERE = Path(__file__).resolve().parent
_EPOCHS, _BATCH, _VALIDATION = 18, 64, 5000


def main() -> int:
    """Trains, exports, and writes the int8 TFLite file."""
    engine, mnist, generator = keras(), load_mnist(), np.random.default_rng(0)
    engine.utils.set_random_seed(1)
    images, labels = mnist.train_images[_VALIDATION:], mnist.train_labels[_VALIDATION:]
    network = _network(engine)
    schedule = engine.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * (len(images) // _BATCH))
    network.compile(engine.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    for _ in range(_EPOCHS):
        order = generator.permutation(len(images))
        moved = _moved(images[order], generator)[..., None].astype(np.float32) / 255
        network.fit(moved, labels[order], batch_size=_BATCH, shuffle=False, verbose=0)
    with tempfile.TemporaryDirectory() as directory:
        bundle = read_bundle(export_model(network, None, f"{directory}/bundle", formats=("tflite",)).path)
    (HERE / "tiny.int8.tflite").write_bytes(bundle.contents["model.int8.tflite"])
    return 0


def _network(engine: Any) -> Any:
    layers = engine.layers
    return engine.Sequential(
        [
            engine.Input((28, 28, 1)),
            layers.Conv2D(8, 5, strides=2, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ],
        name="tiny",
    )


def _moved(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each image moved by up to one pixel."""
    steps = generator.integers(-1, 2, (len(images), 2))
    return np.stack([np.roll(image, tuple(step), (0, 1)) for image, step in zip(images, steps, strict=True)])


if __name__ == "__main__":
    sys.exit(main())
