"""Functions of one int8 value, worked out for all 256 of them beforehand.

RELU, RELU6, RELU_N1_TO_1, LEAKY_RELU, HARD_SWISH, LOGISTIC, TANH and QUANTIZE; DEQUANTIZE gives float32. Sources: in
TensorFlow Lite `kernels/activations.cc`, `reference/hard_swish.h`, `reference/requantize.h`, `reference/dequantize.h`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.elementwise import rescaler
from numbre_runtime.kernels.fixed_point import Integers, quantized_multiplier, rounded_shift, rounded_shift_upward
from numbre_runtime.kernels.requantize import VECTOR, Kernel, activation_range, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer

_ALL_STORED = np.arange(-128, 128, dtype=np.int64)
_ACTIVATIONS = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3}
"""schema.fbs ActivationFunctionType of the operators that clip."""
_INT16_MAX = (1 << 15) - 1


def clipped(layer: Layer) -> Kernel:
    """RELU, RELU6 and RELU_N1_TO_1."""
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    low, high = activation_range(_ACTIVATIONS[layer.name], output)
    stored = rescaler(float(source.scale / output.scale))(_ALL_STORED - source.zero_point) + output.zero_point
    return _lookup(np.clip(stored, low, high))


def leaky_relu(layer: Layer) -> Kernel:
    """The value where it is positive, else a share of it."""
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    steps = _ALL_STORED - source.zero_point
    share = np.float32(layer.options.real(0))
    same, small = (
        _signed_rescaler(float(factor))(steps)
        for factor in (source.scale / output.scale, source.scale * share / output.scale)
    )
    return _lookup(np.where(steps >= 0, same, small) + output.zero_point)


def logistic(layer: Layer) -> Kernel:
    """1 / (1 + e⁻ˣ)."""
    return _real_function(layer, lambda x: np.float32(1) / (np.float32(1) + _float32(np.exp, -x)), (1 / 256, -128))


def tanh(layer: Layer) -> Kernel:
    """The hyperbolic tangent."""
    return _real_function(layer, lambda x: _float32(np.tanh, x), (1 / 128, 0))


def hard_swish(layer: Layer) -> Kernel:
    """X · relu6(x + 3) / 6, in numbers of 16 bits."""
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    fine = np.float32(1 / 128) * source.scale
    multiplier, exponent = _int16_multiplier(float(fine / output.scale))
    gate_multiplier, gate_exponent = _int16_multiplier(float(fine / np.float32(3 / 32768)))
    if exponent > 0:
        raise BackendUnsupportedError("HARD_SWISH with an output scale below 1/128 of its input's")
    value = (_ALL_STORED - source.zero_point) << 7
    gate = _saturated(value << max(gate_exponent - 1, 0))
    gate = _high_product_16(gate, gate_multiplier)
    gate = _saturated(gate << 1) if gate_exponent > 0 else rounded_shift(gate, -gate_exponent)
    gate = (gate + (1 << 15)) >> 1
    product = gate * _high_product_16(value, multiplier)
    # C++ divides towards zero.
    half_done = np.sign(product) * (np.abs(product) >> 15)
    return _lookup(rounded_shift(half_done, -exponent) + output.zero_point)


def quantize(layer: Layer) -> Kernel:
    """Int8 on another scale; float32 as int8."""
    source, output = layer.inputs[0], int8_tensor(layer.output)
    if source is not None and source.dtype == "float32":
        return lambda real: np.clip(_rounded(real / output.scale) + output.zero_point, -128, 127).astype(np.int8)
    source = int8_tensor(source)
    upward, away = (
        _lookup(
            rescaler(float(source.scale) / float(output.scale), rounding)(_ALL_STORED - source.zero_point)
            + output.zero_point
        )
        for rounding in (rounded_shift_upward, rounded_shift)
    )
    values = math.prod(output.shape)
    start = values - values % VECTOR

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        flat = stored.reshape(len(stored), -1)
        made = upward(flat)
        made[:, start:] = away(flat[:, start:])
        return made.reshape(stored.shape)

    return run


def dequantize(layer: Layer) -> Kernel:
    """Int8 as float32."""
    source = int8_tensor(layer.inputs[0])
    if layer.output.dtype != "float32":
        raise BackendUnsupportedError(f"DEQUANTIZE to {layer.output.dtype} is not computed in NumPy")
    return lambda stored: (stored.astype(np.int32) - source.zero_point).astype(np.float32) * source.scale


def _lookup(values: NDArray[Any]) -> Kernel:
    """A kernel that looks up the 256 outputs, in the order of inputs from −128 to 127; they are clipped to int8."""
    # Bytes without a sign count 0 … 127, 128 (that is −128) … 255.
    table = np.roll(np.clip(values, -128, 127).astype(np.int8), 128)
    return lambda stored: table[np.ascontiguousarray(stored).view(np.uint8)]


def _real_function(
    layer: Layer, function: Callable[[NDArray[np.float32]], NDArray[np.float32]], scale: tuple[float, int]
) -> Kernel:
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)
    if (float(output.scale), output.zero_point) != scale:
        raise BackendUnsupportedError(f"{layer.name} with an output scale other than {scale[0]:g} from {scale[1]}")
    real = source.scale * (_ALL_STORED - source.zero_point).astype(np.float32)
    return _lookup(_rounded(function(real) * (np.float32(1) / output.scale)) + output.zero_point)


def _float32(function: Callable[[NDArray[np.float64]], Any], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A function rounded once, which NumPy's own of float32 is not."""
    with np.errstate(over="ignore"):
        result: NDArray[np.float32] = np.asarray(function(values.astype(np.float64))).astype(np.float32)
    return result


def _rounded(values: NDArray[Any]) -> Integers:
    """Real numbers to the nearest whole ones, ties away from zero."""
    whole: Integers = np.trunc(values + np.copysign(0.5, values)).astype(np.int64)
    return whole


def _signed_rescaler(factor: float) -> Callable[[Integers], Integers]:
    """`rescaler` of a factor that may be negative."""
    return rescaler(factor) if factor >= 0 else lambda values: rescaler(-factor)(-values)


def _int16_multiplier(factor: float) -> tuple[int, int]:
    """`quantized_multiplier` in 16 bits (`DownScaleInt32ToInt16Multiplier`)."""
    multiplier, exponent = quantized_multiplier(factor)
    return min((multiplier + (1 << 15)) >> 16, _INT16_MAX), exponent


def _high_product_16(a: Integers, b: int) -> Integers:
    """a·b / 2¹⁵, rounded to nearest, ties upward."""
    return (a * b + (1 << 14)) >> 15


def _saturated(values: Integers) -> Integers:
    limited: Integers = np.clip(values, -_INT16_MAX - 1, _INT16_MAX)
    return limited
