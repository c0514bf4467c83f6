"""The `numpy` backend: an int8 TFLite model computed in NumPy alone, as TensorFlow Lite's reference kernels do.

For boards that no engine has a wheel for, and the arbiter where two engines disagree: whole numbers leave nothing to
the order of additions, so that it gives the same bits on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.base import BATCH, Session, refused
from numbre_runtime.backends.tflite_structure import tflite_ends
from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.convolution import conv_2d, depthwise_conv_2d
from numbre_runtime.kernels.dense import fully_connected
from numbre_runtime.kernels.pooling import average_pool_2d, max_pool_2d
from numbre_runtime.kernels.requantize import Kernel, int8_tensor
from numbre_runtime.kernels.reshape import reshape
from numbre_runtime.kernels.softmax import softmax
from numbre_runtime.kernels.tflite_file import Layer, read_layers
from numbre_runtime.kernels.windows import WINDOWED, layer_windows, picture_shape
from numbre_runtime.tensors import Encoder, as_stored

KERNELS: dict[str, Callable[[Layer], Kernel]] = {
    "AVERAGE_POOL_2D": average_pool_2d,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "RESHAPE": reshape,
    "SOFTMAX": softmax,
}
"""Operator name to the function that makes its kernel."""

_VALUES_AT_ONCE, _VALUES_OF_ONE = 1 << 20, 1 << 24
"""Values of the widest intermediate array that one run should, and that one input may, hold; 1 to 8 bytes each."""


class IntegerSession:
    """A chain of kernels; they keep no state, so that any number of threads may run them.

    Raises:
        BackendUnsupportedError: A layer has no kernel.
        ValueError: The layers do not fit together, or one of them would exhaust a board's memory.
    """

    def __init__(self, layers: list[Layer]) -> None:
        if not layers:
            raise ValueError("a model without layers")
        self.version, self.batch = f"numpy {np.__version__}", BATCH
        self._shape = int8_tensor(layers[0].inputs[0]).shape[1:]
        self._kernels = [KERNELS[layer.name](layer) for layer in layers]
        widest = max(_values(layer) for layer in layers)
        if widest > _VALUES_OF_ONE:
            raise ValueError(f"a layer of {widest:,} values; at most {_VALUES_OF_ONE:,} are computed")
        self._rows = max(1, _VALUES_AT_ONCE // max(widest, 1))
        stored = np.zeros((1, *self._shape), np.int8)
        for layer, kernel in zip(layers, self._kernels, strict=True):
            stored = kernel(stored)
            if stored.shape[1:] != layer.output.shape[1:]:
                raise ValueError(f"{layer.name} gives {stored.shape}, and the file says {layer.output.shape}")

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """See `Session.run`."""
        if len(rows) > self._rows:
            parts = range(0, len(rows), self._rows)
            return np.concatenate([self.run(rows[start : start + self._rows], encode) for start in parts])
        stored = encode(rows).reshape(len(rows), *self._shape)
        try:
            for kernel in self._kernels:
                stored = kernel(stored)
        except Exception as cause:
            raise refused("The numpy backend", cause) from cause
        return stored.reshape(len(rows), -1)

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """See `Session.runner`."""
        return lambda: self.run(buffer)


def open_model(content: bytes, threads: int) -> Session:  # noqa: ARG001 - NumPy's own threads are not ours to set
    """See `Backend.open_model`."""
    try:
        tflite_ends(content)
        return IntegerSession(read_layers(content))
    except BackendUnsupportedError:
        raise
    except Exception as cause:
        raise refused("The numpy backend", cause) from cause


def _values(layer: Layer) -> int:
    """Values of the widest array that a layer makes of one input."""
    source = int8_tensor(layer.inputs[0]).shape
    if layer.name in WINDOWED:
        return layer_windows(layer).values(*picture_shape(source))
    return max(math.prod(source[1:]), math.prod(layer.output.shape[1:]))
