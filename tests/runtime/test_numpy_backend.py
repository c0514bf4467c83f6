"""The numpy backend on the shipped model and all of MNIST's test images, and on files that are no models."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import interpreter
from numpy.typing import NDArray

import numbre_runtime
from numbre_export.verify.gate import run_artifact
from numbre_runtime.backends.base import BATCH
from numbre_runtime.backends.integer import IntegerSession, open_model
from numbre_runtime.bundle import Bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.errors import BackendError, BackendUnsupportedError
from numbre_runtime.kernels.tflite_file import read_graph, read_layers
from numbre_train.data import Mnist
from runtime.tflite_builder import OneLayer, chain, litert_output

_FILE = "model.int8.tflite"


@pytest.fixture(scope="module")
def rows(mnist: Mnist) -> NDArray[np.int8]:
    """All test images as the int8 model takes them: pixel − 128."""
    return (mnist.test_images.reshape(10_000, 784).astype(np.int16) - 128).astype(np.int8)


@pytest.fixture(scope="module")
def litert(shipped: Bundle, rows: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Logits and outputs of LiteRT's own kernels, without a delegate."""
    engine = interpreter.Interpreter(
        model_content=shipped.contents[_FILE],
        num_threads=1,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    source, output = engine.get_input_details()[0]["index"], engine.get_output_details()[0]["index"]
    engine.resize_tensor_input(source, [len(rows), 784])
    engine.allocate_tensors()
    engine.set_tensor(source, rows)
    engine.invoke()
    (logits,) = (
        entry["index"]
        for entry in engine.get_tensor_details()
        if tuple(entry["shape"]) == (len(rows), 10) and entry["index"] != output
    )
    return engine.get_tensor(logits), engine.get_tensor(output)


def _batches(session: IntegerSession, rows: NDArray[np.int8]) -> NDArray[np.int8]:
    return np.concatenate([session.run(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH)])


def test_logits_are_litert_s_bit_for_bit_on_every_test_image(
    shipped: Bundle, rows: NDArray[np.int8], litert: tuple[NDArray[np.int8], NDArray[np.int8]]
) -> None:
    layers = read_layers(shipped.contents[_FILE])
    assert [layer.name for layer in layers] == ["FULLY_CONNECTED"] * 4 + ["SOFTMAX"]
    np.testing.assert_array_equal(_batches(IntegerSession(chain(layers[:-1])), rows), litert[0])


def test_outputs_are_litert_s_within_one_step_and_with_the_same_labels(
    shipped: Bundle, rows: NDArray[np.int8], litert: tuple[NDArray[np.int8], NDArray[np.int8]]
) -> None:
    """Identical on x86-64; LiteRT's softmax on ARM is another one."""
    outputs = _batches(IntegerSession(read_graph(shipped.contents[_FILE])), rows)
    assert np.abs(outputs.astype(int) - litert[1]).max() <= 1
    np.testing.assert_array_equal(outputs.argmax(axis=1), litert[1].argmax(axis=1))


def test_one_image_gives_what_a_batch_gives(shipped: Bundle, rows: NDArray[np.int8]) -> None:
    session = open_model(shipped.contents[_FILE], 1)
    singles = np.concatenate([session.run(rows[index : index + 1]) for index in range(50)])
    np.testing.assert_array_equal(singles, session.run(rows[:50]))


def test_front_door(shipped: Bundle, mnist: Mnist) -> None:
    classifier = numbre_runtime.load("numbre-int8", backend="numpy")
    assert classifier.backend == f"numpy {np.__version__}"
    answers = classifier.predict_batch(mnist.test_images).argmax(axis=1)
    claimed = shipped.artifact(_FILE).measured[0].accuracy
    assert (answers == mnist.test_labels).mean() == pytest.approx(claimed, abs=0.0005)


def test_float_file_is_not_computed(shipped: Bundle) -> None:
    with pytest.raises(BackendUnsupportedError, match="float32"):
        open_artifact(shipped, shipped.artifact("model.float32.tflite"), "numpy")


def test_operator_without_a_kernel_is_named() -> None:
    with pytest.raises(BackendUnsupportedError, match="operator 108"):
        open_model(OneLayer("COS", (1, 4), (1, 4)).build(), 1)


def test_damaged_files_are_refused_and_never_run_on(shipped: Bundle) -> None:
    """Cut short anywhere, or with bytes of the tables changed: a model or one of our errors, nothing else."""
    content = shipped.contents[_FILE]
    generator = np.random.default_rng(7)
    refused = 0
    # The labels come last, as a zip archive behind the model; no layer reads them.
    end = content.index(b"PK\x03\x04")
    for _ in range(400):
        refused += _is_refused(content[: int(generator.integers(0, end))])
    assert refused == 400
    for _ in range(400):
        damaged = bytearray(content)
        for place in generator.integers(len(content) - 4000, len(content), 6):
            damaged[place] = generator.integers(0, 256)
        refused += _is_refused(bytes(damaged))
    assert refused > 450


def _is_refused(content: bytes) -> bool:
    try:
        open_model(content, 1)
    except BackendError:
        return True
    return False


def test_shape_that_would_exhaust_memory_is_refused() -> None:
    layer = OneLayer("MAX_POOL_2D", (1, 60000, 60000, 1), (1, 1, 1, 1), kind="Pool2DOptions")
    with pytest.raises(BackendError, match="at most"):
        open_model(layer.build(), 1)


def test_parity_reports_hold_it_beside_the_engines(shipped: Bundle, mnist: Mnist) -> None:
    found = {
        artifact.file: [item.backend.split()[0] for item in run_artifact(shipped, artifact, mnist.test_images[:200])]
        for artifact in shipped.manifest.artifacts
    }
    assert found[_FILE][-1] == "numpy"
    assert "numpy" not in found["model.float32.tflite"]


def test_window_that_would_exhaust_memory_is_refused() -> None:
    options = {"filterHeight": 4096, "filterWidth": 4096, "strideH": 1, "strideW": 1}
    layer = OneLayer("MAX_POOL_2D", (1, 64, 64, 64), (1, 64, 64, 64), kind="Pool2DOptions", options=options)
    layer.output_scale = layer.source_scale
    with pytest.raises(BackendError, match="at most"):
        open_model(layer.build(), 1)


def test_output_shape_that_is_not_the_kernel_s_is_refused() -> None:
    weights = np.ones((4, 8), np.int8)
    layer = OneLayer("FULLY_CONNECTED", (1, 8), (1, 5), weights=weights, kind="FullyConnectedOptions")
    with pytest.raises(BackendError, match="the file says"):
        open_model(layer.build(), 1)


@pytest.mark.slow
def test_convolutional_network_from_the_converter(mnist: Mnist) -> None:
    """Every operator in one file, with the shape arithmetic that the converter puts before a RESHAPE."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu6"),
            layers.MaxPooling2D(2),
            layers.Conv2D(12, 3, activation="relu"),
            layers.AveragePooling2D(2, padding="same"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    shown = mnist.test_images[:50, None, :, :, None] / np.float32(255)
    converter.representative_dataset = lambda: ([image] for image in shown)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content = bytes(converter.convert())
    rows = (mnist.test_images[:300, :, :, None].astype(np.int16) - 128).astype(np.int8)
    names = {layer.name for layer in read_layers(content)}
    assert {"CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D", "RESHAPE", "SOFTMAX"} <= names
    found, expected = open_model(content, 1).run(rows.reshape(300, -1)), litert_output(content, rows)
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (found != expected).mean() < 0.01
