"""The windows that a convolution or a pool moves over a picture (TensorFlow Lite `kernels/padding.h`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from numbre_runtime.kernels.tflite_file import Layer

_SAME = 0
"""schema.fbs Padding."""
_LARGEST = 4096


@dataclass(frozen=True)
class Windows:
    """Size, step and padding of a window, rows first."""

    size: tuple[int, int]
    """Rows and columns of values that it takes."""
    stride: tuple[int, int]
    """Steps between two windows."""
    dilation: tuple[int, int]
    """Steps between two values of one window."""
    padding: int
    """schema.fbs Padding: 0 is SAME, 1 is VALID."""

    def __post_init__(self) -> None:
        if not all(0 < value <= _LARGEST for value in (*self.size, *self.stride, *self.dilation)):
            raise ValueError(f"a window of {self.size} with stride {self.stride} and dilation {self.dilation}")

    def pads(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many rows before and after, and columns before and after, are padded."""
        return self._pad(0, height), self._pad(1, width)

    def values(self, height: int, width: int, channels: int) -> int:
        """How many values one picture becomes, padded, and with every window copied out."""
        (top, bottom), (left, right) = self.pads(height, width)
        places = -(-height // self.stride[0]) * -(-width // self.stride[1])
        padded = (height + top + bottom) * (width + left + right)
        return (padded + places * self.size[0] * self.size[1]) * channels

    def _pad(self, axis: int, length: int) -> tuple[int, int]:
        span = (self.size[axis] - 1) * self.dilation[axis] + 1
        if self.padding != _SAME:
            if span > length:
                raise ValueError(f"a window of {span} over {length} values")
            return 0, 0
        steps = -(-length // self.stride[axis])
        total = max((steps - 1) * self.stride[axis] + span - length, 0)
        return total // 2, total - total // 2

    def view(self, pictures: NDArray[Any], fill: float) -> NDArray[Any]:
        """Every window of every picture.

        Args:
            pictures: (N, height, width, channels).
            fill: What the padding holds.

        Returns:
            (N, rows, columns, channels, *size), without a copy beyond the padding.
        """
        pads = self.pads(*pictures.shape[1:3])
        if pads != ((0, 0), (0, 0)):
            pictures = np.pad(pictures, ((0, 0), *pads, (0, 0)), constant_values=fill)
        spans = tuple((size - 1) * step + 1 for size, step in zip(self.size, self.dilation, strict=True))
        windows = sliding_window_view(pictures, spans, (1, 2))
        down, across = self.stride
        found: NDArray[Any] = windows[:, ::down, ::across, :, :: self.dilation[0], :: self.dilation[1]]
        return found


_DILATIONS = {"CONV_2D": (5, 4), "DEPTHWISE_CONV_2D": (6, 5)}
"""Fields of Conv2DOptions and DepthwiseConv2DOptions with the dilation of rows and columns."""
WINDOWED = ("AVERAGE_POOL_2D", "MAX_POOL_2D", *_DILATIONS)
"""The operators that move a window."""


def layer_windows(layer: Layer) -> Windows:
    """The windows of a convolution or a pool.

    Raises:
        ValueError: They do not fit its input.
    """
    options, source = layer.options, layer.inputs[0]
    stride = (options.scalar(2, "i"), options.scalar(1, "i"))
    if layer.name in _DILATIONS:
        weights = layer.inputs[1] if len(layer.inputs) > 1 else None
        if weights is None or len(weights.shape) != 4:
            raise ValueError("a convolution without weights of rank 4")
        rows, columns = _DILATIONS[layer.name]
        size, dilation = weights.shape[1:3], (options.scalar(rows, "i", 1), options.scalar(columns, "i", 1))
    else:
        size, dilation = (options.scalar(4, "i"), options.scalar(3, "i")), (1, 1)
    windows = Windows((size[0], size[1]), stride, dilation, options.scalar(0, "b"))
    windows.pads(*picture_shape(() if source is None else source.shape)[:2])
    return windows


def picture_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels of a tensor of pictures.

    Raises:
        ValueError: It is no tensor of pictures.
    """
    if len(shape) != 4 or 0 in shape:
        raise ValueError(f"pictures of shape {shape}; expected (N, height, width, channels)")
    return shape[1], shape[2], shape[3]
