"""AVERAGE_POOL_2D and MAX_POOL_2D (TensorFlow Lite `reference/integer_ops/pooling.h`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.kernels.requantize import Kernel, activation_range, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer
from numbre_runtime.kernels.windows import Windows, layer_windows, picture_shape


def max_pool_2d(layer: Layer) -> Kernel:
    """The largest value of each window."""
    windows, low, high = pool_windows(layer)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        largest = windows.view(stored, -128).max(axis=(4, 5))
        clipped: NDArray[np.int8] = np.minimum(np.maximum(largest, low), high).astype(np.int8)
        return clipped

    return run


def average_pool_2d(layer: Layer) -> Kernel:
    """The mean of each window's values inside the picture, rounded to nearest, ties away from zero."""
    windows, low, high = pool_windows(layer)
    height, width, _ = picture_shape(int8_tensor(layer.inputs[0]).shape)
    counts = windows.view(np.ones((1, height, width, 1), np.int32), 0).sum(axis=(4, 5), dtype=np.int32)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        sums = windows.view(stored, 0).sum(axis=(4, 5), dtype=np.int32)
        means = np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)
        clipped: NDArray[np.int8] = np.minimum(np.maximum(means, low), high).astype(np.int8)
        return clipped

    return run


def pool_windows(layer: Layer) -> tuple[Windows, int, int]:
    """A pool's windows, and its smallest and largest output."""
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    if (source.scale, source.zero_point) != (output.scale, output.zero_point):
        raise ValueError("a pool whose input and output differ in scale or zero point")
    return layer_windows(layer), *activation_range(layer.options.scalar(5, "b"), output)
