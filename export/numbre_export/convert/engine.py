"""The converters, imported late and kept quiet."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from typing import Any

from numbre_export.convert.reasons import plain_reason
from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.errors import ModelError
from numbre_runtime.imports import importing


@cache
def tensorflow() -> Any:
    """The module tensorflow, with Keras on it; its import takes seconds."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_engine():
        with importing():
            import tensorflow as tf

        tf.config.list_physical_devices()
    return tf


def keras() -> Any:
    """The module keras, on TensorFlow."""
    tensorflow()
    import keras as module

    return module


@contextmanager
def quiet_converter(name: str) -> Iterator[None]:
    """Holds back what a converter prints to both streams and its warnings.

    Raises:
        ModelError: Anything went wrong in the block; converters raise kinds that share no parent.
    """
    with quiet_engine(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except ModelError:
            raise
        except Exception as cause:
            raise ModelError(f"{name} does not take this model: {plain_reason(cause)}") from cause
