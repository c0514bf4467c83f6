"""SOFTMAX in integers (TensorFlow Lite `reference/softmax.h`).

The optimized kernels compute it in float32 on x86-64 and with other tables on ARM, and all three may differ by one
step; this is the one that is the same everywhere. On MNIST's test images it gives the bits of the float32 one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.fixed_point import (
    Integers,
    exp_of_negative,
    high_product,
    quantized_multiplier,
    reciprocal,
    rounded_shift,
    shifted_product,
)
from numbre_runtime.kernels.requantize import Kernel, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer

_DIFFERENCE_BITS, _SUM_BITS = 5, 12
"""Bits before the point of the differences and of the sum of their exponentials."""


def softmax(layer: Layer) -> Kernel:
    """The share of each value's exponential, over the last axis."""
    exponentials = exponentials_below(layer)
    addends = addends_of(exponentials)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        wide = stored.astype(np.intp)
        below = wide.max(axis=-1, keepdims=True) - wide
        scale, bits = reciprocal(addends[below].sum(axis=-1, keepdims=True), _SUM_BITS)
        shares = rounded_shift(high_product(exponentials[below], scale), bits + 31 - 8)
        return np.minimum(shares - 128, 127).astype(np.int8)

    return run


def addends_of(exponentials: Integers) -> Integers:
    """The exponentials as they are added up, with 12 bits before the point so that no sum overflows."""
    return rounded_shift(exponentials, _SUM_BITS)


def exponentials_below(layer: Layer) -> Integers:
    """The exponentials of 0, −1, … −255 steps of the input, (256,) Q0.31.

    Raises:
        BackendUnsupportedError: The output has another scale than the one that softmax has everywhere.
        ValueError: The input's scale and beta are out of bounds.
    """
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    if (float(output.scale), output.zero_point) != (1 / 256, -128):
        raise BackendUnsupportedError("SOFTMAX with an output scale other than 1/256 from −128")
    # An option that is absent has the schema's default, 0.
    beta = layer.options.real(0)
    factor = min(beta * float(source.scale) * (1 << (31 - _DIFFERENCE_BITS)), (1 << 31) - 1.0)
    if not factor > 1:
        raise ValueError(f"a softmax with beta {beta:g} and scale {source.scale:g}")
    multiplier, shift = quantized_multiplier(factor)
    radius = math.floor(((1 << _DIFFERENCE_BITS) - 1) * (1 << (31 - _DIFFERENCE_BITS)) / (1 << shift))
    differences = -np.arange(256, dtype=np.int64)
    rescaled = shifted_product(np.maximum(differences, -radius), multiplier, shift)
    return np.where(differences >= -radius, exp_of_negative(rescaled), 0)
