"""The converters, imported late and kept quiet."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import cache
from typing import Any

from numbre_runtime.cli.common import quiet_engine


@cache
def tensorflow() -> Any:
    """The module tensorflow, with Keras on it; its import takes seconds."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_engine():
        import tensorflow as tf

        tf.config.list_physical_devices()
    return tf


def keras() -> Any:
    """The module keras, on TensorFlow."""
    tensorflow()
    import keras as module

    return module


@contextmanager
def quiet_converter() -> Iterator[None]:
    """Holds back what converters print to both streams and their warnings, unless they fail."""
    with quiet_engine(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
