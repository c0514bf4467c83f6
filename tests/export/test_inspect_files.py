"""A file is called int8 only if every tensor in it is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from numbre_export.convert.engine import keras, quiet_converter, tensorflow
from numbre_export.convert.file_facts import onnx_facts, tflite_facts
from numbre_export.convert.to_onnx import to_onnx
from numbre_export.convert.to_tflite import to_tflite
from numbre_export.convert.variant import Variant
from numbre_export.verify.frame import _artifact
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import ModelError


def test_the_shipped_files_are_what_they_are_called(shipped: Bundle) -> None:
    for artifact in shipped.manifest.artifacts:
        facts = (tflite_facts if artifact.format == "tflite" else onnx_facts)(shipped.contents[artifact.file])
        assert (facts.not_int8 == ()) == (artifact.precision == "int8")
        assert (facts.input, facts.output, facts.requires) == (artifact.input, artifact.output, artifact.requires)


def test_weights_alone_do_not_make_a_file_int8() -> None:
    """A dynamic-range file has int8 weights and float32 activations."""
    module, tf = keras(), tensorflow()
    model = module.Sequential([module.Input((784,)), module.layers.Dense(64), module.layers.Dense(10)])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with quiet_converter("the converter"):
        facts = tflite_facts(converter.convert())
    assert any("float32" in text for text in facts.not_int8)


def test_a_file_with_a_wrong_name_is_not_written(shipped: Bundle) -> None:
    for form in ("tflite", "onnx"):
        content = shipped.contents[f"model.float32.{form}"]
        with pytest.raises(ModelError, match=rf"model\.int8\.{form}: not fully int8: .* is "):
            _artifact(content, Variant("int8", form))


def test_an_onnx_file_with_one_float_product_is_not_int8(shipped: Bundle) -> None:
    model = onnx.load_model_from_string(shipped.contents["model.int8.onnx"])
    product = next(node for node in model.graph.node if node.op_type == "Gemm")
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.zeros((25, 784), np.float32), "float_weights"))
    product.input[1] = "float_weights"
    reasons = onnx_facts(model.SerializeToString()).not_int8
    assert any("float_weights" in reason for reason in reasons)


def test_a_model_that_no_converter_takes_is_an_error() -> None:
    module = keras()

    @module.saving.register_keras_serializable()
    class Odd(module.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, values: object) -> object:
            return tensorflow().raw_ops.Betainc(a=values, b=values, x=values)

    model = module.Sequential([module.Input((784,)), Odd(), module.layers.Dense(10)])
    with pytest.raises(ModelError, match="converter does not take this model"):
        to_tflite(model, Variant("int8", "tflite"), np.zeros((3, 784), np.float32))
    with pytest.raises(ModelError, match="tf2onnx does not take this model"):
        to_onnx(model, Variant("float32", "onnx"), np.zeros((3, 784), np.float32))
