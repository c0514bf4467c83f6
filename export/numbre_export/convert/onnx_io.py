"""Integer input and output for an integer ONNX file; ONNX Runtime's quantizer leaves both float32."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.arrays import batches
from numbre_export.convert.onnx_graph import rename_value, replace_uses
from numbre_runtime.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto

_LOWEST = {"int8": -128, "uint8": 0}
_SOFTMAX_STEP = 1 / 256
"""Scores go from 0 to 1; TFLite files have the same step."""


def quantize_io(model: ModelProto, dtype: str, calibration: NDArray[np.float32]) -> None:
    """Makes the model take and give "int8" or "uint8".

    The input has the scale with which the model quantizes it anyway, so that ONNX Runtime takes out both steps.

    Args:
        model: In QDQ form, (N, …) float32 in, (N, classes) float32 scores or logits out.
        dtype: "int8" or "uint8".
        calibration: (rows, *input shape) float32 inputs that show the range of logits.

    Raises:
        ModelError: The model does not quantize its input.
    """
    import onnx

    graph = model.graph
    model_input, model_output = graph.input[0], graph.output[0]
    if graph.node[-1].op_type == "Softmax":
        scale, zero_point = _SOFTMAX_STEP, _LOWEST[dtype]
    else:
        scale, zero_point = _grid(_logits(model, calibration), dtype)
    constants = _add_constants(graph, "output", scale, zero_point, dtype)
    rename_value(graph, model_output.name, "real_output")
    quantize = onnx.helper.make_node("QuantizeLinear", ["real_output", *constants], [model_output.name], "output")
    graph.node.append(quantize)
    scale, zero_point = _input_grid(graph, model_input.name, dtype)
    constants = _add_constants(graph, "input", scale, zero_point, dtype)
    replace_uses(graph, model_input.name, "real_input")
    dequantize = onnx.helper.make_node("DequantizeLinear", [model_input.name, *constants], ["real_input"], "input")
    graph.node.insert(0, dequantize)
    for value in (model_input, model_output):
        value.type.tensor_type.elem_type = getattr(onnx.TensorProto, dtype.upper())


def _input_grid(graph: Any, name: str, dtype: str) -> tuple[float, int]:
    """Scale and zero point with which the graph quantizes what is read from `name`, as `dtype` has them."""
    from onnx import numpy_helper

    stored = {weight.name: weight for weight in graph.initializer}
    for node in graph.node:
        if node.input[0] == name and node.op_type == "QuantizeLinear":
            scale, zero_point = (numpy_helper.to_array(stored[part]) for part in node.input[1:3])
            return float(scale), int(zero_point) + _LOWEST[dtype] - int(np.iinfo(zero_point.dtype).min)
        if node.input[0] == name and node.op_type in ("Reshape", "Transpose", "Squeeze", "Unsqueeze"):
            name = node.output[0]
    raise ModelError(f"its first layer is not quantized, so its input cannot be {dtype}; leave it float32")


def _logits(model: ModelProto, calibration: NDArray[np.float32]) -> NDArray[np.float32]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = model.graph.input[0].name
    return np.concatenate([session.run(None, {name: part})[0] for part in batches(calibration, len(calibration))])


def _grid(values: NDArray[np.float32], dtype: str) -> tuple[float, int]:
    """256 even steps from the smallest to the largest value, 0 among them."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = max(high - low, 1e-6) / 255
    return scale, _LOWEST[dtype] + round(-low / scale)


def _add_constants(graph: Any, name: str, scale: float, zero_point: int, dtype: str) -> tuple[str, str]:
    """Stores a scale and a zero point in the graph; returns their names."""
    from onnx import numpy_helper

    names = (f"{name}_scale", f"{name}_zero_point")
    graph.initializer.append(numpy_helper.from_array(np.array(scale, np.float32), names[0]))
    graph.initializer.append(numpy_helper.from_array(np.array(zero_point, dtype), names[1]))
    return names
