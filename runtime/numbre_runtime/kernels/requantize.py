"""From a layer's int32 sums to its int8 output (TensorFlow Lite `kernels/kernel_util.cc`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.fixed_point import (
    Integers,
    quantized_multiplier,
    rounded_shift,
    rounded_shift_upward,
    shifted_product,
)
from numbre_runtime.kernels.tflite_file import Layer, Tensor

Kernel: TypeAlias = Callable[..., NDArray[Any]]
"""One layer, ready to run: the inputs that are computed, (N, …) each, to its output (N, …). It keeps no state."""
Splitter: TypeAlias = Callable[[NDArray[Any]], tuple[NDArray[Any], ...]]
"""The same of a layer with several outputs."""

_EXACT_SUM = 1 << 22
"""A sum up to here times a multiplier below 2³¹ is a whole number that float64 holds exactly."""
VECTOR = 16
"""QUANTIZE and MEAN of pictures take as many values at a time by vector instructions, whose ties go upward; those that
remain are rounded in scalars, with ties away from zero."""
_NONE, _RELU, _RELU_N1_TO_1, _RELU6 = range(4)
"""schema.fbs ActivationFunctionType."""


def int8_tensor(tensor: Tensor | None) -> Tensor:
    """The tensor, if it is int8 with a scale.

    Raises:
        BackendUnsupportedError: It is of another type.
        ValueError: It is missing or has no scale.
    """
    if tensor is None:
        raise ValueError("a tensor is missing")
    if tensor.dtype != "int8":
        raise BackendUnsupportedError(f"a tensor of {tensor.dtype}; only int8 is computed in NumPy")
    if not len(tensor.scales):
        raise ValueError("an int8 tensor without a scale")
    return tensor


def check_shape(layer: Layer, shape: tuple[int, ...]) -> None:
    """Compares what a layer will compute with its output in the file, whose size is bounded.

    Raises:
        ValueError: They differ.
    """
    if shape != layer.output.shape:
        raise ValueError(f"{layer.name} gives {shape}, and the file says {layer.output.shape}")


def activation_range(code: int, output: Tensor) -> tuple[int, int]:
    """Smallest and largest stored output (`CalculateActivationRangeQuantized`)."""

    def stored(real: float) -> int:
        steps = np.float32(real) / output.scale
        return output.zero_point + int(np.copysign(np.floor(np.abs(steps) + np.float32(0.5)), steps))

    if code == _NONE:
        return -128, 127
    if code == _RELU:
        return max(-128, stored(0)), 127
    if code == _RELU6:
        return max(-128, stored(0)), min(127, stored(6))
    if code == _RELU_N1_TO_1:
        return max(-128, stored(-1)), min(127, stored(1))
    raise BackendUnsupportedError(f"fused activation {code} is not computed in NumPy")


def channel_scales(layer: Layer, channels: int) -> tuple[Integers, Integers]:
    """What every output channel's sum is multiplied with: Q0.31 multipliers and shifts to the left, (channels,) each.

    Raises:
        ValueError: The scales do not fit the channels, or are out of bounds.
    """
    source, weights, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.inputs[1]), int8_tensor(layer.output)
    if len(weights.scales) not in (1, channels):
        raise ValueError(f"{len(weights.scales)} scales for {channels} channels")
    if layer.name == "FULLY_CONNECTED" and len(weights.scales) == 1:
        # GetQuantizedConvolutionMultipler multiplies the scales as float32, PopulateConvolutionQuantizationParams
        # as float64.
        factors = [float(source.scale * weights.scale) / float(output.scale)]
    else:
        factors = [float(source.scale) * float(scale) / float(output.scale) for scale in weights.scales]
    pairs = [quantized_multiplier(factor) for factor in factors]
    if any(shift > 30 for _, shift in pairs):
        raise ValueError("a scale is out of bounds")
    multipliers, shifts = (np.resize(np.array(part, np.int64), channels) for part in zip(*pairs, strict=True))
    return multipliers, shifts


def upward_channels(layer: Layer, channels: int) -> int:
    """How many of the output channels, from the first on, round ties upward; the others round them away from zero.

    Ties go upward where TensorFlow Lite's kernels use vector instructions, as for all matrix products; the depthwise
    one takes eight channels at a time so, and what remains in scalars, whose ties go away from zero.
    """
    return channels - channels % 8 if layer.name == "DEPTHWISE_CONV_2D" else channels


def requantizer(layer: Layer, activation: int, channels: int, largest: int) -> Kernel:
    """What turns a layer's sums (N, …, channels), whole numbers of any type, into its int8 output.

    Args:
        layer: A dense or convolutional layer.
        activation: Its fused activation, schema.fbs ActivationFunctionType.
        channels: Output channels.
        largest: No sum is larger, nor −sum.
    """
    multipliers, shifts = channel_scales(layer, channels)
    output = int8_tensor(layer.output)
    low, high = activation_range(activation, output)
    upward = upward_channels(layer, channels)
    if upward == channels and largest <= _EXACT_SUM and (shifts <= 0).all():
        scaled = _scaled_by_floats(multipliers, -shifts)
    else:
        scaled = _scaled_by_integers(multipliers, shifts, upward)

    def requantize(sums: NDArray[Any]) -> NDArray[Any]:
        stored = scaled(sums)
        stored += output.zero_point
        return np.minimum(np.maximum(stored, low), high).astype(np.int8)

    return requantize


def _scaled_by_integers(multipliers: Integers, shifts: Integers, upward: int) -> Kernel:
    """Sums times their multipliers, int64; ties go upward in the first `upward` channels, else away from zero."""
    left, right, tail = np.maximum(shifts, 0), np.maximum(-shifts, 0), slice(upward, None)

    def scaled(sums: NDArray[Any]) -> NDArray[Any]:
        products = shifted_product(sums.astype(np.int64), multipliers, left)
        rounded = rounded_shift_upward(products, right)
        rounded[..., tail] = rounded_shift(products[..., tail], right[tail])
        return rounded

    return scaled


def _scaled_by_floats(multipliers: Integers, right: Integers) -> Kernel:
    """The same, ties upward, in float64: several times faster, and exact while sum · multiplier is below 2⁵³."""
    factor, half, divisor = multipliers / float(1 << 31), ((1 << right) >> 1).astype(np.float64), 0.5**right

    def scaled(sums: NDArray[Any]) -> NDArray[Any]:
        values: NDArray[np.float64] = sums * factor
        values += 0.5
        np.floor(values, values)
        values += half
        values *= divisor
        return np.floor(values, values)

    return scaled
