"""Keras to TensorFlow Lite, with built-in operators only.

TensorFlow's own converter makes the float and the plain integer files. ai-edge-quantizer, which works on the float
file, makes those that differ from layer to layer and those with quantized weights alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.engine import quiet_converter, tensorflow
from numbre_export.convert.variant import Variant
from numbre_runtime.errors import ModelError

_BY_QUANTIZER = ("weight8", "weight4", "mixed")


def to_tflite(model: Any, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
    """Converts as the variant says.

    Dense layers of int8 files are quantized per tensor unless the variant says otherwise: with a scale per channel the
    file is larger, and TFLite runtimes 2.7 to 2.9 load it and give wrong answers.

    Args:
        model: The keras.Model.
        variant: See `Variant`.
        calibration: (rows, *input shape) float32 inputs that show the range of every activation.

    Raises:
        ModelError: The converter does not take the model.
    """
    if variant.precision in _BY_QUANTIZER or variant.method != "minmax":
        return quantize_tflite(to_tflite(model, Variant("float32", "tflite"), calibration), variant, calibration)
    tf = tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if variant.precision != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant.precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant.precision in ("int8", "int16x8"):
        _set_integer(converter, tf, variant, calibration)
    if variant.granularity == "tensor":
        converter._experimental_disable_per_channel = True
    if variant.granularity != "channel":
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return _convert(converter)


def _set_integer(converter: Any, tf: Any, variant: Variant, calibration: NDArray[np.float32]) -> None:
    def rows() -> Iterator[list[NDArray[np.float32]]]:
        for index in range(len(calibration)):
            yield [calibration[index : index + 1]]

    converter.representative_dataset = rows
    if variant.precision == "int16x8":
        operators = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    else:
        operators = tf.lite.OpsSet.TFLITE_BUILTINS_INT8
    io_dtype = getattr(tf, variant.io_dtype)
    converter.target_spec.supported_ops = [operators]
    converter.inference_input_type = io_dtype
    converter.inference_output_type = io_dtype


def _convert(converter: Any) -> bytes:
    with quiet_converter("TensorFlow Lite's converter"):
        return bytes(converter.convert())


def quantize_tflite(float32: bytes, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
    """Quantizes a float32 TFLite file by ai-edge-quantizer; needs no TensorFlow.

    Args:
        float32: The file.
        variant: A mixed or weight-only one, or int8 with the method "octav".
        calibration: As for `to_tflite`.

    Raises:
        ModelError: The quantizer does not take the model.
    """
    with quiet_converter("ai-edge-quantizer"), tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "float32.tflite"
        path.write_bytes(float32)
        return _by_quantizer(path, variant, calibration)


def _by_quantizer(path: Path, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
    import re

    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import calibrator, qtyping, quantizer
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.utils import qsv_utils

    every = qtyping.TFLOperationName.ALL_SUPPORTED
    work = quantizer.Quantizer(str(path))
    if variant.precision in ("weight8", "weight4"):
        work.add_weight_only_config(".*", every, num_bits=8 if variant.precision == "weight8" else 4)
        return bytes(work.quantize().quantized_model)
    if variant.precision == "dynamic":
        work.add_dynamic_config(".*", every, num_bits=8)
        return bytes(work.quantize().quantized_model)
    if variant.precision not in ("int8", "int16x8", "mixed"):
        raise ModelError(f"ai-edge-quantizer makes no {variant.precision} file; export the Keras model instead")
    activations = 16 if variant.precision == "int16x8" else 8
    work.add_static_config(".*", every, activation_num_bits=activations, weight_num_bits=8)
    if variant.method == "octav":
        names = qtyping.TFLOperationName
        for weighted in (names.FULLY_CONNECTED, names.CONV_2D, names.DEPTHWISE_CONV_2D):
            work.add_static_config(
                ".*", weighted, activation_num_bits=8, weight_num_bits=8, algorithm_key=AlgorithmName.OCTAV
            )
    for name in variant.kept:
        if variant.kept_as == "int16":
            work.add_static_config(re.escape(name), every, activation_num_bits=16, weight_num_bits=8)
        else:
            work.update_quantization_recipe(re.escape(name), every, algorithm_key=AlgorithmName.NO_QUANTIZE)
    signatures = Interpreter(model_path=str(path)).get_signature_list()
    key = next(iter(signatures))
    argument = signatures[key]["inputs"][0]
    rows = [{argument: calibration[index : index + 1]} for index in range(len(calibration))]
    # The true extremes: by default they are averages that forget, which cut off what the scores of clear rows need.
    measure = calibrator.Calibrator(str(path), num_threads=1, qsv_update_func=qsv_utils.min_max_update)
    measure.calibrate({key: rows}, work._recipe_manager)
    return bytes(work.quantize(measure.get_model_qsvs()).quantized_model)
