"""The structure of an untrusted TensorFlow Lite file, checked before any engine sees it.

Engines trust what a file says: a missing list of graphs ends the process by a signal, a computed tensor that names the
weights' bytes is written over them, four bytes of a shape take gigabytes. So everything that an engine follows is
followed here first. Field numbers and codes: TensorFlow's schema.fbs, version 3.
"""

from __future__ import annotations

import math
from functools import lru_cache

from numbre_runtime.backends.ends import End, Ends
from numbre_runtime.kernels.flatbuffer import Table

MOST_TENSORS, MOST_OPERATORS, MOST_BUFFERS = 4096, 4096, 8192
"""Most entries of a model's lists; a large network for a board has some hundred."""
MOST_VALUES = 1 << 24
"""Most values of one tensor."""
MOST_BYTES = 256 << 20
"""Most bytes of all computed tensors together, for one input."""
MOST_DIMENSIONS = 8

_CONTROL_FLOW = {31: "CALL", 32: "CUSTOM", 51: "DELEGATE", 118: "IF", 119: "WHILE", 129: "CALL_ONCE"}
"""schema.fbs BuiltinOperator: operators that run other graphs, or code from elsewhere."""
_STATEFUL = (*range(136, 140), *range(142, 145))
"""Hash tables and resource variables, which outlast a run."""
_FIRST_OF_STABLEHLO = 162
"""From here on the list holds StableHLO's operators, WHILE and CASE among them, which no board's interpreter runs."""
_TYPES = {
    0: ("float32", 4.0),
    1: ("float16", 2.0),
    2: ("int32", 4.0),
    3: ("uint8", 1.0),
    4: ("int64", 8.0),
    6: ("bool", 1.0),
    7: ("int16", 2.0),
    9: ("int8", 1.0),
    15: ("uint32", 4.0),
    16: ("uint16", 2.0),
    17: ("int4", 0.5),
}
"""schema.fbs TensorType to its name and its bytes a value; text, handles and variants are left out."""
_FLOATS = ("float32", "float16")


# The caller that compares a file with its manifest and the engine that opens it ask one after the other.
@lru_cache(maxsize=1)
def tflite_ends(content: bytes) -> Ends:
    """Checks a file's structure and returns its input and output.

    Args:
        content: The whole file.

    Raises:
        ValueError: It is damaged, too large for a board, or holds what an engine must not be given: more than one
            graph, control flow, operators that are not built in, a computed tensor in a constant's bytes, or a tensor
            that is read before anything wrote it.
    """
    model = Table.root(content, b"TFL3")
    graphs = model.tables(2, MOST_OPERATORS)
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs; expected one" if graphs else "it holds no graph")
    graph = graphs[0]
    sizes = [_buffer_bytes(entry) for entry in model.tables(4, MOST_BUFFERS)]
    tensors = [_Tensor(entry, sizes) for entry in graph.tables(0, MOST_TENSORS)]
    computed = sum(tensor.bytes for tensor in tensors if not tensor.constant)
    if computed > MOST_BYTES:
        raise ValueError(f"its tensors take {computed:,} bytes; at most {MOST_BYTES:,} are computed")
    inputs, outputs = (_numbers(graph, field, len(tensors)) for field in (1, 2))
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(f"{len(inputs)} inputs and {len(outputs)} outputs; expected one of each")
    if tensors[inputs[0]].constant:
        raise ValueError("its input is a constant")
    written = {inputs[0]}
    codes = [_code(entry) for entry in model.tables(1, MOST_OPERATORS)]
    for operator in graph.tables(3, MOST_OPERATORS):
        _check_operator(operator, codes, tensors, written)
    if outputs[0] not in written:
        raise ValueError("nothing computes its output")
    for entry in model.tables(6, MOST_BUFFERS):
        if entry.scalar(1, "I") >= len(sizes) or not entry.length(0):
            raise ValueError("its metadata names a buffer that is not there")
    for signature in model.tables(7, MOST_OPERATORS):
        _check_signature(signature, len(tensors))
    return Ends(_end(tensors[inputs[0]]), _end(tensors[outputs[0]]))


class _Tensor:
    """What the other checks need of a tensor."""

    __slots__ = ("bytes", "constant", "dtype", "grid", "shape", "variable")

    def __init__(self, entry: Table, buffers: list[int]) -> None:
        self.shape = entry.numbers(0, "i")
        if len(self.shape) > MOST_DIMENSIONS or any(size < 1 for size in self.shape):
            raise ValueError(f"a tensor of shape {self.shape[:9]}; expected up to {MOST_DIMENSIONS} sizes of 1 or more")
        values = math.prod(self.shape)
        if values > MOST_VALUES:
            raise ValueError(f"a tensor of shape {self.shape}; at most {MOST_VALUES:,} values are read")
        if any(size < -1 for size in entry.numbers(7, "i")) or len(entry.numbers(7, "i")) not in (0, len(self.shape)):
            raise ValueError("a tensor's two shapes differ")
        code = entry.scalar(1, "b")
        if code not in _TYPES:
            raise ValueError(f"a tensor of type {code}, which no classifier needs")
        if entry.has(6) or entry.has(9):
            raise ValueError("a sparse tensor, or one of variants, which is not read")
        self.dtype, size = _TYPES[code]
        self.bytes = math.ceil(values * size)
        self.variable = bool(entry.scalar(5, "B"))
        buffer = entry.scalar(2, "I")
        if buffer >= len(buffers):
            raise ValueError("a tensor names a buffer that is not there")
        stored = buffers[buffer]
        self.constant = stored > 0
        if self.constant and (stored < self.bytes or self.variable):
            raise ValueError(f"{stored:,} bytes for a constant of shape {self.shape} and type {self.dtype}")
        entry.length(3)
        self.grid = _grid(entry.table(4), self.shape)


