"""The Python API: what a notebook user calls."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exported import numbre_model, shipped_weights

import numbre_export
import numbre_runtime
from numbre_export.cli import main
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import DataError, ModelError
from numbre_train.data import Mnist


def test_a_model_and_arrays_in_memory_are_exported_in_silence(
    shipped: Bundle, mnist: Mnist, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = mnist.test_images[:600], mnist.test_labels[:600]
    gate = numbre_export.Gate(max_drop=0.05, max_class_drop=1)
    report = numbre_export.export_model(
        numbre_model(shipped_weights(shipped)), rows, tmp_path / "out", formats=("tflite",), gate=gate
    )
    assert capsys.readouterr() == ("", "")
    assert [item.file for item in report.manifest.artifacts] == ["model.int8.tflite", "model.float32.tflite"]
    classifier = numbre_runtime.load(report.path)
    scores = classifier.predict_batch(rows[0])
    assert (scores.argmax(axis=1) == rows[1]).mean() > 0.98


def test_a_model_that_only_guesses_is_refused_unless_forced(
    mnist: Mnist, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the classes in the wrong order the model is right by chance alone."""
    rows, out = (mnist.test_images[:600], 9 - mnist.test_labels[:600]), tmp_path / "out"
    with pytest.raises(numbre_export.ParityError, match=r"always naming '\d' reads 1\d\.\d\d%: is --preprocess right"):
        numbre_export.export_model("tests/assets/numbre.keras", rows, out, formats=("tflite",))
    assert list(tmp_path.iterdir()) == []
    numbre_export.export_model("tests/assets/numbre.keras", rows, out, formats=("tflite",), force=True)
    earlier = {path.name: path.read_bytes() for path in out.iterdir()}
    np.savez(tmp_path / "rows.npz", x=rows[0], y=rows[1])
    words = ("--int8", "--format", "tflite", "--model", "tests/assets/numbre.keras", "--out", str(out))
    assert main([*words, "--data", str(tmp_path / "rows.npz")]) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("numbre-export: the model reads ")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == earlier


def test_progress_is_logged_under_the_package(mnist: Mnist, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "numbre_export")
    rows = mnist.test_images[:19], mnist.test_labels[:19]
    with pytest.raises(DataError, match="19 rows"):
        numbre_export.export_model("tests/assets/numbre.keras", rows, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert {record.name.split(".")[0] for record in caplog.records} <= {"numbre_export"}


@pytest.mark.parametrize(
    ("arguments", "error", "reason"),
    [
        ({"precisions": "int8"}, DataError, "expected a sequence of names"),
        ({"precisions": ("int7",)}, DataError, "precision 'int7': expected one of dynamic"),
        ({"formats": ("tflite", "torch")}, DataError, "format 'torch': expected one of onnx, tflite"),
        ({"io": "int4"}, DataError, "io 'int4': expected one of default"),
        ({"targets": ("torch==2.0",)}, DataError, "expected one of tflite-runtime"),
        ({}, ModelError, "nowhere.keras: no such file"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_read(
    arguments: dict[str, object], error: type[Exception], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=reason):
        numbre_export.export_model("nowhere.keras", None, tmp_path / "out", **arguments)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_front_loads_nothing_heavy_and_lists_its_names() -> None:
    code = "import sys, numbre_export; print(*dir(numbre_export)); print(*sys.modules)"
    names, modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert set(numbre_export.__all__) <= set(names.split())
    assert not {"numpy", "tensorflow", "onnx"} & set(modules.split())
    for name in numbre_export.__all__:
        assert getattr(numbre_export, name).__doc__


def test_a_compatibility_check_says_why() -> None:
    results = numbre_export.check("numbre-int8", "onnxruntime==1.6")
    assert [result.file for result in results] == ["model.int8.onnx", "model.float32.onnx"]
    assert not any(result.runs for result in results)
    assert np.all(["opset 13" in str(result) for result in results])
