"""The layers of a TensorFlow Lite file with one input and one output, in the order they run.

Field numbers and codes: TensorFlow's schema.fbs, version 3.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import BackendUnsupportedError
from numbre_runtime.kernels.flatbuffer import Table

OPERATORS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    20: "RELU_N1_TO_1",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    28: "TANH",
    34: "PAD",
    36: "GATHER",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    49: "SPLIT",
    70: "EXPAND_DIMS",
    97: "RESIZE_NEAREST_NEIGHBOR",
    98: "LEAKY_RELU",
    114: "QUANTIZE",
    117: "HARD_SWISH",
    126: "BATCH_MATMUL",
}
"""schema.fbs BuiltinOperator, those that have a kernel here."""

_SHAPED = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
"""Operators that give the same values another shape."""
_DTYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8"}
_Item = TypeVar("_Item")
_LARGEST_LAYER = 1 << 24
"""Most values of one tensor; more than any model for a small board, less than would exhaust its memory."""


@dataclass(frozen=True)
class Tensor:
    """A tensor; a real value is (stored − zero_point) · scale."""

    shape: tuple[int, ...]
    """Its shape, with 1 for the batch."""
    dtype: str
    """NumPy name of the stored type."""
    scales: NDArray[np.float32]
    """(1,) or, of weights quantized per channel, (channels,); empty if it is not quantized."""
    zero_point: int
    """Stored value that means 0."""
    values: NDArray[np.generic] | None
    """The constant that the file holds, or None for what a layer computes."""

    @property
    def scale(self) -> np.float32:
        """The scale of the whole tensor."""
        return np.float32(self.scales[0])


@dataclass(frozen=True)
class Layer:
    """One operator."""

    name: str
    """Its name in schema.fbs, "FULLY_CONNECTED"."""
    inputs: tuple[Tensor | None, ...]
    """What it reads: the activation, then weights and bias where it has any; None for one that is left out."""
    outputs: tuple[Tensor, ...]
    """What it writes: one tensor, but for SPLIT."""
    options: Table
    """Its options table, whose fields depend on the operator."""
    reads: tuple[int, ...] = ()
    """Numbers of the tensors among its inputs that are computed, in order; a layer outside a graph has none."""
    writes: tuple[int, ...] = ()
    """Numbers of its outputs."""

    @property
    def output(self) -> Tensor:
        """The first tensor that it writes."""
        return self.outputs[0]


@dataclass(frozen=True)
class Graph:
    """The layers between a model's only input and its only output."""

    layers: tuple[Layer, ...]
    """In the order they run; those that the output does not depend on are left out."""
    input: Tensor
    """What the first layers read."""
    input_number: int
    """Its number, as `Layer.reads` has it."""
    output_number: int
    """Number of the tensor that is the model's answer."""


def read_graph(content: bytes) -> Graph:
    """Reads the operators that the model's only output depends on.

    Raises:
        BackendUnsupportedError: An operator has no kernel here, or there are several inputs or outputs.
        ValueError: The file is damaged, or no TensorFlow Lite file.
    """
    model = Table.root(content, b"TFL3")
    graphs = model.tables(2)
    if not graphs:
        raise ValueError("it holds no graph")
    graph = graphs[0]
    inputs, outputs = graph.numbers(1, "i"), graph.numbers(2, "i")
    if len(inputs) != 1 or len(outputs) != 1:
        raise BackendUnsupportedError(f"{len(inputs)} inputs and {len(outputs)} outputs; only one of each is computed")
    tensors, codes = _tensors(graph, model.tables(4)), model.tables(1)
    needed = set(outputs)
    layers: list[Layer] = []
    for operator in reversed(graph.tables(3)):
        if needed.isdisjoint(operator.numbers(2, "i")):
            continue
        layer = _layer(operator, codes, tensors)
        needed.difference_update(layer.writes)
        needed.update(layer.reads)
        layers.append(layer)
    if needed != set(inputs):
        raise ValueError("its layers do not lead from input to output")
    return Graph(tuple(layers[::-1]), _item(tensors, inputs[0]), inputs[0], outputs[0])


