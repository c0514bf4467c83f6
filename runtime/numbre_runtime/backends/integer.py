"""The `numpy` backend: an int8 TFLite model computed in NumPy alone, as TensorFlow Lite's reference kernels do.

For boards that no engine has a wheel for, and the arbiter where two engines disagree: whole numbers leave nothing to
the order of additions, so that it gives the same bits on every processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.base import BATCH, Session, refused
from numbre_runtime.backends.tflite_structure import tflite_ends
from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.arrangement import (
    concatenation,
    gather,
    pad,
    reshape,
    resize_nearest_neighbor,
    split,
    strided_slice,
    transpose,
)
from numbre_runtime.kernels.batch_matmul import batch_matmul
from numbre_runtime.kernels.convolution import conv_2d, depthwise_conv_2d
from numbre_runtime.kernels.dense import fully_connected
from numbre_runtime.kernels.elementwise import add, mul, sub
from numbre_runtime.kernels.lookup import clipped, dequantize, hard_swish, leaky_relu, logistic, quantize, tanh
from numbre_runtime.kernels.mean import mean
from numbre_runtime.kernels.pooling import average_pool_2d, max_pool_2d
from numbre_runtime.kernels.requantize import Kernel, Splitter, int8_tensor
from numbre_runtime.kernels.softmax import softmax
from numbre_runtime.kernels.tflite_file import Graph, Layer, Tensor, read_graph
from numbre_runtime.kernels.windows import WINDOWED, layer_windows, picture_shape
from numbre_runtime.tensors import Encoder, as_stored

_ROW_KERNELS: dict[str, Callable[[Layer], Kernel]] = {
    "AVERAGE_POOL_2D": average_pool_2d,
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "SOFTMAX": softmax,
}
"""Operator name to the function that makes its kernel of one tensor, whose first axis is the rows."""
_TENSOR_KERNELS: dict[str, Callable[[Layer], Kernel | Splitter]] = {
    "ADD": add,
    "BATCH_MATMUL": batch_matmul,
    "CONCATENATION": concatenation,
    "DEQUANTIZE": dequantize,
    "EXPAND_DIMS": reshape,
    "GATHER": gather,
    "HARD_SWISH": hard_swish,
    "LEAKY_RELU": leaky_relu,
    "LOGISTIC": logistic,
    "MEAN": mean,
    "MUL": mul,
    "PAD": pad,
    "QUANTIZE": quantize,
    "RELU": clipped,
    "RELU6": clipped,
    "RELU_N1_TO_1": clipped,
    "RESHAPE": reshape,
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest_neighbor,
    "SPLIT": split,
    "SQUEEZE": reshape,
    "STRIDED_SLICE": strided_slice,
    "SUB": sub,
    "TANH": tanh,
    "TRANSPOSE": transpose,
}
"""The same of kernels that take any tensors, with the rows in an axis before the tensors' own."""

_VALUES_AT_ONCE, _VALUES_OF_ONE = 1 << 20, 1 << 24
"""Values of the widest intermediate array that one run should, and that one input may, hold; 1 to 8 bytes each."""


@dataclass(frozen=True)
class _Call:
    """A layer, ready to run."""

    layer: Layer
    kernel: Kernel | Splitter
    last_reads: tuple[int, ...]
    """Numbers of the tensors that no later layer reads."""


class IntegerSession:
    """Kernels in the order they run; they keep no state, so that any number of threads may run them.

    Between them each tensor has one axis more than in the file, the rows in front.

    Raises:
        BackendUnsupportedError: A layer has no kernel.
        ValueError: The layers do not fit together, or one of them would exhaust a board's memory.
    """

    def __init__(self, graph: Graph) -> None:
        if not graph.layers:
            raise ValueError("a model without layers")
        self.version, self.batch = f"numpy {np.__version__}", BATCH
        self._source, self._input, self._output = graph.input, graph.input_number, graph.output_number
        if math.prod(self._source.shape[:1]) != 1:
            raise BackendUnsupportedError(f"a model of {self._source.shape[0]} inputs at once; one by one is computed")
        last: dict[int, int] = {number: at for at, layer in enumerate(graph.layers) for number in layer.reads}
        self._calls = [
            _Call(layer, _kernel(layer), tuple({number for number in layer.reads if last[number] == at}))
            for at, layer in enumerate(graph.layers)
        ]
        widest = max(_values(layer) for layer in graph.layers)
        if widest > _VALUES_OF_ONE:
            raise ValueError(f"a layer of {widest:,} values; at most {_VALUES_OF_ONE:,} are computed")
        self._rows = max(1, _VALUES_AT_ONCE // max(widest, 1))
        self._compute(np.zeros((1, *self._source.shape), self._source.dtype))

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """See `Session.run`."""
        if len(rows) > self._rows:
            parts = range(0, len(rows), self._rows)
            return np.concatenate([self.run(rows[start : start + self._rows], encode) for start in parts])
        stored = encode(rows).reshape(len(rows), *self._source.shape)
        try:
            answers = self._compute(stored)
        except Exception as cause:
            raise refused("The numpy backend", cause) from cause
        return answers.reshape(len(rows), -1)

    def _compute(self, stored: NDArray[Any]) -> NDArray[Any]:
        """The output tensor (N, …) of the input tensor (N, …)."""
        values = {self._input: stored}
        for layer, kernel, last_reads in ((call.layer, call.kernel, call.last_reads) for call in self._calls):
            made = kernel(*(values[number] for number in layer.reads))
            for number in last_reads:
                del values[number]
            outputs = made if isinstance(made, tuple) else (made,)
            for number, tensor, output in zip(layer.writes, layer.outputs, outputs, strict=True):
                if output.shape[1:] != tensor.shape:
                    raise ValueError(f"{layer.name} gives {output.shape[1:]}, and the file says {tensor.shape}")
                values[number] = output
        return values[self._output]

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """See `Session.runner`."""
        return lambda: self.run(buffer)


def open_model(content: bytes, threads: int) -> Session:  # noqa: ARG001 - NumPy's own threads are not ours to set
    """See `Backend.open_model`."""
    try:
        tflite_ends(content)
        return IntegerSession(read_graph(content))
    except BackendUnsupportedError:
        raise
    except Exception as cause:
        raise refused("The numpy backend", cause) from cause


def _kernel(layer: Layer) -> Kernel | Splitter:
    if layer.name in _TENSOR_KERNELS:
        return _TENSOR_KERNELS[layer.name](layer)
    kernel = _ROW_KERNELS[layer.name](layer)
    source, output = int8_tensor(layer.inputs[0]), int8_tensor(layer.output)

    def run(stored: NDArray[Any]) -> NDArray[Any]:
        made = kernel(stored.reshape(-1, *source.shape[1:]))
        if made.size != len(stored) * math.prod(output.shape):
            raise ValueError(f"{layer.name} gives {made.shape}, and the file says {output.shape}")
        return made.reshape(len(stored), *output.shape)

    return run


def _values(layer: Layer) -> int:
    """Values of the widest array that a layer makes of one input."""
    if layer.name in WINDOWED:
        return layer_windows(layer).values(*picture_shape(int8_tensor(layer.inputs[0]).shape))
    tensors: list[Tensor] = [*(tensor for tensor in layer.inputs if tensor is not None), *layer.outputs]
    return max(math.prod(tensor.shape) for tensor in tensors if tensor.values is None)
