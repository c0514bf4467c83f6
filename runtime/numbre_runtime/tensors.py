"""From pixels to what an artifact takes, and from what it gives to scores.

A stored value q means (q − zero_point) · scale (TensorFlow Lite 8-bit quantization specification).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from numbre_runtime.errors import ImageError
from numbre_runtime.manifest import PREPROCESSINGS, Artifact, InputSpec, TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALL_PIXELS = np.arange(256, dtype=np.uint8)
_UINT8, _INT8 = np.dtype(np.uint8), np.dtype(np.int8)
_LARGEST_POWER = 700.0
"""The exponential function of more is infinite."""
_SIGN_BIT = np.array(128, np.uint8)
"""An array, because NumPy needs as long to convert a Python number as to flip the bits of an image."""


class Encoder(Protocol):
    """Turns rows of pixels (uint8 0–255, or float 0–1) or of float32 values into an artifact's input type."""

    def __call__(self, rows: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Encodes rows (N, values) into `out`, of the same shape and of the artifact's type, or into a new array."""


def as_rows(images: NDArray[Any], shape: tuple[int, ...], dtype: str = "uint8") -> NDArray[Any]:
    """Checks images and flattens them, without ever changing the caller's array.

    Args:
        images: uint8 0–255 or float 0–1, of shape `shape`, flattened or with a last axis of 1, or N of these; where
            `dtype` is "float32", numbers of any size.
        shape: Shape of one image.
        dtype: See `InputSpec.dtype`.

    Returns:
        (N, values), of the same dtype, but float32 where `dtype` says so; a view where that is possible.

    Raises:
        ImageError: Another dtype or shape, values out of range, NaN or infinity.
    """
    values = int(np.prod(shape))
    one = (shape, (values,), (*shape, 1))
    if images.shape not in one and images.shape[1:] not in one:
        wanted = ", ".join(str(item) for item in one)
        raise ImageError(f"an array of shape {images.shape}; expected {wanted} or N of these, as (N, …)")
    if dtype == "float32":
        return _as_floats(images).reshape(-1, values)
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


def _as_floats(values: NDArray[Any]) -> NDArray[np.float32]:
    if values.dtype.kind not in "fiu":
        raise ImageError(f"an array of {values.dtype}; expected numbers")
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    if not np.isfinite(floats).all():
        raise ImageError("an array with NaN, infinite or too large values; expected finite float32 numbers")
    return floats


def network_values(spec: InputSpec, rows: NDArray[Any]) -> NDArray[np.float32]:
    """What the network was trained on, of rows (N, values) as `as_rows` gives them, (N, values) float32.

    Floats for a uint8 input are pixels / 255.
    """
    values = rows.astype(np.float64)
    if spec.dtype == "uint8" and rows.dtype != np.uint8:
        values *= 255
    factor, offset = _affine(spec, rows.shape[-1])
    trained_on: NDArray[np.float32] = (values * factor + offset).astype(np.float32)
    return trained_on


def _affine(spec: InputSpec, values: int) -> tuple[Any, Any]:
    """Factor and offset of every value of a row: two numbers, or two arrays (values,)."""
    if spec.preprocessing != "affine":
        return PREPROCESSINGS[spec.preprocessing]
    repeats = values // len(spec.factors)
    return np.tile(spec.factors, repeats), np.tile(spec.offsets, repeats)


def quantized(values: NDArray[Any], tensor: TensorSpec) -> NDArray[Any]:
    """Real values as the tensor stores them, rounding half to even as np.round does."""
    if tensor.dtype == "float32":
        return values.astype(np.float32)
    bounds = np.iinfo(tensor.dtype)
    stored = np.round(values / tensor.scale) + tensor.zero_point
    return np.clip(stored, bounds.min, bounds.max).astype(tensor.dtype)


def dequantized(stored: NDArray[Any], tensor: TensorSpec) -> NDArray[np.float32]:
    """The real values of what the tensor stores, float32 of the same shape: the opposite of `quantized`."""
    return _dequantizer(tensor)(stored)


def encoder(spec: InputSpec, tensor: TensorSpec) -> Encoder:
    """The encoder for an artifact whose input is `tensor`."""
    if spec.dtype == "float32" or spec.preprocessing == "affine":

        def encode_values(rows: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
            return as_stored(quantized(network_values(spec, rows), tensor), out)

        return encode_values

    factor, offset = PREPROCESSINGS[spec.preprocessing]
    table = quantized(_ALL_PIXELS * factor + offset, tensor)

    def encode_floats(rows: NDArray[Any], out: NDArray[Any] | None) -> NDArray[Any]:
        return as_stored(quantized(rows.astype(np.float64) * (255 * factor) + offset, tensor), out)

    if _flips_signs(spec, tensor):

        def encode_by_sign(rows: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
            if rows.dtype != _UINT8:
                return encode_floats(rows, out)
            return np.bitwise_xor(rows.view(_INT8), _SIGN_BIT.view(_INT8), out)

        return encode_by_sign

    def encode_by_table(rows: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
        # Every pixel is in the table; but for this mode `take` would write to a buffer first.
        return table.take(rows, out=out, mode="wrap") if rows.dtype == _UINT8 else encode_floats(rows, out)

    return encode_by_table


def as_stored(rows: NDArray[Any], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """The `Encoder` of rows that are encoded already.

    Raises:
        TypeError: `out` is of another type.
    """
    if out is None:
        return rows
    np.copyto(out, rows, casting="no")
    return out


def _flips_signs(spec: InputSpec, tensor: TensorSpec) -> bool:
    """Whether quantization of pixels is an XOR with 128, as at a scale of one pixel and a zero point of −128."""
    if spec.dtype != "uint8" or spec.preprocessing == "affine" or tensor.dtype != "int8":
        return False
    factor, offset = PREPROCESSINGS[spec.preprocessing]
    table = quantized(_ALL_PIXELS * factor + offset, tensor)
    return np.array_equal(table, (_ALL_PIXELS ^ _SIGN_BIT).view(_INT8))


def image_writer(spec: InputSpec, tensor: TensorSpec, buffer: NDArray[Any]) -> Callable[[NDArray[Any]], object]:
    """Returns a function that encodes one uint8 image of the spec's shape into `buffer`, as `encoder` would.

    A new array for each image would take as long as the encoding.
    """
    if _flips_signs(spec, tensor):
        pixels, flip = buffer.view(np.uint8).reshape(spec.shape), np.bitwise_xor
        return lambda image: flip(image, _SIGN_BIT, pixels)
    encode = encoder(spec, tensor)
    return lambda image: encode(image.reshape(1, -1), buffer)


def decoder(
    artifact: Artifact, output: str = "softmax", temperature: float = 1.0
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """What turns an artifact's raw output into float32 scores of the same shape.

    Args:
        artifact: The artifact.
        output: See `Manifest.output`; the scores of "logits" are their softmax.
        temperature: See `Manifest.temperature`.
    """
    real = _dequantizer(artifact.output)
    if output != "logits":
        return real
    if artifact.output.dtype not in ("int8", "uint8"):
        return lambda raw: softmax(real(raw), temperature)
    kind = np.dtype(artifact.output.dtype)
    stored = _ALL_PIXELS.view(kind)
    # As float64, the softmax needs no subtraction of the largest logit: 255 steps neither overflow nor vanish.
    powers = np.exp(np.clip(real(stored).astype(np.float64) / temperature, -_LARGEST_POWER, _LARGEST_POWER))

    def scores(raw: NDArray[Any]) -> NDArray[np.float32]:
        taken = powers.take(raw)
        shares: NDArray[np.float32] = (taken / taken.sum(axis=-1, keepdims=True)).astype(np.float32)
        return shares

    return scores


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """Softmax over the last axis, of logits divided by a temperature.

    Example:
        >>> softmax(np.array([0.0, 2.0], np.float32), temperature=2.0).round(2).tolist() == [
        ...     float(np.float32(0.27)), float(np.float32(0.73))
        ... ]
        True
    """
    powers = np.exp((logits - logits.max(axis=-1, keepdims=True)) * np.float32(1 / temperature))
    scores: NDArray[np.float32] = powers / powers.sum(axis=-1, keepdims=True)
    return scores


def tempered(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Scores (N, classes) of a softmax as they would be at a temperature that is so many times as high.

    Example:
        >>> logits = np.array([[0.0, 2.0, 3.0]], np.float32)
        >>> bool(np.allclose(tempered(softmax(logits, 2.0), 0.5), softmax(logits, 1.0)))
        True
    """
    if temperature == 1:
        return scores
    powers = scores.astype(np.float64) ** (1 / temperature)
    sums = np.maximum(powers.sum(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    result: NDArray[np.float32] = (powers / sums).astype(np.float32)
    return result


def row_decoder(
    artifact: Artifact, output: str = "softmax", temperature: float = 1.0
) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    """As `decoder`, quickest for a single row (classes,): a look-up in a table is one call of NumPy's, not three."""
    decode, kind = decoder(artifact, output, temperature), np.dtype(artifact.output.dtype)
    if output == "logits" or kind.kind == "f":
        return decode
    unsigned: Any = np.uint16 if kind == np.int16 else np.uint8
    table = decode(np.arange(np.iinfo(unsigned).max + 1, dtype=unsigned).view(kind))
    # `take` counts negative numbers from the table's end, and there two's complement has put their entries.
    return table.take


def _dequantizer(tensor: TensorSpec) -> Callable[[NDArray[Any]], NDArray[np.float32]]:
    if tensor.dtype == "float32":
        return lambda raw: raw

    def dequantize(raw: NDArray[Any]) -> NDArray[np.float32]:
        # Only the product is rounded, because scales are float32 in the model files.
        values: NDArray[np.float32] = raw.astype(np.float32)
        values -= tensor.zero_point
        values *= tensor.scale
        return values

    return dequantize
