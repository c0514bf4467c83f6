"""`numbre-export --int8` on the real model: bounds, files, reproducibility, and nothing lost when it fails."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

import numbre_runtime as numbre
from conftest import NUMBRE_BUNDLE, ROOT, Run
from numbre_export.cli import main
from numbre_runtime.bundle import Bundle, read_bundle
from numbre_train.data import Mnist

MODEL = ROOT / "tests" / "assets" / "numbre.keras"


@pytest.fixture(scope="module")
def exported(run_command: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that the command makes of the model behind the shipped one."""
    target = tmp_path_factory.mktemp("export") / "numbre-int8"
    done = run_command("numbre-export", "--int8", "--model", MODEL, "--out", target)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len([line for line in done.stdout.splitlines() if line.startswith("model.")]) == 4
    return target


@pytest.fixture(scope="module")
def bundle(exported: Path) -> Bundle:
    return read_bundle(exported)


def test_the_bundle_holds_what_is_promised(exported: Path, bundle: Bundle) -> None:
    files = {path.name for path in exported.iterdir()}
    models = {f"model.{precision}.{form}" for precision in ("int8", "float32") for form in ("tflite", "onnx")}
    assert files == {*models, "manifest.json", "golden.npz", "report.html"}
    assert {path.name for path in exported.parent.iterdir()} == {exported.name}
    for artifact in bundle.manifest.artifacts:
        assert artifact.bytes <= (130_000 if artifact.precision == "int8" else 440_000)


def test_every_artifact_is_within_its_bounds(bundle: Bundle) -> None:
    keras_accuracy = bundle.manifest.keras_accuracy
    assert keras_accuracy >= 0.989
    for artifact in bundle.manifest.artifacts:
        for item in artifact.measured:
            assert item.images == 10_000
            assert item.accuracy >= keras_accuracy - 0.001
            assert item.agreement >= (0.997 if artifact.precision == "int8" else 0.9999)
            if artifact.precision == "float32":
                assert item.largest_difference <= 1e-5


def test_the_figures_are_those_of_the_files(exported: Path, bundle: Bundle, mnist: Mnist) -> None:
    for artifact in bundle.manifest.artifacts:
        classifier = numbre.load(exported, artifact=artifact.file)
        answers = classifier.predict_batch(mnist.test_images).argmax(axis=1)
        assert (answers == mnist.test_labels).mean() == artifact.measured[0].accuracy


def test_the_baseline_is_how_the_first_file_answers_the_test_rows(exported: Path, mnist: Mnist) -> None:
    classifier = numbre.load(exported)
    assert classifier.artifact.file == "model.int8.tflite"
    highest = classifier.predict_batch(mnist.test_images).max(axis=1)
    found = classifier.manifest.baseline
    assert found is not None
    assert list(found.confidence_histogram) == [
        int(((highest * 20).astype(int).clip(0, 19) == i).sum()) for i in range(20)
    ]
    assert found.input_mean == pytest.approx(mnist.test_images.mean())


def test_the_int8_tflite_takes_pixels_as_they_are(bundle: Bundle) -> None:
    artifact = bundle.artifact("model.int8.tflite")
    assert (artifact.input.dtype, artifact.input.zero_point) == ("int8", -128)
    assert artifact.input.scale == pytest.approx(1 / 255, rel=1e-6)
    assert artifact.output.dtype == "int8"
    assert artifact.requires["FULLY_CONNECTED"] <= 4


def test_old_onnxruntimes_load_the_onnx_files(bundle: Bundle) -> None:
    for name in ("model.int8.onnx", "model.float32.onnx"):
        model = onnx.load_model_from_string(bundle.contents[name])
        assert model.ir_version <= 7
        assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 13)]
        assert not any(weight.HasField("data_location") and weight.data_location for weight in model.graph.initializer)


def test_int8_onnx_weights_leave_out_minus_128(bundle: Bundle) -> None:
    model = onnx.load_model_from_string(bundle.contents["model.int8.onnx"])
    weights = [
        onnx.numpy_helper.to_array(item) for item in model.graph.initializer if item.data_type == onnx.TensorProto.INT8
    ]
    matrices = [weight for weight in weights if weight.ndim == 2]
    assert len(matrices) == 4
    assert min(matrix.min() for matrix in matrices) >= -127


def test_golden_vectors_are_the_exact_outputs(exported: Path, bundle: Bundle) -> None:
    golden = bundle.golden()
    assert np.bincount(golden.labels).tolist() == [4] * 10
    for artifact in bundle.manifest.artifacts:
        classifier = numbre.load(exported, artifact=artifact.file)
        np.testing.assert_array_equal(classifier.predict_raw(golden.inputs), golden.outputs[artifact.file])


