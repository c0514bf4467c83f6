"""The `numpy` backend: an int8 TFLite model computed in NumPy alone, as TensorFlow Lite's reference kernels do.

For boards that no engine has a wheel for, and the arbiter where two engines disagree: whole numbers leave nothing to
the order of additions, so that it gives the same bits on every processor.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.base import Session, refused
from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.convolution import conv_2d, depthwise_conv_2d
from numbre_runtime.kernels.dense import fully_connected
from numbre_runtime.kernels.model import Layer, Tensor, read_layers
from numbre_runtime.kernels.pooling import average_pool_2d, max_pool_2d
from numbre_runtime.kernels.requantize import Kernel, int8_tensor
from numbre_runtime.kernels.reshape import reshape
from numbre_runtime.kernels.softmax import softmax

KERNELS: dict[str, Callable[[Layer], Kernel]] = {
    "AVERAGE_POOL_2D": average_pool_2d,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "RESHAPE": reshape,
    "SOFTMAX": softmax,
}
"""Operator name to what makes its kernel."""

_VALUES_AT_ONCE = 1 << 22
"""Values of the widest intermediate array that one run may hold; 4 to 8 bytes each."""


class IntegerSession:
    """A chain of kernels; they keep no state, so that any number of threads may run them."""

    def __init__(self, layers: list[Layer]) -> None:
        self.version = f"numpy {np.__version__}"
        self._shape = _input(layers).shape[1:]
        self._kernels = [KERNELS[layer.name](layer) for layer in layers]
        self._rows = max(1, _VALUES_AT_ONCE // max(_values(layer) for layer in layers))

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """See `Session.run`."""
        if len(rows) > self._rows:
            parts = range(0, len(rows), self._rows)
            return np.concatenate([self.run(rows[start : start + self._rows]) for start in parts])
        stored = rows.reshape(len(rows), *self._shape)
        for kernel in self._kernels:
            stored = kernel(stored)
        return stored.reshape(len(rows), -1)


def open_model(content: bytes, threads: int) -> Session:  # noqa: ARG001 - NumPy's own threads are not ours to set
    """See `Backend.open_model`."""
    try:
        return IntegerSession(read_layers(content))
    except BackendUnsupportedError:
        raise
    except (ValueError, IndexError, OverflowError, struct.error, MemoryError) as cause:
        raise refused("The numpy backend", cause) from cause


def _input(layers: list[Layer]) -> Tensor:
    if not layers:
        raise ValueError("a model without layers")
    return int8_tensor(layers[0].inputs[0])


def _values(layer: Layer) -> int:
    """Values of the widest array that a layer makes for one input."""
    weights = layer.inputs[1] if len(layer.inputs) > 1 and "CONV" in layer.name else None
    taps = math.prod(weights.shape[1:]) if weights is not None else 1
    if layer.name == "DEPTHWISE_CONV_2D" and weights is not None:
        taps = math.prod(weights.shape[1:3])
    sizes = (int8_tensor(layer.inputs[0]).shape, layer.output.shape)
    places = math.prod(layer.output.shape[1:3]) if taps > 1 else 0
    return max(places * taps, *(math.prod(shape[1:]) for shape in sizes))
