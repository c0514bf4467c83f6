"""Fixed-point arithmetic as gemmlowp and TensorFlow Lite's reference kernels define it, on whole arrays.

A "Q0.31" number is an int32 that means itself / 2³¹. Sources: gemmlowp `fixedpoint/fixedpoint.h`; TensorFlow Lite
`kernels/internal/common.h` and `quantization_util.cc`. Arrays are int64 here, so that no product of int32 overflows.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Integers: TypeAlias = NDArray[np.int64]

_INT32_MAX = (1 << 31) - 1
_EXP_MINUS_EIGHTH, _ONE_THIRD = 1895147668, 715827883
_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
"""exp(−2^k) for k from −2 to 4, Q0.31."""
_48_OVER_17, _MINUS_32_OVER_17 = 1515870810, -1010580540
"""Starting line of Newton's division, Q2.29."""


def quantized_multiplier(real: float) -> tuple[int, int]:
    """A positive factor as (Q0.31 multiplier, shift), meaning multiplier / 2³¹ · 2^shift (`QuantizeMultiplier`)."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def high_product(a: Integers, b: Integers | int) -> Integers:
    """a·b / 2³¹, rounded to nearest, ties upward (`SaturatingRoundingDoublingHighMul`)."""
    return (a * b + (1 << 30)) >> 31


def rounded_shift(values: Integers, exponent: Integers | int) -> Integers:
    """Whole numbers / 2^exponent, rounded to nearest, ties away from zero (`RoundingDivideByPOT`)."""
    half = (np.int64(1) << exponent) >> 1
    return (values + half - ((values < 0) & (half > 0))) >> exponent


def rounded_shift_upward(values: Integers, exponent: Integers | int) -> Integers:
    """Whole numbers / 2^exponent, rounded to nearest, ties upward (ruy's `RoundingRightShift`)."""
    return (values + ((np.int64(1) << exponent) >> 1)) >> exponent


def shifted_product(values: Integers, multiplier: Integers | int, left: Integers | int) -> Integers:
    """Int32 values · 2^left times a Q0.31 multiplier: the first half of `MultiplyByQuantizedMultiplier`."""
    # The reference shifts within an int32, whose overflow wraps around.
    return high_product((values << left).astype(np.int32).astype(np.int64), multiplier)


def exp_of_negative(values: Integers) -> Integers:
    """The exponential of Q5.26 numbers from −32 to 0, as Q0.31 (`exp_on_negative_values`)."""
    quarter = 1 << 24
    rest = (values & (quarter - 1)) - quarter
    x = (rest << 5) + (1 << 28)
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    series = rounded_shift(high_product(rounded_shift(x4, 2) + x3, _ONE_THIRD) + x2, 1)
    result = _EXP_MINUS_EIGHTH + high_product(x + series, _EXP_MINUS_EIGHTH)
    remainder = rest - values
    for bit, factor in enumerate(_EXP_FACTORS, start=24):
        result = np.where(remainder & (1 << bit), high_product(result, factor), result)
    return np.where(values == 0, _INT32_MAX, result)


def reciprocal(values: Integers, integer_bits: int) -> tuple[Integers, Integers]:
    """1 / values (`GetReciprocal`).

    Args:
        values: Positive int32 numbers with `integer_bits` bits before the point, 1 or more.
        integer_bits: See values.

    Returns:
        Q0.31 numbers, and how many bits each has to be shifted right.
    """
    zeros = 31 - np.floor(np.log2(values)).astype(np.int64)
    fraction = ((values << zeros) & 0xFFFFFFFF) - (1 << 31)
    return _one_over_one_plus(fraction), integer_bits - zeros


def _one_over_one_plus(x: Integers) -> Integers:
    """1 / (1 + x) for Q0.31 numbers from 0 to 1 (`one_over_one_plus_x_for_x_in_0_1`)."""
    half_denominator = (x + _INT32_MAX + 1) >> 1
    result = _48_OVER_17 + high_product(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - high_product(half_denominator, result)
        result = result + np.clip(high_product(result, error) << 2, -1 << 31, _INT32_MAX)
    doubled: Integers = np.minimum(result << 1, _INT32_MAX)
    return doubled
