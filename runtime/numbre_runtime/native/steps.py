"""A model's layers as calls of the C kernels: every constant that they need, worked out beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias, Union

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.product import bias_values, weight_values
from numbre_runtime.kernels.requantize import activation_range, channel_scales, int8_tensor
from numbre_runtime.kernels.softmax import exponentials_below
from numbre_runtime.kernels.tflite_file import Layer, Tensor
from numbre_runtime.kernels.windows import Windows, layer_windows, picture_shape

Parameter: TypeAlias = Union[int, NDArray[Any], "Parameters"]
Parameters: TypeAlias = Mapping[str, Parameter]
"""The members of a C struct by name, in the order of its declaration in sources/."""

_LARGEST_SIDE = (1 << 16) - 1
"""The C structs hold sizes of pictures and windows as uint16_t."""
_LARGEST_SOFTMAX = 4096
"""More exponentials than that might not add up within 32 bits."""
_SMALLEST_EXPONENTIAL = 1 << 11
"""A smaller one, Q0.31, adds nothing to a softmax's sum, nor has it a share."""


@dataclass(frozen=True)
class Step:
    """One call of a C kernel."""

    kernel: str
    """The kernel's name, that of its C function, its struct and its file in sources/."""
    title: str
    """What it computes, for people: "convolution 3×3, 28×28×1 → 28×28×8"."""
    inputs: int
    """Bytes that it reads."""
    outputs: int
    """Bytes that it writes."""
    parameters: Parameters
    """The kernel's struct."""
    macs: int = 0
    """Multiplications of an input with a weight."""
    scratch: int = 0
    """Bytes that the kernel needs for itself: a convolution's window, and its outputs before the pool."""
    lead: int | None = None
    """By how many bytes the input has to start behind the output, where the two may overlap; negative if it may even
    start before it. None: they must not overlap."""
    last: Layer | None = None
    """The last of the layers that it computes."""


def steps(layers: Sequence[Layer]) -> list[Step]:
    """The calls that compute a model, without the layers that move nothing; a max pool joins its convolution.

    Args:
        layers: What the numpy backend has accepted: whether the layers fit together is not checked again.

    Raises:
        BackendUnsupportedError: A layer has no C kernel, or is too large for it.
    """
    moving = [layer for layer in layers if layer.name != "RESHAPE"]
    found: list[Step] = []
    for layer, following in pairwise([*moving, None]):
        if layer is None or (found and found[-1].last is layer):
            continue
        if layer.name == "CONV_2D":
            found.append(_convolution(layer, following if _joins(layer, following) else None))
        elif layer.name in _KERNELS:
            found.append(_KERNELS[layer.name](layer))
        else:
            raise BackendUnsupportedError(f"{layer.name} has no C kernel")
    if not found:
        raise BackendUnsupportedError("a model that computes nothing")
    return found


