"""The structure of an untrusted ONNX file, checked before ONNX Runtime sees it, without the package onnx.

Protocol Buffers' wire format; field numbers from onnx.proto (ONNX IR specification). What NUMBRE's exporter never
writes is refused where it could do harm: loops that never end, functions that call themselves, weights in other files
(ONNX Runtime would look for them wherever the program was started, and a bundle's digests say nothing of them), sparse
tensors of giant shapes.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import NamedTuple

from numbre_runtime.backends.ends import End, Ends
from numbre_runtime.backends.protobuf import Value, fields, packed_numbers

MOST_NODES, MOST_TENSORS = 8192, 8192
"""Most entries of a model's lists."""
MOST_VALUES = 1 << 24
"""Most values of one tensor."""
MOST_DIMENSIONS = 8

_CONTROL_FLOW = frozenset((b"Loop", b"If", b"Scan", b"SequenceMap", b"EPContext"))
"""Operators that run other graphs, or take what they run from another file (EPContext)."""
_DOMAINS = frozenset((b"", b"ai.onnx", b"ai.onnx.ml", b"com.microsoft"))
_TYPES = {
    1: ("float32", 4.0),
    2: ("uint8", 1.0),
    3: ("int8", 1.0),
    4: ("uint16", 2.0),
    5: ("int16", 2.0),
    6: ("int32", 4.0),
    7: ("int64", 8.0),
    9: ("bool", 1.0),
    10: ("float16", 2.0),
    11: ("float64", 8.0),
    12: ("uint32", 4.0),
    13: ("uint64", 8.0),
    16: ("bfloat16", 2.0),
    21: ("uint4", 0.5),
    22: ("int4", 0.5),
}
"""TensorProto.DataType to its name and its bytes a value; text, complex and 8-bit floating point are left out."""
_FLOATS = ("float32", "float16", "float64")
_SIGNED = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}


class _Constant(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    raw: bytes
    numbers: tuple[int, ...]
    floats: bytes

    def first(self) -> float:
        """Its first value, of the types that scales and zero points have."""
        if self.dtype == "float32":
            stored = self.raw or self.floats
            if len(stored) < 4:
                raise ValueError("a scale without a value")
            return float(struct.unpack_from("<f", stored)[0])
        if self.raw:
            size = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2}.get(self.dtype)
            if size is None:
                raise ValueError(f"a zero point of type {self.dtype}")
            return int.from_bytes(self.raw[:size], "little", signed=self.dtype in _SIGNED)
        return _signed(self.numbers[0]) if self.numbers else 0


class _Node(NamedTuple):
    kind: bytes
    inputs: list[bytes]
    outputs: list[bytes]


def has_external_data(content: bytes) -> bool:
    """Whether a model keeps values in another file.

    Args:
        content: The ONNX file.

    Raises:
        ValueError: It is no ONNX file, damaged, or refused for another reason, see `onnx_ends`.
    """
    try:
        onnx_ends(content)
    except ExternalDataError:
        return True
    return False


class ExternalDataError(ValueError):
    """A tensor whose values are in another file."""


# The caller that compares a file with its manifest and the engine that opens it ask one after the other.
@lru_cache(maxsize=1)
def onnx_ends(content: bytes) -> Ends:
    """Checks a file's structure and returns its input and output.

    Args:
        content: The whole file.

    Raises:
        ExternalDataError: A tensor's values are in another file.
        ValueError: It is damaged, too large for a board, or holds what an engine must not be given: control flow,
            functions, graphs within graphs, sparse tensors, operators of another domain.
    """
    graph: memoryview | None = None
    for field, value in fields(memoryview(content)):
        if field == 7:
            if graph is not None:
                raise ValueError("two graphs; expected one")
            graph = _message(value)
        elif field in (20, 25):
            raise ValueError("it holds functions or training, which no classifier needs")
    if graph is None:
        raise ValueError("it holds no graph")
    nodes: list[_Node] = []
    constants: dict[bytes, _Constant] = {}
    inputs: list[tuple[bytes, End]] = []
    outputs: list[tuple[bytes, End]] = []
    for field, value in fields(graph):
        if field == 1:
            nodes.append(_node(_message(value)))
        elif field == 5:
            name, constant = _tensor(_message(value))
            constants[name] = constant
        elif field == 11:
            inputs.append(_value_info(_message(value)))
        elif field == 12:
            outputs.append(_value_info(_message(value)))
        elif field == 13:
            _value_info(_message(value))
        elif field == 2:
            _text(value)
        elif field == 15:
            raise ValueError("a sparse tensor, which is not read")
        if max(len(nodes), len(constants)) > MOST_NODES or max(len(inputs), len(outputs)) > MOST_TENSORS:
            raise ValueError(f"more than {MOST_NODES:,} nodes or tensors")
    # Files of IR version 3 list their weights among the inputs.
    inputs = [(name, end) for name, end in inputs if name not in constants]
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs; expected one of each")
    written = {inputs[0][0], b"", *constants}
    for node in nodes:
        if any(name not in written for name in node.inputs):
            raise ValueError("a node reads a value that nothing has written before")
        if any(name in written and name for name in node.outputs):
            raise ValueError("a node writes a constant, or what another one has written")
        written.update(node.outputs)
    (entry, first), (exit_, last) = inputs[0], outputs[0]
    if exit_ not in written or exit_ in constants or not exit_:
        raise ValueError("nothing computes its output")
    reader = next((node for node in nodes if entry in node.inputs), None)
    writer = next((node for node in nodes if exit_ in node.outputs), None)
    return Ends(_with_grid(first, reader, constants), _with_grid(last, writer, constants))


