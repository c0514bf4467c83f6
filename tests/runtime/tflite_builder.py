"""Builds int8 TFLite files of one operator, or of several, through the schema that LiteRT ships."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from numbre_runtime.kernels.tflite_file import Graph, Layer


@dataclass
class OneLayer:
    """An operator, its tensors and its options."""

    operator: str
    source: tuple[int, ...]
    output: tuple[int, ...]
    source_scale: float = 0.02
    source_zero: int = 0
    output_scale: float = 0.05
    output_zero: int = 0
    weights: NDArray[np.int8] | None = None
    weight_scales: list[float] = field(default_factory=lambda: [0.01])
    channel_axis: int = 0
    bias: NDArray[np.int32] | None = None
    version: int = 1
    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def build(self) -> bytes:
        """The file."""
        buffers = [schema.BufferT()]
        tensors = [
            _tensor(self.source, schema.TensorType.INT8, [self.source_scale], self.source_zero),
            _tensor(self.output, schema.TensorType.INT8, [self.output_scale], self.output_zero),
        ]
        inputs = [0]
        constants: list[tuple[NDArray[Any], int, list[float]]] = []
        if self.weights is not None:
            constants.append((self.weights, schema.TensorType.INT8, self.weight_scales))
        if self.bias is not None:
            scales = [float(np.float32(self.source_scale) * np.float32(scale)) for scale in self.weight_scales]
            constants.append((self.bias, schema.TensorType.INT32, scales))
        for values, kind, scales in constants:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            buffers.append(buffer)
            axis = self.channel_axis if kind == schema.TensorType.INT8 else 0
            tensors.append(_tensor(values.shape, kind, scales, 0, len(buffers) - 1, axis))
            inputs.append(len(tensors) - 1)
        operator = schema.OperatorT()
        operator.inputs, operator.outputs, operator.opcodeIndex = inputs, [1], 0
        if self.kind:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, self.kind)
            operator.builtinOptions = getattr(schema, f"{self.kind}T")()
            for name, value in self.options.items():
                setattr(operator.builtinOptions, name, value)
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, self.operator)
        code.version = self.version
        graph = schema.SubGraphT()
        graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [0], [1], [operator]
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _tensor(
    shape: tuple[int, ...], kind: int, scales: list[float], zero_point: int, buffer: int = 0, axis: int = 0
) -> Any:
    tensor = schema.TensorT()
    tensor.shape, tensor.type, tensor.buffer, tensor.name = list(shape), kind, buffer, f"t{buffer}"
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = scales, [zero_point] * len(scales)
    tensor.quantization.quantizedDimension = axis
    return tensor


@dataclass
class Computed:
    """An int8 tensor that is given or computed."""

    shape: tuple[int, ...]
    scale: float = 0.05
    zero: int = 0
    kind: int = schema.TensorType.INT8


@dataclass
class Fixed:
    """A constant; int8 with a scale, or int32."""

    values: NDArray[Any]
    scale: float = 0.05
    zero: int = 0


@dataclass
class Operator:
    """An operator by the numbers of its tensors."""

    name: str
    inputs: list[int]
    outputs: list[int]
    kind: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    version: int = 1


def graph_file(tensors: list[Computed | Fixed], operators: list[Operator], output: int) -> bytes:
    """A file whose input is tensor 0 and whose output is tensor `output`."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], [schema.BufferT()], []
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [0], [output]
    for number, tensor in enumerate(tensors):
        if isinstance(tensor, Computed):
            graph.tensors.append(_tensor(tensor.shape, tensor.kind, [tensor.scale], tensor.zero))
        else:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(tensor.values.tobytes(), np.uint8)
            model.buffers.append(buffer)
            whole = tensor.values.dtype == np.int32
            kind, scales = (schema.TensorType.INT32, []) if whole else (schema.TensorType.INT8, [tensor.scale])
            at = len(model.buffers) - 1
            graph.tensors.append(_tensor(tensor.values.shape, kind, scales, tensor.zero, at))
        graph.tensors[-1].name = f"tensor {number}"
    for operator in operators:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, operator.name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), operator.version
        entry = schema.OperatorT()
        entry.inputs, entry.outputs, entry.opcodeIndex = operator.inputs, operator.outputs, len(model.operatorCodes)
        if operator.kind:
            entry.builtinOptionsType = getattr(schema.BuiltinOptions, operator.kind)
            entry.builtinOptions = getattr(schema, f"{operator.kind}T")()
            for name, value in operator.options.items():
                setattr(entry.builtinOptions, name, value)
        model.operatorCodes.append(code)
        graph.operators.append(entry)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def chain(layers: list[Layer]) -> Graph:
    """Layers one after the other as a graph, whatever their numbers were in their files."""
    numbered = (replace(layer, reads=(at,), writes=(at + 1,)) for at, layer in enumerate(layers))
    source = layers[0].inputs[0]
    assert source is not None
    return Graph(tuple(numbered), source, 0, len(layers))


def litert_output(content: bytes, rows: NDArray[np.int8]) -> NDArray[np.int8]:
    """What LiteRT's own kernels, without a delegate, make of inputs (N, …), one by one."""
    engine = interpreter.Interpreter(
        model_content=content,
        num_threads=1,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    engine.allocate_tensors()
    source, output = engine.get_input_details()[0]["index"], engine.get_output_details()[0]["index"]
    results = []
    for row in rows:
        engine.set_tensor(source, row[None])
        engine.invoke()
        results.append(engine.get_tensor(output).copy())
    return np.concatenate(results)
