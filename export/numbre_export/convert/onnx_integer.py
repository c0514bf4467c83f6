"""Float32 ONNX to integer ONNX in QDQ form, by ONNX Runtime's own quantizer, and what that leaves to be done.

The scores stay float32: the last matrix product gives them from its int32 sums, so nothing is rounded after it. Biases
are corrected (`bias_correction`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.arrays import batches
from numbre_export.convert.bias_correction import correct_biases
from numbre_export.convert.onnx_graph import PRODUCTS, rename_value, replace_uses
from numbre_export.convert.variant import Variant, layer_of
from numbre_runtime.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto


def to_integer(float32: bytes, variant: Variant, calibration: NDArray[np.float32]) -> ModelProto:
    """int8 or uint8 weights, 8 or 16 bits for activations, int32 biases.

    int8 weights are quantized symmetrically, within [−127, 127]: on some ARM processors ONNX Runtime multiplies −128 by
    −128 wrongly.

    Args:
        float32: The float32 file; its input is float32.
        variant: "int8", "mixed" or "int16x8".
        calibration: (rows, *input shape) float32 inputs that show the range of every activation.

    Raises:
        ModelError: None of the layers that the variant keeps is in the file.
    """
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    methods = {
        "minmax": CalibrationMethod.MinMax,
        "percentile": CalibrationMethod.Percentile,
        "entropy": CalibrationMethod.Entropy,
    }
    wide = variant.precision == "int16x8"
    eight_bits = QuantType.QUInt8 if variant.weights == "uint8" else QuantType.QInt8
    with tempfile.TemporaryDirectory() as directory:
        prepared, result = prepare(Path(directory), float32), Path(directory) / "integer"
        simplified = onnx.load(prepared)
        quantize_static(
            prepared,
            result,
            _rows(simplified.graph.input[0].name, calibration),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QInt16 if wide else eight_bits,
            weight_type=eight_bits,
            per_channel=variant.granularity == "channel",
            reduce_range=variant.weights == "int7",
            nodes_to_exclude=_kept(simplified.graph, variant),
            calibrate_method=methods[variant.method],
            extra_options={
                # ONNX's own QuantizeLinear has int16 from opset 21 on, ONNX Runtime's since 1.17.
                "UseQDQContribOps": wide,
                "WeightSymmetric": True,
                "TensorQuantOverrides": _wider_depthwise(simplified.graph) if variant.weights == "int7" else {},
            },
        )
        quantized = onnx.load_model_from_string(result.read_bytes())
    _leave_scores(quantized.graph)
    correct_biases(quantized, simplified, calibration)
    return quantized


def prepare(directory: Path, float32: bytes) -> Path:
    """Writes the file with shapes inferred and its nodes simplified, as the quantizers want it."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source, prepared = directory / "float32", directory / "prepared"
    source.write_bytes(float32)
    # Where symbolic shapes cannot be told, as of attention layers, the tool leaves a file behind where it runs.
    with chdir(directory):
        try:
            quant_pre_process(str(source), str(prepared))
        except Exception as cause:
            # It raises plain exceptions; the files do not need symbolic shapes.
            if "shape inference" not in str(cause):
                raise
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    return prepared


def _rows(name: str, calibration: NDArray[np.float32]) -> Any:
    """Hands the calibration rows over, in one batch unless they are large."""
    from onnxruntime.quantization import CalibrationDataReader

    class CalibrationBatches(CalibrationDataReader):  # type: ignore[misc]
        """The interface that the quantizer asks for."""

        def __init__(self) -> None:
            self._batches: Iterator[dict[str, NDArray[np.float32]]] = iter(
                [{name: part} for part in batches(calibration, len(calibration))]
            )

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return next(self._batches, None)

    return CalibrationBatches()


def _kept(graph: Any, variant: Variant) -> list[str]:
    """Names of the nodes that stay float32."""
    kept = [node.name for node in graph.node if layer_of(node.name, variant.kept)]
    if variant.kept and not kept:
        raise ModelError(f"no node of the ONNX file belongs to {', '.join(variant.kept)}")
    return kept


def _wider_depthwise(graph: Any) -> dict[str, list[dict[str, Any]]]:
    """Weights of depthwise convolutions to what they keep: 8 bits, which ONNX Runtime multiplies one by one."""
    from onnxruntime.quantization import QuantType

    whole = {"quant_type": QuantType.QInt8, "symmetric": True, "reduce_range": False, "axis": 0}
    return {
        node.input[1]: [whole]
        for node in graph.node
        if node.op_type == "Conv" and any(item.name == "group" and item.i > 1 for item in node.attribute)
    }


def _leave_scores(graph: Any) -> None:
    """Takes out every rounding after the last product; a convolution's own stays, without it that would be float32."""
    nodes = list(graph.node)
    last = max(index for index, node in enumerate(nodes) if node.op_type in PRODUCTS)
    after = set(nodes[last].output)
    if nodes[last].op_type == "Conv":
        for _ in range(2):
            after = {name for node in nodes for name in node.output if after & set(node.input)}
    instead: dict[str, str] = {}
    for node in nodes[last:]:
        if node.op_type == "QuantizeLinear" and node.input[0] in after:
            graph.node.remove(node)
            for reader in (item for item in nodes if node.output[0] in item.input):
                graph.node.remove(reader)
                instead[reader.output[0]] = instead.get(node.input[0], node.input[0])
                after.add(reader.output[0])
        elif after & set(node.input):
            after |= set(node.output)
    for old, new in instead.items():
        replace_uses(graph, old, new)
    output = graph.output[0].name
    if output in instead:
        rename_value(graph, instead[output], output)