def read_layers(content: bytes) -> list[Layer]:
    """Reads a model whose layers form one chain, each of which reads what the one before has written.

    Raises:
        BackendUnsupportedError: An operator has no kernel here, or the model branches.
        ValueError: The file is damaged, or no TensorFlow Lite file.
    """
    graph = read_graph(content)
    at = graph.input_number
    for layer in graph.layers:
        if layer.reads != (at,) or len(layer.writes) != 1:
            raise BackendUnsupportedError(f"a model that branches at {layer.name}; expected one chain of layers")
        at = layer.writes[0]
    return list(graph.layers)


def _layer(operator: Table, codes: list[Table], tensors: list[Tensor]) -> Layer:
    code = _item(codes, operator.scalar(0, "I"))
    # Files written before 2020 hold the code in field 0, an int8; newer ones put 127 there if it does not fit.
    number = max(code.scalar(3, "i"), code.scalar(0, "b"))
    if number not in OPERATORS:
        raise BackendUnsupportedError(f"operator {number} of TensorFlow Lite is not computed in NumPy")
    name, read, writes = OPERATORS[number], operator.numbers(1, "i"), operator.numbers(2, "i")
    if not read or not writes:
        raise ValueError("an operator without inputs or outputs")
    if name in _SHAPED:
        # The new shape is that of the output; what computes it for other batches is not followed.
        read = read[:1]
    inputs = tuple(None if index == -1 else _item(tensors, index) for index in read)
    outputs = tuple(_item(tensors, index) for index in writes)
    reads = tuple(
        index for index, tensor in zip(read, inputs, strict=True) if tensor is not None and tensor.values is None
    )
    return Layer(name, inputs, outputs, operator.table(4) or _NO_OPTIONS, reads, writes)


def _tensors(graph: Table, buffers: list[Table]) -> list[Tensor]:
    return [_tensor(entry, buffers) for entry in graph.tables(0)]


def _tensor(entry: Table, buffers: list[Table]) -> Tensor:
    shape = tuple(int(size) for size in entry.array(0, "<i4"))
    code = entry.scalar(1, "b")
    dtype = _DTYPES.get(code, f"type {code}")
    count = 1
    for size in shape:
        if size < 0 or (count := count * max(size, 1)) > _LARGEST_LAYER:
            raise ValueError(f"a tensor of shape {shape}; at most {_LARGEST_LAYER:,} values are read")
    quantization = entry.table(4)
    scales = np.empty(0, np.float32) if quantization is None else quantization.array(2, "<f4").astype(np.float32)
    zero_points = np.zeros(0, np.int64) if quantization is None else quantization.array(3, "<i8").astype(np.int64)
    if not (np.isfinite(scales).all() and (scales > 0).all()):
        raise ValueError("a scale is not a positive number")
    if len(scales) > 1 and zero_points.any():
        raise BackendUnsupportedError("weights with a zero point for each channel")
    zero_point = int(zero_points[0]) if len(zero_points) else 0
    if dtype == "int8" and not -128 <= zero_point <= 127:
        raise ValueError(f"zero point {zero_point} is not an int8")
    values = None
    data = _item(buffers, entry.scalar(2, "I")).array(0, "u1")
    if len(data) and code in _DTYPES:
        if data.nbytes != int(np.prod(shape)) * np.dtype(dtype).itemsize:
            raise ValueError(f"{data.nbytes} bytes for a constant of shape {shape} and type {dtype}")
        values = np.frombuffer(data.tobytes(), np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return Tensor(shape, dtype, scales, zero_point, values)


def _item(items: Sequence[_Item], index: int) -> _Item:
    if not 0 <= index < len(items):
        raise ValueError("a number leads past the end of its list")
    return items[index]


_NO_OPTIONS = Table(struct.pack("<iHH", -4, 4, 4), 0)
"""A table without fields: every option has its default."""
