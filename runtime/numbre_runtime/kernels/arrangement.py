"""Operators that only move values: joining, padding, cutting, turning and repeating.

RESHAPE and its kin, CONCATENATION, PAD, TRANSPOSE, STRIDED_SLICE, SPLIT, RESIZE_NEAREST_NEIGHBOR and GATHER. Arrays
have one axis more than the file's tensors, the rows in front: axis 0 of a tensor is axis 1 here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.elementwise import with_constants
from numbre_runtime.kernels.requantize import Kernel, Splitter, activation_range, check_shape, int8_tensor
from numbre_runtime.kernels.tflite_file import Layer, Tensor


def reshape(layer: Layer) -> Kernel:
    """The same values in another shape."""
    source, output = _same_grid(layer, layer.inputs[0])
    if math.prod(source.shape) != math.prod(output.shape):
        raise ValueError(f"a reshape of {source.shape} to {output.shape}")
    return lambda stored: stored.reshape(len(stored), *output.shape)


def concatenation(layer: Layer) -> Kernel:
    """Tensors one after the other along an axis."""
    tensors = [_same_grid(layer, tensor)[0] for tensor in layer.inputs]
    axis = _axis(layer.options.scalar(0, "i"), len(layer.output.shape))
    low, high = activation_range(layer.options.scalar(1, "b"), layer.output)
    if any(len(tensor.shape) != len(layer.output.shape) for tensor in tensors):
        raise ValueError("tensors of different ranks are concatenated")
    joined_shape = list(tensors[0].shape)
    joined_shape[axis - 1] = sum(tensor.shape[axis - 1] for tensor in tensors)
    check_shape(layer, tuple(joined_shape))

    def join(*parts: NDArray[Any]) -> NDArray[Any]:
        rows = max(len(part) for part in parts)
        joined = np.concatenate([np.broadcast_to(part, (rows, *part.shape[1:])) for part in parts], axis)
        return joined if (low, high) == (-128, 127) else joined.clip(low, high)

    return with_constants(layer, join)


def pad(layer: Layer) -> Kernel:
    """Zeros around a tensor."""
    source, output = _same_grid(layer, layer.inputs[0])
    pads = _constant(layer, 1).reshape(-1, 2)
    if len(pads) != len(source.shape) or (pads < 0).any() or (pads > 1 << 16).any():
        raise ValueError(f"{len(pads)} pairs of paddings for a tensor of shape {source.shape}")
    widths = [(0, 0), *((int(before), int(after)) for before, after in pads)]
    check_shape(layer, tuple(size + sum(width) for size, width in zip(source.shape, widths[1:], strict=True)))
    return lambda stored: np.pad(stored, widths, constant_values=output.zero_point)


def transpose(layer: Layer) -> Kernel:
    """The axes in another order."""
    source, _ = _same_grid(layer, layer.inputs[0])
    order = [int(axis) for axis in _constant(layer, 1).reshape(-1)]
    if sorted(order) != list(range(len(source.shape))):
        raise ValueError(f"a transposition by {order} of a tensor of shape {source.shape}")
    return lambda stored: np.ascontiguousarray(stored.transpose(0, *(axis + 1 for axis in order)))


def strided_slice(layer: Layer) -> Kernel:
    """Every n-th value from one place to another along each axis."""
    source, output = _same_grid(layer, layer.inputs[0])
    begins, ends, steps = (_constant(layer, at).reshape(-1) for at in (1, 2, 3))
    begin_mask, end_mask, ellipsis, new_axes, shrunk = (layer.options.scalar(field, "i") for field in range(5))
    if ellipsis or new_axes or layer.options.scalar(5, "B"):
        raise BackendUnsupportedError("STRIDED_SLICE with an ellipsis, new axes or relative ends")
    if not len(begins) == len(ends) == len(steps) <= len(source.shape) or not steps.all():
        raise ValueError(f"a slice of {len(begins)} axes of a tensor of shape {source.shape}")
    cuts: list[slice] = [slice(None)]
    for axis, (begin, end, step) in enumerate(zip(begins.tolist(), ends.tolist(), steps.tolist(), strict=True)):
        if shrunk >> axis & 1:
            cuts.append(slice(begin, begin + 1 or None))
        else:
            cuts.append(slice(None if begin_mask >> axis & 1 else begin, None if end_mask >> axis & 1 else end, step))
    chosen = tuple(cuts)
    return lambda stored: stored[chosen].reshape(len(stored), *output.shape)


def split(layer: Layer) -> Splitter:
    """Equal parts of a tensor along an axis."""
    source, axis = int8_tensor(layer.inputs[1]), int(_constant(layer, 0).reshape(-1)[0])
    parts = len(layer.outputs)
    axis = _axis(axis, len(source.shape))
    if source.shape[axis - 1] % parts:
        raise ValueError(f"a tensor of shape {source.shape} split in {parts}")
    return lambda stored: tuple(np.split(stored, parts, axis))


def resize_nearest_neighbor(layer: Layer) -> Kernel:
    """Pictures of another size, each pixel from the nearest one (TensorFlow Lite `resize_nearest_neighbor.h`)."""
    source, output = _same_grid(layer, layer.inputs[0])
    if len(source.shape) != 4 or len(output.shape) != 4:
        raise ValueError(f"a resizing of {source.shape} to {output.shape}; expected pictures")
    aligned, centred = bool(layer.options.scalar(0, "B")), bool(layer.options.scalar(1, "B"))
    rows, columns = (
        _nearest(before, after, aligned, centred)
        for before, after in zip(source.shape[1:3], output.shape[1:3], strict=True)
    )
    return lambda stored: stored[:, :, rows[:, None], columns]


def gather(layer: Layer) -> Kernel:
    """Entries of a constant table by their numbers: an embedding."""
    table, numbers = int8_tensor(layer.inputs[0]), layer.inputs[1]
    if table.values is None or numbers is None or numbers.dtype not in ("int32", "int64"):
        raise BackendUnsupportedError("GATHER of a computed tensor, or by numbers that are not whole")
    if _axis(layer.options.scalar(0, "i"), len(table.shape)) != 1 or layer.options.scalar(1, "i"):
        raise BackendUnsupportedError("GATHER along another axis than the first")
    check_shape(layer, numbers.shape + table.shape[1:])
    values, entries = table.values, table.shape[0]

    def look_up(chosen: NDArray[Any]) -> NDArray[Any]:
        if chosen.size and not 0 <= int(chosen.min()) <= int(chosen.max()) < entries:
            raise ValueError(f"a number outside 0–{entries - 1}, the entries of an embedding")
        entry: NDArray[Any] = values[chosen]
        return entry

    return look_up


def _nearest(before: int, after: int, aligned: bool, centred: bool) -> NDArray[np.intp]:
    """Which of `before` pixels each of `after` pixels is taken from."""
    scale = np.float32(before - 1) / np.float32(after - 1) if aligned and after > 1 else np.float32(before / after)
    places = (np.arange(after, dtype=np.float32) + np.float32(0.5 if centred else 0)) * scale
    whole = np.floor(places + np.float32(0.5)) if aligned else np.floor(places)
    nearest: NDArray[np.intp] = np.clip(whole, 0, before - 1).astype(np.intp)
    return nearest


def _same_grid(layer: Layer, tensor: Tensor | None) -> tuple[Tensor, Tensor]:
    """An input and the output, which must mean the same by the same stored values."""
    source, output = int8_tensor(tensor), int8_tensor(layer.output)
    if (source.scale, source.zero_point) != (output.scale, output.zero_point):
        raise ValueError(f"{layer.name} whose input and output differ in scale or zero point")
    return source, output


def _constant(layer: Layer, at: int) -> NDArray[Any]:
    """An input that says how values are moved; the file has to hold it."""
    tensor = layer.inputs[at] if at < len(layer.inputs) else None
    if tensor is None or tensor.values is None or tensor.dtype not in ("int32", "int64"):
        raise BackendUnsupportedError(f"{layer.name} by values that the file does not hold")
    return tensor.values


def _axis(number: int, rank: int) -> int:
    """The axis here of a tensor's axis, which counts from the end if it is negative."""
    if not -rank <= number < rank:
        raise ValueError(f"axis {number} of a tensor with {rank}")
    return number % rank + 1
