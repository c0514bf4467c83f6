"""Only real classifiers without code in them are read."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT
from numbre_export.convert.engine import keras
from numbre_export.convert.keras2 import mend_keras2
from numbre_export.convert.keras_file import read_model
from numbre_runtime.errors import ModelError
from numbre_train.data import Mnist

ASSETS = ROOT / "tests" / "assets"


def test_a_trained_model_is_read(mnist: Mnist) -> None:
    source = read_model(ASSETS / "numbre.keras")
    assert source.preprocessing == "unit"
    scores = source.scores((mnist.test_images[:1500] / 255).astype(np.float32))
    assert scores.shape == (1500, 10)
    assert (scores.argmax(axis=1) == mnist.test_labels[:1500]).mean() > 0.97


def test_a_model_of_raw_pixels_says_so(tmp_path: Path) -> None:
    module = keras()
    model = module.Sequential([module.Input((784,), name="pixels_0_255"), module.layers.Dense(10, "softmax")])
    model.save(tmp_path / "raw.keras")
    source = read_model(tmp_path / "raw.keras")
    assert source.preprocessing == "none"


def test_code_in_a_model_is_refused_before_it_is_loaded() -> None:
    with pytest.raises(ModelError, match="refused, it holds code"):
        read_model(ASSETS / "lambda.keras")


def test_a_hidden_lambda_is_refused_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(ASSETS / "lambda.keras") as source, zipfile.ZipFile(tmp_path / "x.keras", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                content = json.dumps({"class_name": "Functional", "config": {"layers": [config]}}).encode()
            target.writestr(name, content)
    with pytest.raises(ModelError, match="refused, it holds code"):
        read_model(tmp_path / "x.keras")


@pytest.mark.parametrize("content", [b"", b"no zip", b"\x89HDF\r\n\x1a\n" + bytes(100)])
def test_foreign_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.keras: not a (\.keras|readable HDF5) file"):
        read_model(tmp_path / "model.keras")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_model_is_refused(share: float, tmp_path: Path) -> None:
    content = (ASSETS / "numbre.keras").read_bytes()
    (tmp_path / "model.keras").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError, match=r"model\.keras: not a \.keras file"):
        read_model(tmp_path / "model.keras")


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    content = bytearray((ASSETS / "numbre.keras").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match=r"not a \.keras file|Keras does not take this model"):
        read_model(tmp_path / "model.keras")


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    module = keras()
    layers = [module.layers.GlobalAveragePooling1D(), module.layers.Dense(2)]
    module.Sequential([module.Input((None, 5)), *layers]).save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match="fix the open sizes with --input-shape …,5"):
        read_model(tmp_path / "other.keras")
    assert read_model(tmp_path / "other.keras", (4, 5)).input_shape == (4, 5)
    with pytest.raises(ModelError, match=r"takes \(None, 5\), which --input-shape 4,6 does not fit"):
        read_model(tmp_path / "other.keras", (4, 6))
    module.Sequential([module.Input((5,)), module.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match="expected two or more classes"):
        read_model(tmp_path / "other.keras")


def test_nan_weights_are_refused(tmp_path: Path) -> None:
    module = keras()
    model = module.Sequential([module.Input((784,)), module.layers.Dense(10, "softmax")])
    model.set_weights([np.full((784, 10), np.nan), np.zeros(10)])
    model.save(tmp_path / "nan.keras")
    with pytest.raises(ModelError, match="a weight is NaN or infinite"):
        read_model(tmp_path / "nan.keras")


@pytest.mark.parametrize("name", ["nested", "arithmetic", "recurrent"])
def test_files_of_keras_2_give_what_they_gave_in_keras_2(name: str) -> None:
    source = read_model(ASSETS / "keras2" / f"{name}.h5")
    scores = source.scores(np.ones((2, *source.input_shape), np.float32))
    assert scores == pytest.approx(np.load(ASSETS / "keras2" / f"{name}.npy"), abs=1e-6)


def test_grouped_depthwise_convolutions_of_keras_2_are_not_taken_for_plain_ones() -> None:
    layer = {"class_name": "DepthwiseConv2D", "config": {"groups": 2, "kernel_size": [3, 3]}}
    assert mend_keras2(layer)["config"]["groups"] == 2


@pytest.mark.parametrize("config", [None, [], {}, {"class_name": "Sequential", "config": {"layers": [3]}}, "text"])
def test_odd_descriptions_pass_unharmed(config: object) -> None:
    assert mend_keras2(config) == config
