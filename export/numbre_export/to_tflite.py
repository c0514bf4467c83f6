"""Keras to TensorFlow Lite, by TensorFlow's own converter, with built-in operators only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.engine import quiet_converter, tensorflow


def to_float32_tflite(model: Any) -> bytes:
    """The model as it is, (N, 784) float32 in, (N, 10) float32 out.

    Raises:
        ModelError: The converter does not take the model.
    """
    return _convert(tensorflow().lite.TFLiteConverter.from_keras_model(model))


def to_int8_tflite(model: Any, calibration: NDArray[np.float32]) -> bytes:
    """The model in full integers: int8 weights, activations, input and output, int32 biases.

    Dense layers are quantized per tensor: with a scale per channel the file is larger, and TFLite runtimes 2.7 to 2.9
    load it and give wrong answers.

    Args:
        model: The keras.Model.
        calibration: (rows, 784) float32 inputs that show the range of every activation.

    Raises:
        ModelError: The converter does not take the model.
    """
    tf = tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)

    def rows() -> Iterator[list[NDArray[np.float32]]]:
        for index in range(len(calibration)):
            yield [calibration[index : index + 1]]

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = rows
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return _convert(converter)


def _convert(converter: Any) -> bytes:
    with quiet_converter("TensorFlow Lite's converter"):
        return bytes(converter.convert())
