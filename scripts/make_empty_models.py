"""Writes the models that do nothing, empty.tflite and empty.onnx in runtime/numbre_runtime/bench: one number through.

What an engine takes for these is what its call costs, whatever the model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, checker, helper

_PLACE = Path(__file__).resolve().parent.parent / "runtime" / "numbre_runtime" / "bench"


def empty_tflite() -> bytes:
    """int8 (1, 1) through one RESHAPE."""
    tensors = []
    for name in ("input", "output"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, 1], schema.TensorType.INT8, 0
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [1.0], [0]
        tensors.append(tensor)
    operator = schema.OperatorT()
    operator.inputs, operator.outputs, operator.opcodeIndex = [0], [1], 0
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    operator.builtinOptions = schema.ReshapeOptionsT()
    operator.builtinOptions.newShape = [1, 1]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RESHAPE
    code.version = 1
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs, graph.operators = tensors, [0], [1], [operator]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def empty_onnx() -> bytes:
    """float32 (N, 1) through one Identity."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in ("input", "output")]
    graph = helper.make_graph([helper.make_node("Identity", ["input"], ["output"])], "empty", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    return bytes(model.SerializeToString())


def main() -> int:
    """Writes both."""
    for name, content in (("empty.tflite", empty_tflite()), ("empty.onnx", empty_onnx())):
        (_PLACE / name).write_bytes(content)
        print(f"{_PLACE / name}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
