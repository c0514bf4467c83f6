"""Integer ONNX files: of a convolutional network with batch normalization, and with integers at both ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from numbre_export.convert import onnx_graph, onnx_integer
from numbre_export.convert.bias_correction import _means
from numbre_export.convert.engine import keras
from numbre_export.convert.file_facts import onnx_facts
from numbre_export.convert.onnx_io import _grid
from numbre_export.convert.to_onnx import to_onnx
from numbre_export.convert.variant import Variant, layer_of, variants
from numbre_export.verify.frame import Frame
from numbre_export.verify.gate import Gate, TestSet
from numbre_runtime.backends import backend
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import ModelError
from numbre_runtime.manifest import InputSpec
from numbre_train.data import Mnist

_LAYERS = ("convolution_1", "convolution_2", "overview", "digits")
_SPEC = InputSpec((28, 28), "uint8", 0, 255, "unit")


class _Cnn:
    """A small network, trained for seconds, as float32 ONNX, with the rows to calibrate and to judge."""

    def __init__(self, mnist: Mnist) -> None:
        module = keras()
        layers = module.layers
        module.utils.set_random_seed(0)
        model = module.Sequential(
            [
                layers.Input((28, 28, 1), name="pixels_0_1"),
                layers.Conv2D(8, 3, strides=2, use_bias=False, name=_LAYERS[0]),
                layers.BatchNormalization(momentum=0.9),
                layers.ReLU(),
                layers.Conv2D(16, 3, padding="same", use_bias=False, name=_LAYERS[1]),
                layers.BatchNormalization(momentum=0.9),
                layers.ReLU(),
                layers.MaxPooling2D(),
                layers.DepthwiseConv2D(6, use_bias=False, name=_LAYERS[2]),
                layers.BatchNormalization(momentum=0.9),
                layers.Flatten(),
                layers.Dense(10, activation="softmax", name=_LAYERS[3]),
            ],
            name="cnn",
        )
        model.compile(module.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
        images = (mnist.train_images[:40_000, ..., None] / 255).astype(np.float32)
        model.fit(images, mnist.train_labels[:40_000], batch_size=100, epochs=1, verbose=0)
        self.calibration = images[-500:]
        self.float32 = to_onnx(model, Variant("float32", "onnx"), self.calibration)
        self.rows = (mnist.test_images[..., None] / 255).astype(np.float32)
        self.scores = self.run(self.float32)
        test = TestSet(mnist.test_images, mnist.test_labels, self.scores)
        self.frame = Frame("cnn", _SPEC, tuple("0123456789"), "softmax", test, Gate())

    def run(self, content: bytes) -> NDArray[np.float32]:
        """The scores of the test rows."""
        session = backend("onnxruntime").open_model(content, 1)
        parts = np.array_split(self.rows.reshape(len(self.rows), -1), 10)
        scores: NDArray[np.float32] = np.concatenate([session.run(part) for part in parts])
        return scores

    def int8(self, **changes: Any) -> Variant:
        """The variant of `--int8`."""
        [variant] = variants(("int8",), ("onnx",), "default", "default", convolutional=True)
        return Variant(**{**vars(variant), **changes})


@pytest.fixture(scope="module")
def cnn(mnist: Mnist) -> _Cnn:
    return _Cnn(mnist)


def _nodes(content: bytes, *kinds: str) -> list[Any]:
    return [node for node in onnx.load_model_from_string(content).graph.node if node.op_type in kinds]


def _weights(content: bytes) -> dict[str, NDArray[Any]]:
    """Layer name to the weights of its node, integers where they are."""
    graph = onnx.load_model_from_string(content).graph
    stored = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    behind = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return {
        layer_of(node.name, _LAYERS) or node.name: stored[behind.get(node.input[1], node.input[1])]
        for node in graph.node
        if node.op_type in onnx_graph.PRODUCTS
    }


def test_plain_int8_of_a_cnn_passes_the_gate(cnn: _Cnn, tmp_path: Path) -> None:
    assert cnn.frame.test.accuracy > 0.95
    item, missed = cnn.frame.judge(tmp_path, cnn.int8(), to_onnx(cnn.float32, cnn.int8(), cnn.calibration))
    assert missed == []
    assert item.agreement >= 0.997


def test_every_product_is_named_after_its_layer(cnn: _Cnn) -> None:
    products = _nodes(cnn.float32, *onnx_graph.PRODUCTS)
    assert [layer_of(node.name, _LAYERS) for node in products] == list(_LAYERS)


def test_weights_leave_no_sum_of_two_products_too_large_for_16_bits(cnn: _Cnn) -> None:
    """Depthwise convolutions multiply one by one and keep all 8 bits."""
    weights = _weights(to_onnx(cnn.float32, cnn.int8(), cnn.calibration))
    assert set(weights) == set(_LAYERS)
    for layer, values in weights.items():
        assert values.dtype == np.int8
        largest = int(np.abs(values.astype(int)).max())
        assert largest == 127 if layer == "overview" else 60 <= largest <= 64, layer
    unsigned = to_onnx(cnn.float32, cnn.int8(weights="uint8"), cnn.calibration)
    assert {values.dtype.name for values in _weights(unsigned).values()} == {"uint8"}
    assert onnx_facts(unsigned).not_int8 == ()


def test_corrected_biases_take_back_the_mean_shift_and_float_scores_the_noise(
    cnn: _Cnn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def error() -> NDArray[np.float32]:
        difference: NDArray[np.float32] = cnn.run(to_onnx(cnn.float32, cnn.int8(), cnn.calibration)) - cnn.scores
        return difference

    def shift(difference: NDArray[np.float32]) -> float:
        return float(np.abs(difference.mean(axis=0)).mean())

    corrected = error()
    monkeypatch.setattr(onnx_integer, "correct_biases", lambda *_: None)
    uncorrected = error()
    monkeypatch.setattr(onnx_integer, "_leave_scores", lambda _: None)
    assert shift(corrected) < 0.8 * shift(uncorrected)
    assert np.abs(uncorrected).mean() < np.abs(error()).mean()


def test_a_mixed_file_keeps_the_layers_that_are_named(cnn: _Cnn) -> None:
    variant = cnn.int8(precision="mixed", kept=("convolution_2", "overview"))
    kinds = {
        layer: values.dtype.name for layer, values in _weights(to_onnx(cnn.float32, variant, cnn.calibration)).items()
    }
    assert kinds == {"convolution_1": "int8", "convolution_2": "float32", "overview": "float32", "digits": "int8"}
    with pytest.raises(ModelError, match="no node of the ONNX file belongs to convolution_9"):
        to_onnx(cnn.float32, cnn.int8(precision="mixed", kept=("convolution_9",)), cnn.calibration)


@pytest.mark.parametrize(("dtype", "lowest"), [("int8", -128), ("uint8", 0)])
@pytest.mark.parametrize("weights", ["int8", "uint8"])
def test_integer_ends_take_pixels_as_they_are(
    shipped: Bundle, mnist: Mnist, dtype: str, lowest: int, weights: str
) -> None:
    float32 = shipped.contents["model.float32.onnx"]
    calibration = (mnist.train_images[:100].reshape(-1, 784) / 255).astype(np.float32)
    plain, integer = (
        to_onnx(float32, Variant("int8", "onnx", io, "tensor", weights=weights), calibration)
        for io in ("default", dtype)
    )
    facts = onnx_facts(integer)
    assert (facts.input.dtype, facts.input.zero_point, facts.output.zero_point) == (dtype, lowest, lowest)
    assert facts.input.scale == pytest.approx(1 / 255, rel=1e-6) and facts.output.scale == 1 / 256
    assert facts.not_int8 == () and onnx_facts(plain).input.dtype == "float32"
    pixels = mnist.test_images[:1000].reshape(-1, 784)
    stored = (pixels.astype(np.int16) + lowest).astype(dtype)
    open_model = backend("onnxruntime").open_model
    scores = open_model(plain, 1).run((pixels / 255).astype(np.float32))
    expected = np.clip(np.round(scores * 256) + lowest, lowest, lowest + 255)
    assert np.array_equal(open_model(integer, 1).run(stored), expected)


def test_integer_ends_of_logits_span_what_the_calibration_rows_give(shipped: Bundle, mnist: Mnist) -> None:
    model = onnx.load_model_from_string(shipped.contents["model.float32.onnx"])
    softmax = next(node for node in model.graph.node if node.op_type == "Softmax")
    model.graph.node.remove(softmax)
    model.graph.output[0].name = softmax.input[0]
    calibration = (mnist.train_images[:500].reshape(-1, 784) / 255).astype(np.float32)
    content = to_onnx(model.SerializeToString(), Variant("int8", "onnx", "int8", "tensor"), calibration)
    output = onnx_facts(content).output
    stored = (mnist.test_images[:500].reshape(-1, 784) ^ 128).view(np.int8)
    logits = (
        backend("onnxruntime").open_model(content, 1).run(stored).astype(float) - output.zero_point
    ) * output.scale
    real = backend("onnxruntime").open_model(model.SerializeToString(), 1)
    assert np.abs(logits - real.run((mnist.test_images[:500].reshape(-1, 784) / 255).astype(np.float32))).max() < 2.5
    assert (logits.argmax(axis=1) == mnist.test_labels[:500]).mean() > 0.97


def test_a_float_first_layer_has_no_integer_input(shipped: Bundle, mnist: Mnist) -> None:
    variant = Variant("mixed", "onnx", "int8", "tensor", kept=("hidden_1",))
    calibration = (mnist.train_images[:50].reshape(-1, 784) / 255).astype(np.float32)
    with pytest.raises(ModelError, match="first layer is not quantized"):
        to_onnx(shipped.contents["model.float32.onnx"], variant, calibration)


@pytest.mark.parametrize("rows", [1, 99, 100, 101, 150, 250])
def test_means_weigh_every_row_alike_whatever_the_batches(rows: int) -> None:
    source, output = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, 2]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [source], [output])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
    values = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2) ** 2
    np.testing.assert_allclose(_means(model, ["y"], values)["y"], values.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-10.0, 245.0, (1.0, -118)),
        # 0 is among the steps even where no value is.
        (100.0, 255.0, (1.0, -128)),
        (-255.0, -100.0, (1.0, 127)),
        (0.0, 0.0, (1e-6 / 255, -128)),
    ],
)
def test_steps_of_an_integer_output_have_0_among_them(low: float, high: float, expected: tuple[float, int]) -> None:
    scale, zero_point = _grid(np.array([low, high], np.float32), "int8")
    assert scale == pytest.approx(expected[0])
    assert zero_point == expected[1]
