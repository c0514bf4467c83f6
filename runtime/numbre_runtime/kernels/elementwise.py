"""ADD, SUB and MUL, with NumPy's broadcasting (TensorFlow Lite `reference/integer_ops/add.h`, `sub.h` and `mul.h`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.kernels.fixed_point import Integers, quantized_multiplier, rounded_shift, shifted_product
from numbre_runtime.kernels.requantize import Kernel, activation_range, check_shape, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer, Tensor

_LEFT_SHIFT = 20
"""Bits that the inputs of a sum are shifted to the left by, so that little is lost by rounding them."""


def add(layer: Layer) -> Kernel:
    """The sum of two tensors."""
    return _sum(layer, 1)


def sub(layer: Layer) -> Kernel:
    """The difference of two tensors."""
    return _sum(layer, -1)


def mul(layer: Layer) -> Kernel:
    """The product of two tensors."""
    first, second = _two_inputs(layer)
    output = int8_tensor(layer.output)
    low, high = activation_range(layer.options.scalar(0, "b"), output)
    rescaled = rescaler(float(first.scale * second.scale / output.scale))

    def product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        wide = (a.astype(np.int64) - first.zero_point) * (b.astype(np.int64) - second.zero_point)
        return np.clip(rescaled(wide) + output.zero_point, low, high).astype(np.int8)

    return with_constants(layer, product)


def rescaler(
    factor: float, rounding: Callable[[Integers, int], Integers] = rounded_shift
) -> Callable[[Integers], Integers]:
    """Returns a function that multiplies int32 values, held as int64, with a real factor; ties as `rounding` has them.

    Raises:
        ValueError: The factor is out of bounds.
    """
    multiplier, shift = quantized_multiplier(factor)
    if shift > 30:
        raise ValueError("a scale is out of bounds")
    left, right = max(shift, 0), max(-shift, 0)
    return lambda values: rounding(shifted_product(values, multiplier, left), right)


def with_constants(layer: Layer, function: Callable[..., NDArray[Any]]) -> Kernel:
    """Returns `function` of all inputs as a kernel of those that are computed; constants get a first axis of 1."""
    constants = [None if item is None or item.values is None else item.values[None] for item in layer.inputs]
    rank = len(layer.output.shape) + 1

    def run(*stored: NDArray[Any]) -> NDArray[Any]:
        computed = iter(stored)
        return function(*(_of_rank(next(computed) if fixed is None else fixed, rank) for fixed in constants))

    return run


def _of_rank(values: NDArray[Any], rank: int) -> NDArray[Any]:
    """Values with axes of 1 behind the first, as broadcasting puts them in front of a row's own."""
    return values.reshape(len(values), *(1,) * (rank - values.ndim), *values.shape[1:])


def _two_inputs(layer: Layer) -> tuple[Tensor, Tensor]:
    if len(layer.inputs) != 2:
        raise ValueError(f"{layer.name} of {len(layer.inputs)} inputs; expected 2")
    first, second = int8_tensor(layer.inputs[0]), int8_tensor(layer.inputs[1])
    check_shape(layer, np.broadcast_shapes(first.shape, second.shape))
    return first, second


def _sum(layer: Layer, sign: int) -> Kernel:
    first, second = _two_inputs(layer)
    output = int8_tensor(layer.output)
    low, high = activation_range(layer.options.scalar(0, "b"), output)
    twice = 2 * float(max(first.scale, second.scale))
    terms = [rescaler(float(tensor.scale) / twice) for tensor in (first, second)]
    factor = twice / ((1 << _LEFT_SHIFT) * float(output.scale))
    if factor >= 1:
        raise ValueError("a scale is out of bounds")
    rescaled = rescaler(factor)

    def total(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        scaled = [
            term((values.astype(np.int64) - tensor.zero_point) << _LEFT_SHIFT)
            for term, values, tensor in zip(terms, (a, b), (first, second), strict=True)
        ]
        return np.clip(rescaled(scaled[0] + sign * scaled[1]) + output.zero_point, low, high).astype(np.int8)

    return with_constants(layer, total)
