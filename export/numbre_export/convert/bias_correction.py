"""Biases that take back what rounding weights and activations adds to each channel on average.

Nagel et al., "Data-free quantization through weight equalization and bias correction", 2019, section 4.2, with the
averages measured on the calibration rows, layer after layer, so that each one is corrected for what the layers before
it still leave.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.arrays import batches

if TYPE_CHECKING:
    from onnx import ModelProto

_BATCH = 100
_LARGEST = 1 << 30
"""Leaves the other half of int32 to the sums that the bias is added to."""


def correct_biases(quantized: ModelProto, float32: ModelProto, rows: NDArray[np.float32]) -> None:
    """Changes the int32 biases of a quantized model in QDQ form.

    Args:
        quantized: Its nodes have the names that they have in `float32`.
        float32: What it was made of.
        rows: (N, *input shape) float32 inputs.
    """
    from onnx import numpy_helper

    stored = {weight.name: weight for weight in quantized.graph.initializer}
    producers = {name: node for node in quantized.graph.node for name in node.output}
    outputs = {node.name: node.output[0] for node in float32.graph.node}
    biased = {
        node.name: (node.output[0], producers[node.input[2]])
        for node in quantized.graph.node
        if node.op_type in ("Conv", "Gemm") and len(node.input) > 2 and node.input[2] in producers
    }
    # A bias that is computed, or that the steps of a recurrent layer share, belongs to no one node.
    uses = Counter(dequantize.input[0] for _, dequantize in biased.values())
    biased = {
        name: (output, dequantize)
        for name, (output, dequantize) in biased.items()
        if dequantize.input[0] in stored and uses[dequantize.input[0]] == 1
    }
    if not biased:
        return
    real = _means(float32, [outputs[name] for name in biased], rows)
    for name, (output, dequantize) in biased.items():
        bias, scale = (stored[part] for part in dequantize.input[:2])
        missing = (real[outputs[name]] - _means(quantized, [output], rows)[output]) / numpy_helper.to_array(scale)
        corrected = numpy_helper.to_array(bias) + np.round(missing).clip(-_LARGEST, _LARGEST)
        bias.CopyFrom(numpy_helper.from_array(corrected.clip(-_LARGEST, _LARGEST).astype(np.int32), bias.name))


def _means(model: ModelProto, names: list[str], rows: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Average of each channel of these values, (N, channels) or (N, channels, height, width), over all else."""
    session = _session(model, names)
    means = dict.fromkeys(names, np.zeros(0))
    for number, batch in enumerate(batches(rows, _BATCH)):
        found = session.run(names, {model.graph.input[0].name: batch})
        for name, values in zip(names, found, strict=True):
            axes = (0, *range(2, values.ndim))
            share = values.mean(axis=axes, dtype=np.float64) * len(batch) / len(rows)
            means[name] = means[name] + share if number else share
    return means


def _session(model: ModelProto, names: list[str]) -> Any:
    """Runs the model as far as these values need."""
    import onnx
    import onnxruntime

    part = onnx.ModelProto()
    part.CopyFrom(model)
    numbers = [index for index, node in enumerate(part.graph.node) if set(names) & set(node.output)]
    del part.graph.node[max(numbers, default=-1) + 1 :]
    del part.graph.output[:]
    part.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Without optimization, because faster kernels may round otherwise on this processor than on the device's.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
