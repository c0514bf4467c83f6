"""The facts about an exported file that the file itself shows: types, scales, operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numbre_export.convert.onnx_graph import PRODUCTS, read_onnx
from numbre_export.convert.tflite_graph import operator_name, read_tflite, tensor_types
from numbre_runtime.errors import ModelError
from numbre_runtime.manifest import TensorSpec


@dataclass(frozen=True)
class FileFacts:
    """Facts about a model file."""

    input: TensorSpec
    """Its input tensor."""
    output: TensorSpec
    """Its output tensor."""
    requires: dict[str, int]
    """Operator versions of a TFLite file; opset and IR version of an ONNX file."""
    not_int8: tuple[str, ...]
    """Layers that compute with something else than int8, each with the reason; empty for a full integer file.
    Constants, conditions and shapes may have other types; input and output are told by `input` and `output`."""
    float_layers: tuple[str, ...]
    """The names of those layers, each once."""
    integer: bool
    """Whether any layer computes with int8."""


_MOVING = ("QUANTIZE", "DEQUANTIZE", "CAST", "SHAPE", "PACK")
"""TFLite operators that belong to no layer: they only change the type of values or tell shapes."""
_RECURRENT = ("LSTM", "GRU", "RNN")


def tflite_facts(content: bytes) -> FileFacts:
    """Reads a TFLite flatbuffer tensor by tensor (TensorFlow's schema.fbs).

    Raises:
        ModelError: It uses operators that are not built in.
    """
    model = read_tflite(content)
    requires: dict[str, int] = {}
    for code in model.operatorCodes:
        name = operator_name(code)
        if name == "CUSTOM":
            raise ModelError("the TFLite file uses an operator that is not built in")
        requires[name] = max(code.version, requires.get(name, 0))
    types = tensor_types()
    graph = model.subgraphs[0]
    not_int8, float_layers, integer = [], [], False
    for part in model.subgraphs:
        for operator in part.operators:
            if operator_name(model.operatorCodes[operator.opcodeIndex]) in _MOVING:
                continue
            used = [part.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
            other = [types[item.type] for item in used if types[item.type] in ("FLOAT32", "FLOAT16", "INT16")]
            if other:
                float_layers.append(_layer(part.tensors[operator.outputs[0]].name.decode()))
                not_int8.append(f"{float_layers[-1]} is {other[0].lower()}")
            else:
                integer = integer or "INT8" in (types[item.type] for item in used)
    tensors = [_tflite_tensor(graph.tensors[index], types) for index in (graph.inputs[0], graph.outputs[0])]
    return FileFacts(
        tensors[0],
        tensors[1],
        dict(sorted(requires.items())),
        tuple(dict.fromkeys(not_int8)),
        tuple(dict.fromkeys(float_layers)),
        integer,
    )


def _layer(name: str) -> str:
    """The layer in a converter's name, "model/layer/MatMul;…"."""
    path = name.split(";")[0].split("/")
    return path[-2] if len(path) > 1 else path[0]


def _tflite_tensor(tensor: Any, types: dict[int, str]) -> TensorSpec:
    dtype = types[tensor.type].lower()
    scales = None if tensor.quantization is None else tensor.quantization.scale
    if dtype == "float32" or scales is None or not len(scales):
        return TensorSpec(dtype, 1.0, 0)
    return TensorSpec(dtype, float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0]))


def onnx_facts(content: bytes) -> FileFacts:
    """Reads an ONNX model, node by node.

    A quantized model in QDQ form is int8 where every matrix product takes both factors from a DequantizeLinear node
    whose own input has 8 bits, and gives its result to a QuantizeLinear node, through an activation at most; the last
    one may give float32 scores.

    Raises:
        ModelError: It keeps weights in other files.
    """
    model = read_onnx(content)
    graph = model.graph
    weights = {weight.name: weight.data_type for weight in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    readers = {name: node for node in graph.node for name in node.input}
    not_int8, float_layers = [], []

    def note(node: Any, reason: str) -> None:
        float_layers.append(_layer(node.name))
        not_int8.append(f"{float_layers[-1]} {reason}")

    for node in graph.node:
        if node.op_type in _RECURRENT:
            note(node, "is float32")
    products = [node for node in graph.node if node.op_type in (*PRODUCTS, "ConvTranspose")]
    for node in products:
        for name in node.input[:2]:
            source = producers.get(name)
            if source is None or source.op_type != "DequantizeLinear" or not _is_int8(source, weights, producers):
                note(node, f"is float32: its factor {name} is not int8")
        if node is products[-1] and node.op_type != "Conv":
            continue
        after = readers.get(node.output[0])
        if after is not None and after.op_type in ("Relu", "Clip"):
            after = readers.get(after.output[0])
        if after is None or after.op_type != "QuantizeLinear":
            note(node, "is float32: its result is not int8")
    requires = {"ir": int(model.ir_version)}
    requires.update({f"opset {item.domain or 'ai.onnx'}": int(item.version) for item in model.opset_import})
    model_input, model_output = graph.input[0], graph.output[0]
    return FileFacts(
        _onnx_tensor(model_input, graph, next((node for node in graph.node if model_input.name in node.input), None)),
        _onnx_tensor(model_output, graph, producers.get(model_output.name)),
        requires,
        tuple(not_int8),
        tuple(dict.fromkeys(float_layers)),
        any(_is_int8(node, weights, producers) for node in graph.node if node.op_type == "DequantizeLinear"),
    )


def _onnx_tensor(value: Any, graph: Any, node: Any) -> TensorSpec:
    """An input or output of the graph; `node` reads or makes it and has its scale."""
    from onnx import helper, numpy_helper

    dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name
    if dtype == "float32" or node is None or node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
        return TensorSpec(dtype, 1.0, 0)
    stored = {weight.name: weight for weight in graph.initializer}
    scale, zero_point = (numpy_helper.to_array(stored[name]) for name in node.input[1:3])
    return TensorSpec(dtype, float(scale), int(zero_point))


def _is_int8(dequantize: Any, weights: dict[str, int], producers: dict[str, Any]) -> bool:
    """Whether a DequantizeLinear node's zero point, and so its input, has 8 bits."""
    import onnx

    stored = dequantize.input[0]
    if stored not in weights and getattr(producers.get(stored), "op_type", "") != "QuantizeLinear":
        return False
    return len(dequantize.input) > 2 and weights.get(dequantize.input[2]) in (
        onnx.TensorProto.INT8,
        onnx.TensorProto.UINT8,
    )
