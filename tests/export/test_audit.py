"""Float and integer files that exist already: audited, and made anew from the float file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import numbre_export
from conftest import NUMBRE_BUNDLE, Run
from numbre_export.convert.float_file import read_float_file
from numbre_export.convert.to_tflite import quantize_tflite
from numbre_export.convert.variant import Variant
from numbre_export.verify.explain import layer_ranges
from numbre_runtime.bundle import Bundle
from numbre_runtime.errors import ModelError
from numbre_train.data import Mnist

_FLOAT = NUMBRE_BUNDLE / "model.float32.tflite"
_ROWS = 3000


@pytest.fixture(scope="module")
def rows(mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.npz"
    np.savez(path, x=mnist.test_images[:_ROWS], y=mnist.test_labels[:_ROWS])
    return path


@pytest.fixture(scope="module")
def clipped(mnist: Mnist, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int8 file that was calibrated on faint digits, so that its ranges cut off what clear ones give."""
    faint = (mnist.train_images[:100].reshape(100, 784) / 255 * 0.15).astype(np.float32)
    path = tmp_path_factory.mktemp("clipped") / "clipped.tflite"
    path.write_bytes(quantize_tflite(_FLOAT.read_bytes(), Variant("int8", "tflite"), faint))
    return path


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_good_pair_passes(form: str, rows: Path) -> None:
    files = NUMBRE_BUNDLE / f"model.float32.{form}", NUMBRE_BUNDLE / f"model.int8.{form}"
    result = numbre_export.audit(*files, rows, preprocess="unit")
    assert result.verdict == "pass"
    assert all(item.agreement > 0.998 and item.images == _ROWS for item in result.measured)


def test_a_file_of_narrow_ranges_must_not_ship_and_the_cause_is_named(
    clipped: Path, rows: Path, run_command: Run, tmp_path: Path
) -> None:
    words = ("numbre-check", _FLOAT, clipped, "--data", rows, "--preprocess", "unit")
    done = run_command(*words, "--report", tmp_path / "report.html")
    assert done.returncode == 3, done.stderr
    assert "clipped.tflite must not ship, beside model.float32.tflite: fail" in done.stdout
    assert "its range cuts off" in done.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<img" in page and "http" not in page
    found = json.loads(run_command(*words, "--json").stdout)
    assert found["verdict"] == "fail"
    assert found["layers"][0]["cause"] == "range" and found["layers"][0]["clipped"] > 0.01


def test_ranges_of_a_good_file_cut_nothing_off(shipped: Bundle, mnist: Mnist) -> None:
    values = (mnist.test_images[:200].reshape(200, 784) / 255).astype(np.float32)
    found = layer_ranges(shipped.contents["model.float32.tflite"], shipped.contents["model.int8.tflite"], values)
    assert found and all(item.clipped < 0.001 and item.decibels > 20 for item in found)


@pytest.mark.parametrize("form", ["tflite", "onnx"])
def test_a_bundle_is_made_from_a_float_file(form: str, mnist: Mnist, tmp_path: Path) -> None:
    rows = mnist.test_images[:600], mnist.test_labels[:600]
    gate = numbre_export.Gate(max_class_drop=0.05)
    report = numbre_export.export_model(
        NUMBRE_BUNDLE / f"model.float32.{form}", rows, tmp_path / "out", preprocess="unit", gate=gate
    )
    assert [item.file for item in report.outcomes] == [f"model.int8.{form}", f"model.float32.{form}"]
    assert all(item.ships for item in report.outcomes)
    float32 = next(item for item in report.manifest.artifacts if item.precision == "float32")
    assert float32.measured[0].agreement == 1 and float32.measured[0].largest_difference < 1e-5


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("int8.tflite", (NUMBRE_BUNDLE / "model.int8.tflite").read_bytes(), "not a float32 model"),
        ("int8.onnx", (NUMBRE_BUNDLE / "model.int8.onnx").read_bytes(), "not a float32 model"),
        ("cut.tflite", _FLOAT.read_bytes()[:1000], "cut.tflite: "),
        ("empty.onnx", b"", "empty.onnx: "),
    ],
)
def test_other_files_are_refused(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=reason):
        read_float_file(tmp_path / name)


def test_check_says_what_is_missing(run_command: Run) -> None:
    done = run_command("numbre-check", _FLOAT, _FLOAT)
    assert done.returncode == 2 and "no rows to compare on" in done.stderr
    done = run_command("numbre-check", _FLOAT, _FLOAT, _FLOAT)
    assert done.returncode == 2 and "3 models; expected a bundle" in done.stderr
