"""Exact integer matrix products at the speed of the floating-point ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.kernels.requantize import Kernel
from numbre_runtime.kernels.tflite_file import Tensor

_EXACT = 1 << 24
"""Every whole number up to here is a float32."""


def exact_product(weights: NDArray[np.int8], source: Tensor, bias: Tensor | None) -> tuple[Kernel, int]:
    """What maps stored inputs (…, K) int8 to exact sums (…, channels) of (input − zero point) · weight, plus bias.

    NumPy multiplies integers without BLAS. As long as no partial sum can pass 2²⁴, float32 holds each exactly, in
    whatever order they are added; beyond, float64 does, up to 2⁵³.

    Args:
        weights: (K, channels).
        source: The input tensor, for its zero point.
        bias: (channels,) int32, or None.

    Returns:
        The product, and the largest sum that it can give, with either sign.
    """
    wide = weights.astype(np.int64)
    start = -source.zero_point * wide.sum(axis=0)
    if bias is not None:
        start = start + bias_values(bias, weights.shape[1])
    largest = int((128 * np.abs(wide).sum(axis=0) + np.abs(start)).max(initial=0))
    real = np.float32 if largest <= _EXACT else np.float64
    factor: NDArray[Any] = weights.astype(real)
    offset = start.astype(real)

    def product(stored: NDArray[Any]) -> NDArray[Any]:
        sums: NDArray[Any] = stored.astype(real) @ factor
        sums += offset
        return sums

    return product, largest


def bias_values(bias: Tensor, channels: int) -> NDArray[np.int64]:
    """A bias's constants, (channels,).

    Raises:
        ValueError: It is no constant int32 of that shape.
    """
    if bias.values is None or bias.dtype != "int32" or bias.values.shape != (channels,):
        raise ValueError(f"a bias that is not {channels} constants of int32")
    return bias.values.astype(np.int64)


def weight_values(weights: Tensor, rank: int) -> NDArray[np.int8]:
    """A layer's constant weights.

    Raises:
        ValueError: They are no constants of that rank, or have a zero point.
    """
    if weights.values is None or weights.values.ndim != rank or not weights.values.size or weights.zero_point:
        raise ValueError(f"weights that are not constants of rank {rank} with zero point 0")
    return weights.values.astype(np.int8)
