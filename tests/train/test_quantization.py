"""Quantization-aware training: folding against Keras, rounding against NumPy, int8 files against the simulation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numbre_export.cli import main as export
from numbre_runtime.bundle import read_bundle
from numbre_runtime.loading import load_bundle
from numbre_train import load_dataset, plain_model, quantize, train, write_training
from numbre_train.cli import main
from numbre_train.data import Mnist, Rows
from numbre_train.fit import scores_of
from numbre_train.keras_engine import keras, tensorflow
from numbre_train.quantization.chain import QuantizeError, Unit, chain_of
from numbre_train.quantization.finetune import agreement
from numbre_train.recipes import MODELS


def _network(depthwise: bool = True) -> Any:
    """A convolutional network whose batch normalization has statistics of its own."""
    keras().utils.set_random_seed(3)
    layers = keras().layers
    stack = [
        layers.Input((12, 12, 2)),
        layers.Conv2D(6, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(),
        *([layers.DepthwiseConv2D(3, depth_multiplier=2), layers.BatchNormalization(scale=False)] if depthwise else []),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(9, activation="relu"),
        layers.Dense(4, activation="softmax"),
    ]
    model = keras().Sequential(stack)
    generator = np.random.default_rng(1)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([generator.uniform(0.5, 2, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float32]:
    return np.random.default_rng(2).random((300, 12, 12, 2), np.float32)


def test_folded_kernels_give_what_batch_normalization_gives(rows: NDArray[np.float32]) -> None:
    model = _network()
    values = rows
    for step in chain_of(model):
        if not isinstance(step, Unit):
            values = np.asarray(step.layer(values))
            continue
        copy = type(step.layer).from_config({**step.layer.get_config(), "use_bias": True, "activation": "linear"})
        copy.build((None, *values.shape[1:]))
        copy.set_weights([step.kernel, step.bias])
        values = np.asarray(copy(values))
        values = np.maximum(values, 0) if step.relu else values
        values = np.asarray(keras().ops.softmax(values)) if step.softmax else values
    np.testing.assert_allclose(values, np.asarray(model(rows)), atol=2e-6)


@pytest.mark.parametrize(("bits", "top"), [(8, 127), (4, 7)])
@pytest.mark.parametrize(("per_channel", "depthwise"), [(False, False), (True, False), (True, True)])
def test_weights_are_rounded_as_numpy_rounds_them(bits: int, top: int, per_channel: bool, depthwise: bool) -> None:
    from numbre_train.quantization.simulated import weights_on_grid

    tf = tensorflow()
    kernel = np.random.default_rng(4).normal(size=(3, 3, 4, 2)).astype(np.float32)
    axes = None if not per_channel else (0, 1) if depthwise else (0, 1, 2)
    scale = np.abs(kernel).max(axis=axes, keepdims=True) / np.float32(top)
    variable = tf.Variable(kernel)
    with tf.GradientTape() as tape:
        rounded = weights_on_grid(variable, per_channel, depthwise, bits)
        loss = tf.reduce_sum(rounded * 3.0)
    np.testing.assert_allclose(rounded, np.round(kernel / scale) * scale, rtol=1e-6)
    # The gradient passes as if nothing had been rounded.
    np.testing.assert_allclose(tape.gradient(loss, variable), np.full_like(kernel, 3.0), rtol=1e-6)


def test_values_are_rounded_to_256_levels_with_an_exact_zero() -> None:
    from numbre_train.quantization.simulated import values_on_grid

    values = np.linspace(-2, 3, 4001).astype(np.float32)
    rounded = np.asarray(values_on_grid(values, -1.0, 2.0))
    assert len(np.unique(rounded)) == 256
    assert 0.0 in rounded
    inside = (values > -1) & (values < 2)
    assert np.abs(rounded - values)[inside].max() <= 3 / 255 * 0.5 + 3 / 255 * 0.5
    assert rounded.min() == pytest.approx(-1, abs=3 / 255)
    assert rounded.max() == pytest.approx(2, abs=3 / 255)


def test_a_clipped_value_teaches_the_range_and_no_other_value_does(rows: NDArray[np.float32]) -> None:
    tf = tensorflow()
    unit = quantize(_network(), rows).layers[1]
    top = float(np.maximum(np.asarray(unit.products(rows)), 0).max())
    for end, learns in ((top * 0.5, True), (top * 2, False)):
        unit.high.assign(end)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(unit(rows))
        gradient = float(tape.gradient(loss, unit.high))
        clipped = (np.asarray(unit.products(rows)) >= end).sum()
        assert gradient == pytest.approx(clipped, abs=1e-3)
        assert (gradient > 0) is learns


def test_logits_below_the_second_largest_are_cut_off_without_changing_answers() -> None:
    keras().utils.set_random_seed(5)
    layers = keras().layers
    stack = [layers.Input((20,)), layers.Dense(10, activation="softmax", kernel_initializer="random_normal")]
    model = keras().Sequential(stack)
    model.set_weights([weight * 60 for weight in model.get_weights()])
    rows = np.random.default_rng(6).random((2000, 20), np.float32)
    logits = rows @ model.get_weights()[0]
    simulated = quantize(model, rows)
    plain = plain_model(simulated, rows)
    assert float(simulated.layers[-2].high) < 0.7 * (logits.max() - logits.min())
    assert float(simulated.layers[-2].low) == 0
    answers = np.asarray(plain(rows)).argmax(axis=1)
    # Kernels are rounded too, which turns over a few close calls.
    assert (answers == logits.argmax(axis=1)).mean() >= 0.99


@pytest.mark.parametrize("depthwise", [False, True])
def test_the_int8_file_gives_the_simulated_scores(depthwise: bool, rows: NDArray[np.float32]) -> None:
    """Converted by TensorFlow's own converter and run by LiteRT; neither knows of the simulation."""
    from ai_edge_litert.interpreter import Interpreter

    simulated = quantize(_network(depthwise), rows)
    plain = plain_model(simulated, rows)
    assert {type(layer).__module__.partition(".")[0] for layer in plain.layers} == {"keras"}
    converter = tensorflow().lite.TFLiteConverter.from_keras_model(plain)
    converter.optimizations = [tensorflow().lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([row[None]] for row in rows)
    converter.target_spec.supported_ops = [tensorflow().lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], [len(rows), 12, 12, 2])
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rows)
    interpreter.invoke()
    scores = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    expected = np.asarray(simulated(rows))
    # The input is rounded by the file alone, because real pixels are whole numbers already.
    assert np.abs(scores - expected).max() <= 6 / 256
    assert (scores.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.99


def _branched() -> Any:
    layers = keras().layers
    source = layers.Input((4,))
    one = layers.Dense(4, activation="relu", name="one")(source)
    return keras().Model(source, layers.Add(name="sum")([one, layers.Dense(4)(one)]))


@pytest.mark.parametrize(
    ("stack", "reason"),
    [
        (lambda layers: [layers.Dense(3, activation="elu", name="bent")], "bent has the activation elu here"),
        (lambda layers: [layers.LSTM(3, name="memory")], "memory is a LSTM; quantization-aware training knows Dense"),
        (lambda layers: [layers.Flatten()], "no layer with a kernel"),
        (lambda layers: [layers.Flatten(), layers.ReLU(name="early")], "early does not follow a dense layer"),
        (
            lambda layers: [layers.Flatten(), layers.Dense(3), layers.ReLU(max_value=4.0, name="capped")],
            "capped: expected a plain ReLU",
        ),
        (
            lambda layers: [layers.Flatten(), layers.Dense(3, activation="softmax"), layers.Dense(3)],
            "has a softmax before its end",
        ),
    ],
)
def test_what_is_not_simulated_is_refused(stack: Any, reason: str) -> None:
    model = keras().Sequential([keras().layers.Input((5, 4)), *stack(keras().layers)])
    with pytest.raises(QuantizeError, match=reason):
        quantize(model, np.zeros((2, 5, 4), np.float32))


def test_branches_are_refused() -> None:
    with pytest.raises(QuantizeError, match="branches"):
        quantize(_branched(), np.zeros((2, 4), np.float32))
    with pytest.raises(QuantizeError, match="weight_bits 1: expected 2 to 8"):
        quantize(_network(), np.zeros((2, 12, 12, 2), np.float32), weight_bits=1)


def test_a_quantized_training_exports_to_a_file_that_answers_like_its_simulation(mnist: Mnist, tmp_path: Path) -> None:
    data_path = tmp_path / "digits.csv"
    assert main(["sample", "--rows", "6000", "-o", str(data_path)]) == 0
    data = load_dataset([data_path], "mnist")
    recipe = replace(MODELS["micro"], epochs=4, quantize=True)
    training = train(recipe, data, 1)
    assert len(training.epochs) == 5
    figures = write_training(training, tmp_path / "micro")
    assert figures["simulated_int8"]["accuracy"] > 0.93
    model = tmp_path / "micro" / "model.keras"
    words = ["--int8", "--format", "tflite", "--model", str(model), "--data", str(data_path)]
    assert export([*words, "--min-agreement", "0.98", "--max-drop", "0.02", "--out", str(tmp_path / "bundle")]) == 0
    classifier = load_bundle(read_bundle(tmp_path / "bundle"), artifact="model.int8.tflite")
    scores = classifier.predict_batch(mnist.test_images)
    simulated = scores_of(training.simulated, mnist.test_images, raw_pixels=False)
    # 4,800 rows make a weak network with many close calls; one that learned all of MNIST agrees on more than 99.95%.
    assert (scores.argmax(axis=1) == simulated.argmax(axis=1)).mean() >= 0.999
    test = Rows(mnist.test_images, mnist.test_labels)
    assert agreement(training.model, training.simulated, test, raw_pixels=False) >= 0.99


def test_the_command_quantizes(tmp_path: Path) -> None:
    assert main(["sample", "--rows", "500", "-o", str(tmp_path / "d.csv")]) == 0
    words = ["--model", "linear", "--quantize", "int8", "--epochs", "2", "--data", str(tmp_path / "d.csv")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["recipe"]["quantize"] is True
    assert metrics["simulated_int8"]["agreement"] >= 0.9
