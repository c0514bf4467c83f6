"""Only real classifiers without code in them are read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from conftest import ROOT
from numbre_export.convert import keras_file
from numbre_export.convert.engine import keras
from numbre_export.convert.keras2 import mend_keras2
from numbre_export.convert.keras_file import read_model, refuse_unsafe
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


def _archive(path: Path, config: object, weights: bytes | None = None) -> bytes:
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("config.json", json.dumps(config))
        if weights is not None:
            target.writestr("model.weights.h5", weights)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        *(
            ({"class_name": name}, f"a {name} layer takes what it does from elsewhere")
            for name in (
                "TFSMLayer",
                "TorchModuleWrapper",
                "JaxLayer",
                "FlaxLayer",
                "StringLookup",
                "TextVectorization",
            )
        ),
        *(({"class_name": name}, "it holds code") for name in ("Lambda", "__lambda__")),
        ({"class_name": "Own", "module": "own"}, "Own is not one of Keras's own classes"),
        ({"class_name": "Own>Dense"}, "not one of Keras's own classes"),
        ({"class_name": "Dense", "registered_name": "Own>Dense"}, "not one of Keras's own classes"),
    ],
)
def test_what_takes_code_from_elsewhere_is_refused(entry: object, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "x.keras"
    content = _archive(path, {"config": [{"layers": entry}]})
    with pytest.raises(ModelError, match=reason):
        refuse_unsafe(path, content)


@pytest.mark.parametrize("module", ["keras", "keras.layers", "tf_keras.src", "builtins", None])
def test_kerass_own_classes_are_read(module: str | None, tmp_path: Path) -> None:
    path = tmp_path / "x.keras"
    refuse_unsafe(path, _archive(path, {"class_name": "Dense", "module": module, "registered_name": None}))


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (3,))
    file.create_virtual_dataset("x", layout)


def _external(file: h5py.File) -> None:
    file.create_dataset("x", (3,), "f4", external="/etc/hostname")


def _elsewhere(file: h5py.File) -> None:
    file["x"] = h5py.ExternalLink("/etc/hostname", "x")


def _soft(file: h5py.File) -> None:
    file["x"] = h5py.SoftLink("/y")


def _itself(file: h5py.File) -> None:
    file["x"] = file


def _many_names(file: h5py.File) -> None:
    group = file.create_group("x")
    for number in range(100):
        group.create_dataset(f"{number}", data=0.0)


def _giant(file: h5py.File) -> None:
    for name in ("x", "y"):
        file.create_dataset(name, (1 << 26,), "f4", chunks=(1 << 20,))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (_virtual, "in another file"),
        (_external, "in another file"),
        (_elsewhere, "a link to elsewhere"),
        (_soft, "a link to elsewhere"),
        (_itself, "hold themselves"),
        (_many_names, "more than 100 names"),
        (_giant, "values of more than 268,435,456 bytes"),
    ],
)
def test_weights_that_lead_elsewhere_or_grow_are_refused(
    build: Callable[[h5py.File], None], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras_file, "_NAME_LIMIT", 100)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        build(file)
    path = tmp_path / "x.keras"
    with pytest.raises(ModelError, match=reason):
        refuse_unsafe(path, _archive(path, {}, stream.getvalue()))


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