def _joins(layer: Layer, following: Layer | None) -> bool:
    """Whether a convolution can take the largest of its outputs at once: what it gives is then never in memory."""
    if following is None or following.name != "MAX_POOL_2D" or following.inputs[0] is not layer.output:
        return False
    windows, output = layer_windows(following), int8_tensor(following.output)
    (top, _), (left, _) = windows.pads(*picture_shape(layer.output.shape)[:2])
    covers = all(
        -(-side // size) == count
        for side, size, count in zip(layer.output.shape[1:3], windows.size, following.output.shape[1:3], strict=True)
    )
    return (
        windows.size == windows.stride
        and max(windows.size) < 256
        and (top, left) == (0, 0)
        and covers
        and activation_range(following.options.scalar(5, "b"), output) == (-128, 127)
    )


def _dense(layer: Layer) -> Step:
    weights = weight_values(int8_tensor(layer.inputs[1]), 2)
    rows, length = weights.shape
    return Step(
        "dense",
        f"dense, {length} → {rows}",
        length,
        rows,
        _dense_parameters(layer, weights, layer.options.scalar(0, "b")),
        weights.size,
    )


def _dense_parameters(layer: Layer, weights: NDArray[np.int8], activation: int) -> Parameters:
    """The struct dense of weights (rows, length)."""
    sums = weights.astype(np.int64).sum(axis=1)
    return {
        "weights": weights,
        "length": weights.shape[1],
        "rows": weights.shape[0],
        "scales": _scales(layer, -int8_tensor(layer.inputs[0]).zero_point * sums, activation),
    }


def _scales(layer: Layer, starts: NDArray[np.int64], activation: int) -> Parameters:
    """The struct scales of channels whose sums start from `starts`, (channels,), and the bias."""
    bias = layer.inputs[2] if len(layer.inputs) > 2 else None
    if bias is not None:
        starts = starts + bias_values(bias, len(starts))
    multipliers, shifts = channel_scales(layer, len(starts))
    shared = len(set(zip(multipliers.tolist(), shifts.tolist(), strict=True))) == 1
    if shared:
        multipliers, shifts = multipliers[:1], shifts[:1]
    output = int8_tensor(layer.output)
    low, high = activation_range(activation, output)
    return {
        # Sums are computed modulo 2³², as everywhere.
        "starts": (starts & 0xFFFFFFFF).astype(np.uint32).view(np.int32),
        "multipliers": multipliers.astype(np.int32),
        "shifts": shifts.astype(np.int8),
        "step": int(not shared),
        "zero": output.zero_point,
        "low": low,
        "high": high,
    }


def _convolution(layer: Layer, pool: Layer | None) -> Step:
    source, weights = int8_tensor(layer.inputs[0]), weight_values(int8_tensor(layer.inputs[1]), 4)
    channels, size = len(weights), math.prod(weights.shape[1:])
    windows = layer_windows(layer)
    pool_size = layer_windows(pool).size if pool else (1, 1)
    output = pool.output if pool else layer.output
    then = f", then max pool {_shape(pool_size)}," if pool else ","
    return Step(
        "convolution",
        f"convolution {_shape(windows.size)}{then} {_shape(source.shape[1:])} → {_shape(output.shape[1:])}",
        math.prod(source.shape),
        math.prod(output.shape),
        {
            "windows": _windows(windows, source, layer.output),
            "channels": _dense_parameters(layer, weights.reshape(channels, size), layer.options.scalar(3, "b")),
            "fill": source.zero_point,
            "pool_y": pool_size[0],
            "pool_x": pool_size[1],
        },
        math.prod(layer.output.shape) * size,
        size + (channels if pool else 0),
        _lead(windows, source, output, pool_size),
        pool or layer,
    )


def _depthwise(layer: Layer) -> Step:
    source, weights = int8_tensor(layer.inputs[0]), weight_values(int8_tensor(layer.inputs[1]), 4)
    channels = weights.shape[3]
    windows = layer_windows(layer)
    return Step(
        "depthwise",
        f"depthwise convolution {_shape(windows.size)}, {_shape(source.shape[1:])} → {_shape(layer.output.shape[1:])}",
        math.prod(source.shape),
        math.prod(layer.output.shape),
        {
            "windows": _windows(windows, source, layer.output),
            "weights": weights[0],
            "scales": _scales(layer, np.zeros(channels, np.int64), layer.options.scalar(4, "b")),
            "channels": _side(channels),
            "multiplier": channels // source.shape[3],
            "input_zero": source.zero_point,
        },
        math.prod(layer.output.shape) * math.prod(windows.size),
        lead=_lead(windows, source, layer.output),
    )


def _pool(layer: Layer) -> Step:
    source, windows = int8_tensor(layer.inputs[0]), layer_windows(layer)
    kernel = {"MAX_POOL_2D": "max_pool", "AVERAGE_POOL_2D": "average_pool"}[layer.name]
    low, high = activation_range(layer.options.scalar(5, "b"), int8_tensor(layer.output))
    return Step(
        kernel,
        f"{kernel.replace('_', ' ')} {_shape(windows.size)}, {_shape(source.shape[1:])} → "
        f"{_shape(layer.output.shape[1:])}",
        math.prod(source.shape),
        math.prod(layer.output.shape),
        {"windows": _windows(windows, source, layer.output), "low": low, "high": high},
        lead=_lead(windows, source, layer.output),
    )


def _softmax(layer: Layer) -> Step:
    shape = int8_tensor(layer.inputs[0]).shape[1:]
    length = shape[-1] if shape else 1
    if length > _LARGEST_SOFTMAX:
        raise BackendUnsupportedError(f"a softmax over {length} values; the C kernel takes {_LARGEST_SOFTMAX} at most")
    exponentials = exponentials_below(layer)
    entries = int((exponentials >= _SMALLEST_EXPONENTIAL).sum())
    return Step(
        "softmax",
        f"softmax over {length}",
        math.prod(shape),
        math.prod(shape),
        {
            "exponentials": exponentials[:entries].astype(np.int32),
            "entries": entries,
            "groups": math.prod(shape[:-1]),
            "length": length,
        },
        lead=0,
    )


_KERNELS: dict[str, Callable[[Layer], Step]] = {
    "AVERAGE_POOL_2D": _pool,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _pool,
    "SOFTMAX": _softmax,
}


def _windows(windows: Windows, source: Tensor, output: Tensor) -> dict[str, int]:
    """The struct windows."""
    height, width, depth = picture_shape(source.shape)
    rows, columns, _ = picture_shape(output.shape)
    (top, _), (left, _) = windows.pads(height, width)
    members = {
        "height": height,
        "width": width,
        "depth": depth,
        "rows": rows,
        "columns": columns,
        "tall": windows.size[0],
        "wide": windows.size[1],
        "stride_y": windows.stride[0],
        "stride_x": windows.stride[1],
        "dilation_y": windows.dilation[0],
        "dilation_x": windows.dilation[1],
        "top": top,
        "left": left,
    }
    return {name: _side(value) for name, value in members.items()}


def _side(value: int) -> int:
    if value > _LARGEST_SIDE:
        raise BackendUnsupportedError(f"a picture with a side of {value}; the C kernels take {_LARGEST_SIDE} at most")
    return value


def _lead(windows: Windows, source: Tensor, output: Tensor, pool: tuple[int, int] = (1, 1)) -> int:
    """`Step.lead` of a kernel that goes over its output position by position, in the order of memory.

    What is written at a position must not cover what a later one reads: "diagonal memory optimisation" (Blacker et
    al., arXiv 2010.01668), here computed from the windows themselves.
    """
    height, width, depth = picture_shape(source.shape)
    rows, columns, channels = picture_shape(output.shape)
    (top, _), (left, _) = windows.pads(height, width)
    down, across = (stride * size for stride, size in zip(windows.stride, pool, strict=True))
    first = np.maximum(np.arange(rows) * down - top, 0)[:, None] * width
    reads = ((first + np.maximum(np.arange(columns) * across - left, 0)) * depth).reshape(-1)
    # The first byte that this position or a later one reads.
    needed = np.minimum.accumulate(reads[::-1])[::-1]
    written = np.arange(1, rows * columns + 1) * channels
    return max(int((written - needed).max()), 0)


def _shape(sizes: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in sizes)
