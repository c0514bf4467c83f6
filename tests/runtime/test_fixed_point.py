"""Integer arithmetic of the kernels against fractions, at ties, signs, and the ends of every range."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.fixed_point import (
    exp_of_negative,
    high_product,
    quantized_multiplier,
    reciprocal,
    rounded_shift,
    rounded_shift_upward,
    shifted_product,
)
from numbre_runtime.kernels.flatbuffer import Table
from numbre_runtime.kernels.requantize import activation_range, channel_scales, int8_tensor, upward_channels
from numbre_runtime.kernels.tflite_file import Layer, Tensor
from numbre_runtime.kernels.windows import Windows

_VALUES = np.array([*range(-20, 21), -(2**31), -(2**31) + 1, 2**31 - 1], np.int64)
_NO_OPTIONS = Table(b"\xfc\xff\xff\xff\4\0\4\0", 0)


def _tensor(scales: list[float], zero_point: int = 0, dtype: str = "int8") -> Tensor:
    return Tensor((1,), dtype, np.array(scales, np.float32), zero_point, None)


def _away_from_zero(value: Fraction) -> int:
    return int(math.copysign(math.floor(abs(value) + Fraction(1, 2)), value))


def _upward(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 5, 31])
def test_shifts_round_as_their_references(exponent: int) -> None:
    shares = [Fraction(int(value), 1 << exponent) for value in _VALUES]
    assert rounded_shift(_VALUES, exponent).tolist() == [_away_from_zero(share) for share in shares]
    assert rounded_shift_upward(_VALUES, exponent).tolist() == [_upward(share) for share in shares]


def test_each_channel_has_a_shift_of_its_own() -> None:
    values, exponents = np.array([[-3, -3, 3], [-5, 5, 5]]), np.array([0, 1, 2])
    assert rounded_shift(values, exponents).tolist() == [[-3, -2, 1], [-5, 3, 1]]
    assert rounded_shift_upward(values, exponents).tolist() == [[-3, -1, 1], [-5, 3, 1]]


@pytest.mark.parametrize("factor", [1 << 30, (1 << 31) - 1, 3 << 29, 1])
def test_high_products_round_ties_upward(factor: int) -> None:
    expected = [_upward(Fraction(int(value) * factor, 1 << 31)) for value in _VALUES]
    assert high_product(_VALUES, factor).tolist() == expected


@pytest.mark.parametrize(("value", "left", "wrapped"), [(3, 2, 12), (1 << 30, 1, -(1 << 31)), (1 << 30, 2, 0)])
def test_a_shift_to_the_left_wraps_around_in_32_bits(value: int, left: int, wrapped: int) -> None:
    assert shifted_product(np.array([value]), 1 << 30, left).tolist() == [_upward(Fraction(wrapped, 2))]


@pytest.mark.parametrize(
    ("real", "multiplier", "shift"),
    [
        (0.0, 0, 0),
        (0.5, 1 << 30, 0),
        (1.0, 1 << 30, 1),
        (0.75, 3 << 29, 0),
        # It rounds up to 2³¹, which is halved.
        (1 - 2.0**-40, 1 << 30, 1),
        (2.0**-32, 1 << 30, -31),
        (2.0**-33, 0, 0),
    ],
)
def test_multipliers_at_their_bounds(real: float, multiplier: int, shift: int) -> None:
    assert quantized_multiplier(real) == (multiplier, shift)


def test_exponentials_and_reciprocals_are_near_the_real_ones() -> None:
    steps = np.arange(-31 << 26, 1, 1 << 22, dtype=np.int64)
    found = exp_of_negative(steps) / 2**31
    np.testing.assert_allclose(found, np.exp(steps / 2**26), rtol=0, atol=3e-7)
    assert exp_of_negative(np.array([0])).tolist() == [2**31 - 1]
    values = np.array([1 << 19, (1 << 19) + 1, 3 << 19, 255 << 19, 2**31 - 1], np.int64)
    shares, bits = reciprocal(values, 12)
    np.testing.assert_allclose(shares / 2.0 ** (31 + bits), 2.0**19 / values, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "channels", "upward"),
    [("DEPTHWISE_CONV_2D", count, count // 8 * 8) for count in (1, 4, 7, 8, 9, 12, 15, 16, 20)]
    + [("CONV_2D", 12, 12), ("FULLY_CONNECTED", 7, 7)],
)
def test_the_depthwise_kernel_takes_eight_channels_at_a_time(name: str, channels: int, upward: int) -> None:
    layer = Layer(name, (), (_tensor([1.0]),), _NO_OPTIONS)
    assert upward_channels(layer, channels) == upward


@pytest.mark.parametrize(
    ("code", "scale", "zero", "expected"),
    [
        (0, 0.1, 5, (-128, 127)),
        (1, 0.1, 5, (5, 127)),
        (1, 0.1, -128, (-128, 127)),
        (2, 0.1, 0, (-10, 10)),
        (2, 0.1, 120, (110, 127)),
        (2, 0.1, -125, (-128, -115)),
        # 1 / 0.4 = 2.5 steps, rounded away from zero on both sides.
        (2, 0.4, 0, (-3, 3)),
        (3, 0.1, 0, (0, 60)),
        (3, 0.01, -128, (-128, 127)),
    ],
)
def test_activations_at_their_bounds(code: int, scale: float, zero: int, expected: tuple[int, int]) -> None:
    assert activation_range(code, _tensor([scale], zero)) == expected


def test_what_is_not_computed_is_refused() -> None:
    with pytest.raises(BackendUnsupportedError, match="activation 4"):
        activation_range(4, _tensor([1.0]))
    with pytest.raises(BackendUnsupportedError, match="a tensor of uint8"):
        int8_tensor(_tensor([1.0], dtype="uint8"))
    with pytest.raises(ValueError, match="missing"):
        int8_tensor(None)
    with pytest.raises(ValueError, match="without a scale"):
        int8_tensor(_tensor([]))


@pytest.mark.parametrize(("factor", "fits"), [(2.0**29, True), (2.0**30, False)])
def test_the_largest_scale(factor: float, fits: bool) -> None:
    layer = Layer("CONV_2D", (_tensor([factor]), _tensor([1.0])), (_tensor([1.0]),), _NO_OPTIONS)
    if fits:
        multipliers, shifts = channel_scales(layer, 3)
        assert (multipliers.tolist(), shifts.tolist()) == ([1 << 30] * 3, [30] * 3)
    else:
        with pytest.raises(ValueError, match="out of bounds"):
            channel_scales(layer, 3)


def test_each_channel_has_a_scale_or_all_have_one() -> None:
    source, output = _tensor([0.5]), _tensor([1.0])
    layer = Layer("CONV_2D", (source, _tensor([1.0, 0.5, 0.25])), (output,), _NO_OPTIONS)
    assert channel_scales(layer, 3)[1].tolist() == [0, -1, -2]
    with pytest.raises(ValueError, match="3 scales for 2 channels"):
        channel_scales(layer, 2)
    dense = Layer("FULLY_CONNECTED", (_tensor([0.1]), _tensor([0.3])), (_tensor([0.7]),), _NO_OPTIONS)
    # A dense layer's one factor is the product of two float32, a convolution's that of two float64.
    single, double = np.float32(0.1) * np.float32(0.3), float(np.float32(0.1)) * float(np.float32(0.3))
    whole = float(np.float32(0.7))
    assert channel_scales(dense, 1)[0][0] == quantized_multiplier(float(single) / whole)[0]
    convolution = Layer("CONV_2D", dense.inputs, dense.outputs, _NO_OPTIONS)
    assert channel_scales(convolution, 1)[0][0] == quantized_multiplier(double / whole)[0]
    assert float(single) != double


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        (Windows((3, 3), (1, 1), (1, 1), 0), ((1, 1), (1, 1))),
        (Windows((2, 2), (1, 1), (1, 1), 0), ((0, 1), (0, 1))),
        (Windows((3, 5), (2, 3), (1, 1), 0), ((0, 1), (1, 1))),
        (Windows((3, 3), (1, 1), (2, 1), 0), ((2, 2), (1, 1))),
        (Windows((1, 1), (3, 3), (1, 1), 0), ((0, 0), (0, 0))),
        (Windows((6, 9), (1, 1), (1, 1), 1), ((0, 0), (0, 0))),
    ],
)
def test_padding_of_a_picture_of_6_by_9(windows: Windows, expected: Any) -> None:
    assert windows.pads(6, 9) == expected


def test_a_valid_window_must_fit() -> None:
    with pytest.raises(ValueError, match="a window of 7 over 6 values"):
        Windows((7, 9), (1, 1), (1, 1), 1).pads(6, 9)
    with pytest.raises(ValueError, match="a window of 10 over 9 values"):
        Windows((6, 4), (1, 1), (1, 3), 1).pads(6, 9)


@pytest.mark.parametrize("place", ["size", "stride", "dilation"])
@pytest.mark.parametrize(("value", "fits"), [(0, False), (1, True), (4096, True), (4097, False), (-1, False)])
def test_windows_have_bounds(place: str, value: int, fits: bool) -> None:
    for pair in ((value, 1), (1, value)):
        sizes: dict[str, Any] = {"size": (1, 1), "stride": (1, 1), "dilation": (1, 1), "padding": 0, place: pair}
        if fits:
            assert getattr(Windows(**sizes), place) == pair
        else:
            with pytest.raises(ValueError, match="a window of"):
                Windows(**sizes)
