"""NUMBRE's network and weights in Keras on TensorFlow, through `model.predict`, as its tutorials do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import Images, Peer

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def load(folder: Path) -> Peer:
    """See `harness`."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with np.load(folder / "weights.npz") as weights:
        pairs = [(weights[f"kernel_{index}"], weights[f"bias_{index}"]) for index in range(len(weights) // 2)]
    activations = ["relu"] * (len(pairs) - 1) + ["softmax"]
    layers = [keras.layers.Dense(len(bias), act) for (_, bias), act in zip(pairs, activations, strict=True)]
    model = keras.Sequential([keras.layers.Input((784,)), *layers])
    model.set_weights([array for pair in pairs for array in pair])

    def batch(images: Images) -> NDArray[Any]:
        values = images.reshape(-1, 784).astype(np.float32) / 255
        answers: NDArray[Any] = model.predict(values, batch_size=1000, verbose=0).argmax(axis=1)
        return answers

    return lambda image: int(batch(image)[0]), batch
