"""TensorFlow and Keras, imported late and without their greetings."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.imports import importing


@cache
def tensorflow() -> Any:
    """The module tensorflow; its import takes seconds."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_engine():
        with importing():
            import tensorflow as tf

        tf.config.list_physical_devices()
        # It warns if a graph is built again and again, as it is when many models are trained one after another.
        tf.get_logger().setLevel("ERROR")
    return tf


def keras() -> Any:
    """The module keras, on TensorFlow."""
    tensorflow()
    import keras as module

    return module


def begin_repeatable(seed: int) -> None:
    """Makes everything that TensorFlow and Keras do from here on repeatable, bit for bit on the same machine.

    This holds for the whole process. With it, TensorFlow refuses random operations until a seed is set, therefore this
    function sets one, and nothing calls it before a training.

    Args:
        seed: Seed of TensorFlow, NumPy and Python, 0 ≤ seed < 2³¹.
    """
    tensorflow().config.experimental.enable_op_determinism()
    keras().utils.set_random_seed(seed)
