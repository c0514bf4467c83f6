"""BATCH_MATMUL of two tensors (TensorFlow Lite `reference/batch_matmul.h`)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.kernels.elementwise import rescaler, with_constants
from numbre_runtime.kernels.requantize import Kernel, check_shape, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer


def batch_matmul(layer: Layer) -> Kernel:
    """Products of matrices, the last two axes."""
    first, second, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.inputs[1]), int8_tensor(layer.output)
    if min(len(first.shape), len(second.shape)) < 2:
        raise ValueError(f"matrices of shapes {first.shape} and {second.shape}")
    turned = [bool(layer.options.scalar(field, "B")) for field in (0, 1)]
    (rows, across), (down, columns) = (
        tensor.shape[-2:][:: -1 if turn else 1] for turn, tensor in zip(turned, (first, second), strict=True)
    )
    if across != down:
        raise ValueError(f"matrices of shapes {first.shape} and {second.shape}")
    check_shape(layer, (*np.broadcast_shapes(first.shape[:-2], second.shape[:-2]), rows, columns))
    rescaled = rescaler(float(first.scale * second.scale) / float(output.scale))

    def product(*matrices: NDArray[Any]) -> NDArray[Any]:
        a, b = (
            (values.swapaxes(-1, -2) if turn else values).astype(np.int64) - tensor.zero_point
            for values, turn, tensor in zip(matrices, turned, (first, second), strict=True)
        )
        return np.clip(rescaled(a @ b) + output.zero_point, -128, 127).astype(np.int8)

    return with_constants(layer, product)