def _node(message: memoryview) -> _Node:
    node = _Node(b"", [], [])
    for field, value in fields(message):
        if field == 1:
            node.inputs.append(_text(value))
        elif field == 2:
            node.outputs.append(_text(value))
        elif field == 4:
            node = node._replace(kind=_text(value))
        elif field == 3:
            _text(value)
        elif field == 5:
            _check_attribute(_message(value))
        elif field == 7:
            _domain(_text(value))
    if node.kind in _CONTROL_FLOW:
        raise ValueError(f"control flow ({node.kind.decode()}), which no classifier needs")
    return node


def _domain(name: bytes) -> None:
    if name not in _DOMAINS:
        raise ValueError(f"operators of {name.decode(errors='replace')!r:.60}, which no engine here knows")


def _check_attribute(message: memoryview) -> None:
    for field, value in fields(message):
        if field == 1:
            _text(value)
        if field in (6, 11):
            raise ValueError("a graph within a graph: control flow, which no classifier needs")
        if field in (22, 23):
            raise ValueError("a sparse tensor, which is not read")
        if field in (5, 10):
            _tensor(_message(value))


def _tensor(message: memoryview) -> tuple[bytes, _Constant]:
    shape: list[int] = []
    numbers: list[int] = []
    name, code, raw, floats, stored = b"", 0, b"", b"", 0
    for field, value in fields(message):
        if field == 13 or (field == 14 and value != 0):
            raise ExternalDataError("it keeps weights in another file, which is never read; save it as one file")
        if field == 1:
            shape += packed_numbers(value)
        elif field == 2 and isinstance(value, int):
            code = value
        elif field == 8:
            name = _text(value)
        elif field == 9:
            raw = _message(value).tobytes() if len(_message(value)) <= 8 else raw
            stored = len(_message(value))
        elif field == 4:
            floats = floats or _message(value)[:4].tobytes()
            stored += len(_message(value))
        elif field in (5, 7, 11):
            found = packed_numbers(value)
            numbers = numbers or found[:1]
            stored += len(found) * 8
        elif field == 10:
            stored += len(_message(value))
    if code not in _TYPES:
        raise ValueError(f"a tensor of type {code}, which no classifier needs")
    dtype, size = _TYPES[code]
    values = _values(shape)
    # Values that are stored as numbers take up to 8 bytes each, whatever their type.
    if stored < math.ceil(values * size):
        raise ValueError(f"{stored:,} bytes for a constant of shape {tuple(shape)} and type {dtype}")
    return name, _Constant(dtype, tuple(shape), raw, tuple(numbers), floats)


def _value_info(message: memoryview) -> tuple[bytes, End]:
    name, dtype = b"", ""
    shape: list[int] = []
    for field, value in fields(message):
        if field == 1:
            name = _text(value)
        elif field == 2:
            for kind, inner in fields(_message(value)):
                if kind in (4, 5, 8, 9):
                    raise ValueError("a value that is no tensor")
                if kind == 1:
                    dtype, shape = _tensor_type(_message(inner))
    return name, End(tuple(shape), dtype, 1.0, 0)


def _tensor_type(message: memoryview) -> tuple[str, list[int]]:
    dtype = ""
    shape: list[int] = []
    for field, value in fields(message):
        if field == 1 and isinstance(value, int):
            if value not in _TYPES:
                raise ValueError(f"a tensor of type {value}, which no classifier needs")
            dtype = _TYPES[value][0]
        elif field == 2:
            for _, dimension in fields(_message(value)):
                sizes = [item for number, item in fields(_message(dimension)) if number == 1]
                shape.append(sizes[-1] if sizes and isinstance(sizes[-1], int) else 0)
    _values([size or 1 for size in shape])
    return dtype, shape


def _values(shape: list[int]) -> int:
    """How many values a tensor of a shape has."""
    values = math.prod(shape)
    if len(shape) > MOST_DIMENSIONS or any(size < 0 or size > MOST_VALUES for size in shape) or values > MOST_VALUES:
        raise ValueError(f"a tensor of shape {tuple(shape[:9])}; at most {MOST_VALUES:,} values are read")
    return values


def _with_grid(end: End, node: _Node | None, constants: dict[bytes, _Constant]) -> End:
    """An end with the scale and zero point of the node that reads or makes it."""
    if end.dtype in (*_FLOATS, "int32") or node is None:
        # An int32 input takes whole numbers as they are, such as the numbers of words.
        return end
    if node.kind not in (b"QuantizeLinear", b"DequantizeLinear") or len(node.inputs) < 3:
        raise ValueError(f"its {end.dtype} input or output has no scale")
    scale, zero_point = constants.get(node.inputs[1]), constants.get(node.inputs[2])
    if scale is None or zero_point is None:
        raise ValueError(f"its {end.dtype} input or output has no constant scale")
    return end._replace(scale=scale.first(), zero_point=int(zero_point.first()))


def _message(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where a message was expected")
    return value


def _text(value: Value) -> bytes:
    text = _message(value).tobytes()
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            raise ValueError("a name that is no UTF-8") from None
    return text


def _signed(number: int) -> int:
    """A varint as the signed 64-bit number that it stands for."""
    return number - (1 << 64) if number >> 63 else number
