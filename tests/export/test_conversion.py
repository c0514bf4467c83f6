"""The worker process: what it refuses, and that it cannot take the exporter down."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from exported import numbre_model, shipped_weights

from numbre_export.convert.converter import Converter
from numbre_export.convert.keras_file import refuse_unsafe
from numbre_export.convert.variant import Variant
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import ModelError


@pytest.fixture(scope="module")
def keras_file(shipped: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    numbre_model(shipped_weights(shipped)).save(path)
    return path


@pytest.fixture
def converter(tmp_path: Path) -> Iterator[Converter]:
    with Converter(tmp_path) as worker:
        yield worker


def _with_config(source: Path, target: Path, old: str, new: str) -> Path:
    """A copy of a .keras file whose description has something else in it."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            changed.writestr(name, content.replace(old.encode(), new.encode()) if name == "config.json" else content)
    return target


def _refuse(path: Path) -> None:
    refuse_unsafe(path, path.read_bytes())


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ('"class_name": "Lambda"', "holds code"),
        ('"class_name": "TFSMLayer"', "from elsewhere"),
        ('"class_name": "Mine>Dense"', "not one of Keras's own"),
        ('"class_name": "Dense", "module": "os"', "holds code|not one of Keras's own|expected"),
    ],
)
def test_code_and_foreign_classes_are_refused_before_keras_sees_them(
    keras_file: Path, tmp_path: Path, new: str, reason: str
) -> None:
    _refuse(keras_file)
    changed = _with_config(keras_file, tmp_path / "changed.keras", '"class_name": "Dense"', new)
    if '"os"' in new:
        changed = _with_config(keras_file, tmp_path / "other.keras", '"module": "keras.layers"', '"module": "os"')
    with pytest.raises(ModelError, match=reason):
        _refuse(changed)


def test_hdf5_files_with_links_out_are_refused(tmp_path: Path) -> None:
    linked = tmp_path / "linked.h5"
    with h5py.File(linked, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {}})
        file["weights"] = h5py.ExternalLink("/etc/hostname", "/")
    with pytest.raises(ModelError, match="link to elsewhere"):
        _refuse(linked)
    outside = tmp_path / "outside.h5"
    with h5py.File(outside, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {}})
        file.create_dataset("weights", (4,), "f4", external=[(str(tmp_path / "values"), 0, 16)])
    with pytest.raises(ModelError, match="in another file"):
        _refuse(outside)
    code = tmp_path / "code.h5"
    with h5py.File(code, "w") as file:
        file.attrs["model_config"] = json.dumps({"config": {"layers": [{"class_name": "Lambda"}]}})
    with pytest.raises(ModelError, match="holds code"):
        _refuse(code)
    weights = tmp_path / "weights.h5"
    with h5py.File(weights, "w") as file:
        file["kernel"] = np.zeros(3)
    with pytest.raises(ModelError, match="holds weights and no model"):
        _refuse(weights)
    broken = tmp_path / "broken.h5"
    broken.write_bytes(outside.read_bytes()[:100])
    with pytest.raises(ModelError, match="not a readable HDF5 file"):
        _refuse(broken)


def test_a_layer_that_would_fill_the_memory_is_one_error(
    keras_file: Path, tmp_path: Path, converter: Converter
) -> None:
    """256 units become so many that the kernel has 800 GB; the machine must not notice."""
    huge = _with_config(keras_file, tmp_path / "huge.keras", '"units": 256', '"units": 999999999')
    with pytest.raises(ModelError):
        converter.open(huge)


def test_the_death_of_the_worker_is_one_error(keras_file: Path, converter: Converter) -> None:
    os.kill(converter._process.pid, signal.SIGKILL)
    with pytest.raises(ModelError, match=r"ended its process \(signal 9"):
        converter.open(keras_file)


def test_a_worker_that_takes_too_long_is_stopped(keras_file: Path, tmp_path: Path) -> None:
    with Converter(tmp_path, seconds=0.05) as worker:
        with pytest.raises(ModelError, match=r"took more than 0\.05 s"):
            worker.open(keras_file)
        assert worker._process.wait(10) == -signal.SIGKILL


def test_requests_before_a_model_is_open_are_errors(converter: Converter) -> None:
    with pytest.raises(ModelError, match="no model is open"):
        converter.convert(Variant("float32", "tflite"))


def test_each_conversion_gets_the_rows_of_its_upload(converter: Converter, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = [converter.upload(np.zeros((size, 4), np.float32)) for size in range(1, 5)]
    sizes = []

    def ask(_: str, **request: str) -> dict[str, object]:
        sizes.append(len(np.load(request["calibration"])))
        Path(request["out"]).touch()
        return {}

    monkeypatch.setattr(converter, "_ask", ask)
    for rows in reversed(uploads):
        converter.convert(Variant("int8", "tflite"), rows)
    assert sizes == [rows.count for rows in reversed(uploads)] == [4, 3, 2, 1]