def _grid(quantization: Table | None, shape: tuple[int, ...]) -> tuple[float, int] | None:
    """A quantized tensor's first scale and zero point; None without any."""
    if quantization is None:
        return None
    scales, zero_points = quantization.length(2, 4), quantization.length(3, 8)
    if quantization.scalar(4, "B"):
        raise ValueError("a quantization that is not built in")
    if not scales:
        return None
    axis = quantization.scalar(6, "i")
    if scales > 1 and not (0 <= axis < len(shape) and shape[axis] == scales):
        raise ValueError(f"{scales} scales for a tensor of shape {shape}")
    if zero_points not in (0, 1, scales):
        raise ValueError(f"{zero_points} zero points for {scales} scales")
    steps = quantization.reals(2)
    if not all(0 < step < math.inf for step in steps):
        raise ValueError("a scale is not a positive number")
    if any(abs(point) > 1 << 16 for point in quantization.numbers(3, "q")):
        raise ValueError("a zero point is out of range")
    return steps[0], quantization.numbers(3, "q")[0] if zero_points else 0


def _buffer_bytes(entry: Table) -> int:
    if entry.scalar(1, "Q") > 1 or entry.scalar(2, "Q") > 1:
        raise ValueError("weights behind the flatbuffer, which are not read")
    return entry.length(0)


def _numbers(table: Table, field: int, count: int) -> tuple[int, ...]:
    """A vector of tensor numbers, all of them there."""
    if table.length(field, 4) > MOST_TENSORS:
        raise ValueError("a list of too many tensors")
    numbers = table.numbers(field, "i")
    if any(not 0 <= number < count for number in numbers):
        raise ValueError("a number leads past the end of the list of tensors")
    return numbers


def _code(entry: Table) -> int:
    # Files written before 2020 hold the code in field 0, an int8; newer ones put 127 there if it does not fit.
    number = max(entry.scalar(3, "i"), entry.scalar(0, "b"))
    known = 0 <= number < _FIRST_OF_STABLEHLO and number not in _CONTROL_FLOW and number not in _STATEFUL
    if not known or entry.length(1):
        name = _CONTROL_FLOW.get(number, number)
        raise ValueError(f"operator {name} is control flow, keeps state, or is not built in")
    return number


def _check_operator(operator: Table, codes: list[int], tensors: list[_Tensor], written: set[int]) -> None:
    """Checks one operator in the order of execution; adds what it writes to `written`."""
    if operator.scalar(0, "I") >= len(codes):
        raise ValueError("an operator of no kind")
    if operator.length(1, 4) > MOST_TENSORS:
        raise ValueError("an operator of too many inputs")
    reads = operator.numbers(1, "i")
    if any(not -1 <= number < len(tensors) for number in reads):
        raise ValueError("a number leads past the end of the list of tensors")
    for number in reads:
        if number >= 0 and number not in written and not (tensors[number].constant or tensors[number].variable):
            raise ValueError("an operator reads a tensor that nothing has written before")
    writes = _numbers(operator, 2, len(tensors))
    if not writes:
        raise ValueError("an operator without output")
    for number in (*writes, *(number for number in operator.numbers(8, "i") if number != -1)):
        if not 0 <= number < len(tensors) or tensors[number].constant or number in written:
            raise ValueError("an operator writes a constant, or what another one has written")
    written.update(writes)
    if operator.length(5) or operator.scalar(9, "Q") or operator.scalar(10, "Q"):
        raise ValueError("an operator with options that are not built in")
    for options in (4, 12):
        operator.table(options)


def _check_signature(signature: Table, count: int) -> None:
    if signature.scalar(4, "I"):
        raise ValueError("a signature of another graph")
    for field in (0, 1):
        for entry in signature.tables(field, MOST_TENSORS):
            if entry.scalar(1, "I") >= count:
                raise ValueError("a signature names a tensor that is not there")


def _end(tensor: _Tensor) -> End:
    if tensor.dtype in _FLOATS:
        return End(tensor.shape, tensor.dtype, 1.0, 0)
    if tensor.grid is None:
        if tensor.dtype == "int32":
            # Whole numbers as they are, such as the numbers of words.
            return End(tensor.shape, tensor.dtype, 1.0, 0)
        raise ValueError(f"its {tensor.dtype} input or output has no scale")
    return End(tensor.shape, tensor.dtype, *tensor.grid)
