"""From pixels to what an artifact takes, and from what it gives to scores.

A stored value q means (q − zero_point) · scale (TensorFlow Lite 8-bit quantization specification).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.manifest import PIXEL_SCALES, Artifact, InputSpec, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALL_PIXELS = np.arange(256, dtype=np.uint8)


def as_rows(images: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Checks images and flattens them, without ever changing the caller's array.

    Args:
        images: uint8 0–255 or float 0–1, of shape `shape`, flattened or with a last axis of 1, or N of these.
        shape: Shape of one image.

    Returns:
        (N, values), of the same dtype; a view where that is possible.

    Raises:
        ImageError: Another dtype or shape, values out of range, NaN or infinity.
    """
    values = int(np.prod(shape))
    one = (shape, (values,), (*shape, 1))
    if images.shape not in one and images.shape[1:] not in one:
        wanted = ", ".join(str(item) for item in one)
        raise ImageError(f"an array of shape {images.shape}; expected {wanted} or N of these, as (N, …)")
    if images.dtype == np.uint8:
        return images.reshape(-1, values)
    if images.dtype.kind != "f":
        raise ImageError(f"an array of {images.dtype}; expected uint8 (0–255) or float (0–1), with ink bright on dark")
    if images.size:
        low, high = float(images.min()), float(images.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ImageError("an array with NaN or infinite values; expected floats from 0 to 1")
        if low < 0 or high > 1:
            raise ImageError(
                f"a float array with values from {low:g} to {high:g}; expected 0 to 1 "
                "(divide pixels by 255, or hand them in as uint8)"
            )
    return images.reshape(-1, values)


def encoder(spec: InputSpec, tensor: TensorSpec) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """What turns rows of pixels (uint8 0–255, or float 0–1) into rows of the artifact's input type."""
    pixel_scale = PIXEL_SCALES[spec.preprocessing]

    def quantize(values: NDArray[Any]) -> NDArray[Any]:
        """Real input values to stored ones, rounding half to even as np.round does."""
        if tensor.dtype == "float32":
            return values.astype(np.float32)
        stored = np.round(values / tensor.scale) + tensor.zero_point
        return np.clip(stored, -128, 127).astype(np.int8)

    table = quantize(_ALL_PIXELS * pixel_scale)
    if tensor.dtype == "int8" and np.array_equal(table, (_ALL_PIXELS ^ 128).view(np.int8)):

        def encode_pixels(rows: NDArray[Any]) -> NDArray[Any]:
            """At a scale of one pixel and a zero point of −128, quantization is an XOR with 128."""
            flipped: NDArray[Any] = rows ^ 128
            return flipped.view(np.int8)
    else:

        def encode_pixels(rows: NDArray[Any]) -> NDArray[Any]:
            return table.take(rows)

    def encode(rows: NDArray[Any]) -> NDArray[Any]:
        if rows.dtype == np.uint8:
            return encode_pixels(rows)
        return quantize(rows.astype(np.float64) * (255 * pixel_scale))

    return encode


def decoder(artifact: Artifact) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """What turns an artifact's raw output into float32 scores of the same shape."""
    tensor = artifact.output
    if tensor.dtype == "float32":
        return lambda raw: raw
    stored = _ALL_PIXELS.view(np.int8).astype(np.float64)
    table = ((stored - tensor.zero_point) * tensor.scale).astype(np.float32)
    return lambda raw: table.take(raw.view(np.uint8))
