"""Keras to ONNX, by tf2onnx, and from there to int8 by ONNX Runtime's static quantization.

tf2onnx's `from_keras` fails on Keras 3 (KeyError: 'keras_tensor_…'); `from_function` works.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.engine import quiet_converter, tensorflow

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR = 13, 7
"""Loaded by every ONNX Runtime from 1.7 (2021) on."""
INPUT, OUTPUT = "pixels", "scores"


def to_float32_onnx(model: Any) -> bytes:
    """The model as it is, (N, 784) float32 in, (N, 10) float32 out.

    Raises:
        ModelError: The converter does not take the model.
    """
    tf = tensorflow()
    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name=INPUT)]
    function = tf.function(lambda values: model(values, training=False), input_signature=signature)
    with quiet_converter("tf2onnx"):
        import tf2onnx

        proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
        return _tidied(proto)


def to_int8_onnx(float32: bytes, calibration: NDArray[np.float32]) -> bytes:
    """The float32 ONNX model with int8 weights and activations, int32 biases, and float32 input and output.

    Weights are quantized symmetrically, within [−127, 127]: on some ARM processors ONNX Runtime multiplies −128 by −128
    wrongly.

    Args:
        float32: What `to_float32_onnx` gave.
        calibration: (rows, 784) float32 inputs that show the range of every activation.

    Raises:
        ModelError: ONNX Runtime's quantizer does not take the model.
    """
    import onnx

    with tempfile.TemporaryDirectory() as directory:
        source, prepared, result = (Path(directory) / name for name in ("float32", "prepared", "int8"))
        source.write_bytes(float32)
        with quiet_converter("ONNX Runtime's quantizer"):
            from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
            from onnxruntime.quantization.shape_inference import quant_pre_process

            class Rows(CalibrationDataReader):  # type: ignore[misc]
                """Hands the calibration rows over, all in one batch."""

                def __init__(self) -> None:
                    self._batches: Iterator[dict[str, NDArray[np.float32]]] = iter([{INPUT: calibration}])

                def get_next(self) -> dict[str, NDArray[np.float32]] | None:
                    return next(self._batches, None)

            quant_pre_process(str(source), str(prepared))
            quantize_static(
                str(prepared),
                str(result),
                Rows(),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QInt8,
                weight_type=QuantType.QInt8,
                per_channel=False,
            )
            return _tidied(onnx.load_model_from_string(result.read_bytes()))


def _tidied(proto: ModelProto) -> bytes:
    """The model with what changes from run to run taken out, so that the same model gives the same bytes.

    The converters leave weights in the order of a hash table, numbered names for the batch size, unused domains and
    notes of their own.
    """
    import onnx

    graph = proto.graph
    used = [name for node in graph.node for name in node.input]
    weights = sorted(graph.initializer, key=lambda weight: used.index(weight.name))
    del graph.initializer[:]
    graph.initializer.extend(weights)
    del graph.value_info[:]
    graph.name = "numbre"
    _rename_output(graph)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    domains = {node.domain for node in graph.node}
    opsets = [entry for entry in proto.opset_import if entry.domain in domains]
    del proto.opset_import[:]
    proto.opset_import.extend(opsets)
    del proto.metadata_props[:]
    proto.ir_version = IR
    onnx.checker.check_model(proto, full_check=True)
    return bytes(proto.SerializeToString(deterministic=True))


def _rename_output(graph: Any) -> None:
    """Gives the only output its plain name."""
    old = graph.output[0].name
    graph.output[0].name = OUTPUT
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = OUTPUT
