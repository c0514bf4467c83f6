"""The shipped files against references that share no code with any engine.

For float32: a float64 forward pass of the Keras weights. For int8: an integer forward pass of the TFLite file's own
weights and scales (TensorFlow Lite 8-bit quantization specification).
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import h5py
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

import numbre_runtime as numbre
from conftest import ROOT
from numbre_runtime.bundle import Bundle
from numbre_train.data import Mnist

MODEL = ROOT / "tests" / "assets" / "numbre.keras"


def _keras_layers() -> list[tuple[NDArray[np.float64], ...]]:
    """Kernels and biases straight from the archive, without Keras."""
    with zipfile.ZipFile(MODEL) as archive:
        config = json.loads(archive.read("config.json"))
        names = [layer["config"]["name"] for layer in config["config"]["layers"] if layer["class_name"] == "Dense"]
        assert names[:-1] == ["hidden_1", "hidden_2", "hidden_3"]
        with h5py.File(BytesIO(archive.read("model.weights.h5"))) as weights:
            return [
                tuple(np.array(weights[f"layers/{group}/vars/{index}"], np.float64) for index in (0, 1))
                for group in ("dense", "dense_1", "dense_2", "dense_3")
            ]


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    scores: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return scores


@pytest.fixture(scope="module")
def keras_scores(mnist: Mnist) -> NDArray[np.float64]:
    values = mnist.test_images.reshape(-1, 784) / 255
    layers = _keras_layers()
    for kernel, bias in layers[:-1]:
        values = np.maximum(values @ kernel + bias, 0)
    kernel, bias = layers[-1]
    return _softmax(values @ kernel + bias)


@pytest.mark.parametrize("file", ["model.float32.tflite", "model.float32.onnx"])
def test_float32_files_against_a_float64_forward_pass(
    file: str, mnist: Mnist, keras_scores: NDArray[np.float64]
) -> None:
    scores = numbre.load("numbre-int8", artifact=file).predict_batch(mnist.test_images)
    assert np.abs(scores - keras_scores).max() <= 1e-5
    assert (scores.argmax(axis=1) == keras_scores.argmax(axis=1)).mean() >= 0.9999


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.int8.onnx"])
def test_int8_files_keep_accuracy_and_agreement(file: str, mnist: Mnist, keras_scores: NDArray[np.float64]) -> None:
    answers = numbre.load("numbre-int8", artifact=file).predict_batch(mnist.test_images).argmax(axis=1)
    reference = keras_scores.argmax(axis=1)
    assert (answers == reference).mean() >= 0.997
    assert (answers == mnist.test_labels).mean() >= (reference == mnist.test_labels).mean() - 0.001


@dataclass(frozen=True)
class _Tensor:
    values: NDArray[Any]
    scale: float
    zero_point: int


def _integer_layers(content: bytes) -> list[tuple[_Tensor, _Tensor, float, int, float, int]]:
    """Weights and biases with the scales of what goes in and comes out, layer by layer."""
    interpreter = Interpreter(model_content=content, experimental_preserve_all_tensors=False)
    interpreter.allocate_tensors()
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    layers = []
    for operator in interpreter._get_ops_details():
        if operator["op_name"] != "FULLY_CONNECTED":
            continue
        entry, weights, bias = (details[index] for index in operator["inputs"])
        end = details[operator["outputs"][0]]
        tensors = [_Tensor(interpreter.get_tensor(item["index"]), *item["quantization"]) for item in (weights, bias)]
        layers.append((*tensors, *entry["quantization"], *end["quantization"]))
    assert len(layers) == 4
    return layers


def test_int8_file_against_an_integer_forward_pass(shipped: Bundle, mnist: Mnist) -> None:
    images = mnist.test_images[:2000]
    values = images.reshape(-1, 784).astype(np.int64) - 128
    for number, (weights, bias, in_scale, in_zero, out_scale, out_zero) in enumerate(
        _integer_layers(shipped.contents["model.int8.tflite"])
    ):
        assert weights.values.dtype == np.int8
        assert bias.values.dtype == np.int32
        assert weights.zero_point == bias.zero_point == 0
        total = (values - in_zero) @ weights.values.T.astype(np.int64) + bias.values
        stored = np.round(total * (in_scale * weights.scale / out_scale)) + out_zero
        lowest = out_zero if number < 3 else -128
        values = np.clip(stored, lowest, 127).astype(np.int64)
    scores = _softmax(((values - out_zero) * out_scale).astype(np.float64))
    measured = numbre.load("numbre-int8", backend="litert", artifact="model.int8.tflite").predict_batch(images)
    # A rounding of one step inside the network moves a score by a few of the 1/256 steps that the output has.
    difference = np.abs(measured - scores)
    assert (measured.argmax(axis=1) == scores.argmax(axis=1)).mean() >= 0.999
    assert np.quantile(difference, 0.999) <= 1 / 256
    assert difference.max() <= 8 / 256
