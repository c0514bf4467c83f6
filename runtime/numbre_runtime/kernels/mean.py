"""MEAN (TensorFlow Lite `kernels/reduce.cc`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.fixed_point import (
    quantized_multiplier,
    rounded_shift,
    rounded_shift_upward,
    shifted_product,
)
from numbre_runtime.kernels.requantize import VECTOR, Kernel, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer


def mean(layer: Layer) -> Kernel:
    """The mean over some axes."""
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    chosen = layer.inputs[1] if len(layer.inputs) > 1 else None
    if chosen is None or chosen.values is None:
        raise BackendUnsupportedError("MEAN over axes that the file does not hold")
    rank = len(source.shape)
    axes = {int(axis) for axis in chosen.values.reshape(-1)}
    if any(not -rank <= axis < rank for axis in axes):
        raise ValueError(f"MEAN over axes {sorted(axes)} of a tensor with {rank}")
    behind = tuple(sorted({axis % rank + 1 for axis in axes}))
    count = math.prod(source.shape[axis - 1] for axis in behind)
    upward = 0
    if rank == 4 and behind == (2, 3) and layer.options.scalar(0, "B"):
        # TensorFlow Lite has a kernel of its own for pictures, which takes the zero point apart from the sum.
        multiplier, shift = quantized_multiplier(float(source.scale / (np.float32(count) * output.scale)))
        zero = float(np.float32(source.zero_point) * source.scale / output.scale)
        sum_offset, offset = 0, output.zero_point - int(math.copysign(math.floor(abs(zero) + 0.5), zero))
        upward = source.shape[3] - source.shape[3] % VECTOR
    else:
        multiplier, shift = quantized_multiplier(float(source.scale) / float(output.scale))
        # The division by the count goes into the multiplier, which keeps as many bits as it can.
        bits = max(0, min(count.bit_length() - 1, 32, 31 + shift))
        multiplier, shift = (multiplier << bits) // count, shift - bits
        sum_offset, offset = -source.zero_point * count, output.zero_point
    left, right = max(shift, 0), max(-shift, 0)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        products = shifted_product(stored.sum(axis=behind, dtype=np.int64) + sum_offset, multiplier, left)
        means = rounded_shift(products, right)
        means[..., :upward] = rounded_shift_upward(products[..., :upward], right)
        return (means + offset).clip(-128, 127).astype(np.int8).reshape(len(stored), *output.shape)

    return run
