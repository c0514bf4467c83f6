"""TensorFlow and Keras, imported late, without their greetings, and set to give the same result every time."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.imports import importing


@cache
def tensorflow() -> Any:
    """The module tensorflow, deterministic; its import takes seconds."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_engine():
        with importing():
            import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        tf.config.list_physical_devices()
        # It warns of graphs being built again and again, which is what training many models one after another does.
        tf.get_logger().setLevel("ERROR")
    return tf


def keras() -> Any:
    """The module keras, on TensorFlow."""
    tensorflow()
    import keras as module

    return module
