"""CONV_2D and DEPTHWISE_CONV_2D (TensorFlow Lite `reference/integer_ops/conv.h` and `depthwise_conv.h`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.product import bias_values, exact_product, weight_values
from numbre_runtime.kernels.requantize import Kernel, int8_tensor, requantizer
from numbre_runtime.kernels.tflite_file import Layer
from numbre_runtime.kernels.windows import layer_windows, picture_shape


def conv_2d(layer: Layer) -> Kernel:
    """Every output channel from every input channel in a window."""
    source, bias = int8_tensor(layer.inputs[0]), layer.inputs[2] if len(layer.inputs) > 2 else None
    weights = weight_values(int8_tensor(layer.inputs[1]), 4)
    channels, *_, depth = weights.shape
    if picture_shape(source.shape)[2] != depth:
        raise BackendUnsupportedError("a grouped convolution is not computed in NumPy")
    windows = layer_windows(layer)
    product, largest = exact_product(weights.transpose(3, 1, 2, 0).reshape(-1, channels), source, bias)
    requantize = requantizer(layer, layer.options.scalar(3, "b"), channels, largest)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        found = windows.view(stored, source.zero_point)
        return requantize(product(found.reshape(*found.shape[:3], -1)))

    return run


def depthwise_conv_2d(layer: Layer) -> Kernel:
    """Each output channel from one input channel in a window."""
    source, bias = int8_tensor(layer.inputs[0]), layer.inputs[2] if len(layer.inputs) > 2 else None
    weights = weight_values(int8_tensor(layer.inputs[1]), 4)
    _, height, width, channels = weights.shape
    depth = picture_shape(source.shape)[2]
    if len(weights) != 1 or depth == 0 or channels % depth:
        raise ValueError(f"depthwise weights of shape {weights.shape} for {depth} channels")
    windows = layer_windows(layer)
    requantize = requantizer(layer, layer.options.scalar(4, "b"), channels, 1 << 31)
    factor = weights[0].reshape(height, width, depth, -1).astype(np.int32)
    start = np.zeros(channels, np.int64) if bias is None else bias_values(bias, channels)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        found = windows.view(stored.astype(np.int32) - source.zero_point, 0)
        sums = np.einsum("nyxchw,hwcm->nyxcm", found, factor)
        return requantize(sums.reshape(*sums.shape[:3], channels) + start)

    return run