def test_provenance_tells_the_rows_and_the_tools(bundle: Bundle) -> None:
    provenance = bundle.manifest.provenance
    assert len(set(provenance["calibration"]["rows"])) == 500
    assert len(provenance["data"]["sha256"]) == len(provenance["model"]["sha256"]) == 64
    assert provenance["tools"]["tensorflow"].startswith("2.")


def test_the_report_shows_every_file_and_needs_no_network(exported: Path, bundle: Bundle) -> None:
    page = (exported / "report.html").read_text(encoding="utf-8")
    for artifact in bundle.manifest.artifacts:
        assert artifact.sha256 in page
        assert f"{artifact.measured[0].accuracy:.2%}" in page
    assert "http" not in page
    assert "<script" not in page


def test_manifest_and_report_show_the_bounds_that_were_applied(exported: Path, bundle: Bundle) -> None:
    assert bundle.manifest.provenance["gate"] == {
        "max_drop": 0.001,
        "max_class_drop": 0.005,
        "min_agreement": {"float32": 0.9999, "int8": 0.997},
        "max_difference": {"float32": 1e-5, "int8": 1.0},
    }
    page = (exported / "report.html").read_text(encoding="utf-8")
    assert "<td>min_agreement.int8</td><td>0.997</td>" in page
    assert "It passed: it is within its bounds." in page
    assert page.count("<td>passed</td>") == 4


def test_two_exports_give_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    assert main(["--int8", "--model", str(MODEL), "--out", str(tmp_path / "again")]) == 0
    for path in exported.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_shipped_bundle_is_made_of_this_model(bundle: Bundle, shipped: Bundle) -> None:
    assert shipped.path == NUMBRE_BUNDLE
    assert shipped.manifest.provenance["model"]["sha256"] == bundle.manifest.provenance["model"]["sha256"]
    assert shipped.manifest.keras_accuracy == pytest.approx(bundle.manifest.keras_accuracy, abs=2e-4)


def test_a_missed_bound_keeps_the_earlier_bundle_and_reports_beside_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    target = tmp_path / "bundle"
    shutil.copytree(NUMBRE_BUNDLE, target)
    earlier = {path.name: path.read_bytes() for path in target.iterdir()}
    words = ["--int8", "--model", str(MODEL), "--out", str(target), "--min-agreement", "1"]
    assert main(words) == 3
    printed = capsys.readouterr()
    (error,) = printed.err.splitlines()
    assert re.match(
        r"numbre-export: model\.int8\.tflite with litert \S+ misses its bounds: agrees with Keras on", error
    )
    assert error.endswith(f"every file: {target}-missed.html; next, try: numbre-export {' '.join(words)} --auto")
    assert "model.int8.onnx: fail" in printed.out.splitlines()
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", "bundle-missed.html"}
    assert {path.name: path.read_bytes() for path in target.iterdir()} == earlier
    report = (tmp_path / "bundle-missed.html").read_text(encoding="utf-8")
    assert "Nothing ships: what was asked for missed its bounds." in report
    assert "<td>min_agreement.int8</td><td>1.0</td>" in report


def test_test_data_travels_where_asked_for(run_command: Run, tmp_path: Path, mnist: Mnist) -> None:
    target = tmp_path / "bundle"
    done = run_command("numbre-export", "--int8", "--with-test-data", "--model", MODEL, "--out", target)
    assert done.returncode == 0
    data = read_bundle(target).test_data()
    assert data is not None
    np.testing.assert_array_equal(data.images, mnist.test_images)
    result = run_command("numbre-bench", "--bundle", target, "--json", "--backend", "litert")
    rows = json.loads(result.stdout)["rows"]
    assert {row["artifact"] for row in rows} == {"model.int8.tflite", "model.float32.tflite"}
    assert all(row["agreement"] >= 0.997 for row in rows)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), "no precision; choose from --float32"),
        (("--int8",), "build/numbre/model.keras: no such file; numbre-train makes one"),
        (("--int8", "--model", MODEL, "--out", "/proc/bundle"), "/proc/bundle: cannot be written"),
        (("--int8", "--model", MODEL, "--out", MODEL), "is a file, a directory was expected"),
        (("--int8", "--model", MODEL, "--data", "nowhere"), "nowhere: no such file or directory"),
    ],
)
def test_bad_words_fail_in_one_line(words: tuple[str, ...], reason: str, run_command: Run, tmp_path: Path) -> None:
    done = run_command("numbre-export", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
