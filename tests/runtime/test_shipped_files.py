"""The shipped int8 files keep to what every runtime reads right; docs/boards.md says what goes wrong otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from numbre_runtime import BackendError
from numbre_runtime.bundle import Bundle, Golden
from numbre_runtime.classifier import open_artifact
from numbre_runtime.kernels.tflite_file import read_layers
from numbre_runtime.loading import replay
from numbre_runtime.tensors import Encoder, as_stored


def test_tflite_dense_layers_have_one_scale_each(shipped: Bundle) -> None:
    """With a scale for each channel, tflite-runtime 2.7 to 2.9.1 load the file and give wrong answers."""
    layers = read_layers(shipped.contents["model.int8.tflite"])
    weights = [layer.inputs[1] for layer in layers if layer.name == "FULLY_CONNECTED"]
    assert len(weights) == 4
    assert all(tensor is not None and len(tensor.scales) == 1 for tensor in weights)


def test_tflite_operators_are_as_old_as_the_oldest_runtime(shipped: Bundle) -> None:
    """tflite-runtime 2.14, the last one, refuses FULLY_CONNECTED from version 12 on; 2.7 takes 9."""
    requires = shipped.artifact("model.int8.tflite").requires
    assert requires["FULLY_CONNECTED"] <= 9
    assert requires["SOFTMAX"] <= 2


def test_no_onnx_weight_is_the_smallest_int8(shipped: Bundle) -> None:
    """A build of onnxruntime for the Cortex-A72 multiplies −128 by −128 wrongly."""
    graph = onnx.load_model_from_string(shipped.contents["model.int8.onnx"]).graph
    weights = [numpy_helper.to_array(item) for item in graph.initializer if item.data_type == onnx.TensorProto.INT8]
    matrices = [values for values in weights if values.ndim == 2]
    assert len(matrices) == 4
    assert all(values.min() >= -127 for values in matrices)


def test_wrong_golden_outputs_are_refused(shipped: Bundle) -> None:
    classifier = open_artifact(shipped, shipped.artifact("model.int8.tflite"), "numpy")
    golden = shipped.golden()
    replay(classifier, golden)
    turned = {name: np.roll(values, 1, axis=1) for name, values in golden.outputs.items()}
    with pytest.raises(BackendError, match=r"misreads model\.int8\.tflite: 40 of 40 golden vectors"):
        replay(classifier, Golden(golden.inputs, golden.labels, turned))


def test_kernel_that_is_wrong_for_single_rows_only_is_refused(shipped: Bundle) -> None:
    """As Debian 13's 32-bit onnxruntime, which the golden outputs in one batch do not show."""
    classifier = open_artifact(shipped, shipped.artifact("model.int8.tflite"), "numpy")
    right = classifier._session.run

    def wrong_alone(rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        raw = right(rows, encode)
        return raw if len(rows) > 1 else np.roll(raw, 1, axis=1)

    classifier._session.run = wrong_alone  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="8 of 40 golden vectors"):
        replay(classifier, shipped.golden())
