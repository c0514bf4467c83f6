"""The comparison: its figures against Keras and NumPy, its page, and what it does not do twice."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import NUMBRE_BUNDLE
from numbre_runtime.bundle import Bundle
from numbre_train import plots
from numbre_train.cli import main
from numbre_train.compare.run import Result, _identity, _read, bundle_figures, run_model
from numbre_train.data import Dataset, Mnist, Rows, load_dataset
from numbre_train.data.classes import DIGITS
from numbre_train.history import Period
from numbre_train.keras_engine import keras
from numbre_train.metrics import confident_mistakes
from numbre_train.recipes import MODELS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison in out/, of digits.csv."""
    folder = tmp_path_factory.mktemp("comparison")
    assert main(["sample", "--rows", "1000", "-o", str(folder / "digits.csv")]) == 0
    assert main(_words(folder)) == 0
    return folder


def _words(folder: Path) -> list[str]:
    options = ["--hidden", "24", "--epochs", "2", "--data", str(folder / "digits.csv")]
    return ["compare", "--models", "linear,dnn", *options, "--out", str(folder / "out")]


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "out" / "report.json").read_text())
    return content


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    return load_dataset([folder / "digits.csv"])


def test_figures_are_those_of_the_saved_models(folder: Path, figures: dict[str, Any], data: Dataset) -> None:
    answers = {}
    for name, parameters in (("linear", 784 * 10 + 10), ("dnn", 784 * 24 + 24 + 24 * 10 + 10)):
        model = keras().saving.load_model(folder / "out" / name / "model.keras", compile=False)
        assert model.inputs[0].name.startswith("pixels_0_1")
        scores = np.asarray(model(data.test.images.reshape(-1, 784).astype(np.float32) / 255))
        answers[name] = scores.argmax(axis=1)
        own = figures["models"][name]
        right = answers[name] == data.test.labels
        assert own["accuracy"] == pytest.approx(right.mean())
        assert own["parameters"] == parameters
        assert own["log_loss"] == pytest.approx(-np.log(scores[np.arange(100), data.test.labels]).mean(), rel=1e-4)
        for digit in range(10):
            given, true = answers[name] == digit, data.test.labels == digit
            assert own["recall"][str(digit)] == pytest.approx((given & true).sum() / max(true.sum(), 1))
            assert own["precision"][str(digit)] == pytest.approx((given & true).sum() / max(given.sum(), 1))
        assert own["seconds"] > 0
        assert own["int8"] is None
    (difference,) = figures["differences"]
    assert (difference["first"], difference["second"]) == ("dnn", "linear")
    only = (answers["dnn"] == data.test.labels) & (answers["linear"] != data.test.labels)
    assert difference["only_first"] == only.sum()
    assert 0 <= difference["p"] <= difference["p_holm"] <= 1


def test_log_loss_has_ten_periods_and_ends_as_the_model_does(figures: dict[str, Any]) -> None:
    for own in figures["models"].values():
        periods = own["periods"]
        assert len(periods) >= 10
        assert [period["step"] for period in periods] == sorted({period["step"] for period in periods})
        assert periods[-1]["epoch"] == 2
        assert periods[-1]["fit_loss"] < periods[0]["fit_loss"]
        assert periods[-1]["validation_loss"] < periods[0]["validation_loss"]


def test_page_needs_nothing_from_elsewhere_and_shows_the_figures(folder: Path, figures: dict[str, Any]) -> None:
    page = (folder / "out" / "report.html").read_text()
    assert not re.search(r"//|<script|<link|@import|url\(", re.sub(r"base64,[^\"]*", "", page))
    sources = re.findall(r'src="([^"]{0,22})', page)
    assert len(sources) == 1 + 2 * 3
    assert set(sources) == {"data:image/png;base64,"}
    for own in figures["models"].values():
        assert f"{own['accuracy']:.2%}" in page
        assert f"{own['parameters']:,}" in page


def test_nothing_is_trained_twice_unless_something_changed(folder: Path, data: Dataset, tmp_path: Path) -> None:
    recipe = replace(MODELS["linear"], epochs=2)
    out = tmp_path / "linear"
    shutil.copytree(folder / "out" / "linear", out)
    before = (out / "model.keras").stat().st_mtime_ns
    result, known = run_model(recipe, data, 0, out)
    assert known
    assert (out / "model.keras").stat().st_mtime_ns == before
    assert len(result.scores) == len(data.test)
    (out / "run.npz").write_bytes((out / "run.npz").read_bytes()[:5000])
    _, known = run_model(recipe, data, 0, out)
    assert not known
    (out / "model.keras").write_bytes(b"another model")
    assert _read(out, _identity(recipe, data, 0)) is None
    assert _read(folder / "out" / "linear", _identity(recipe, data, 1)) is None


def test_options_that_make_no_sense(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        (["--models", "linear,cnn"], "'cnn' is no model"),
        (["--models", "linear,linear"], "named twice"),
        (["--models", "linear"], "--hidden is not for linear"),
        (["--dropout", "1"], "less than 1"),
        (["--l2", "nan"], "at least 0"),
        (["--batch-size", "0"], "1 to 1,000,000"),
        (["--hidden", "10,x"], "as 100,100"),
    ):
        assert main([*_words(folder), *words]) == 2
        assert message in capsys.readouterr().err


def test_an_exported_model_is_measured_as_int8(shipped: Bundle, mnist: Mnist) -> None:
    test = Rows(mnist.test_images[:1000], mnist.test_labels[:1000])
    scores = np.eye(10, dtype=np.float32)[test.labels]
    result = Result({}, [], scores, np.zeros((784, 1), np.float32), shipped.manifest.provenance["model"]["sha256"])
    figures = bundle_figures(NUMBRE_BUNDLE, result, test)
    assert figures is not None
    artifact = shipped.artifact(figures["file"])
    assert artifact.precision == "int8"
    assert figures["bytes"] == artifact.bytes
    assert figures["accuracy"] == pytest.approx(artifact.measured[0].accuracy, abs=0.015)
    assert figures["against_keras"]["only_first"] == 0
    assert figures["latency_us"]["p50"] <= figures["latency_us"]["p90"]
    other = bundle_figures(NUMBRE_BUNDLE, replace(result, model_sha256="0" * 64), test)
    assert other is not None
    assert "export model.keras again" in other["skipped"]
    assert bundle_figures(NUMBRE_BUNDLE / "none", result, test) is None


def test_surest_mistakes_come_first() -> None:
    scores = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.6, 0.4]], np.float32)
    assert confident_mistakes(scores, np.array([0, 0, 0, 1], np.uint8)).tolist() == [2, 1, 3]


def test_pictures_hold_what_they_should(mnist: Mnist) -> None:
    matrix = np.arange(100).reshape(10, 10)
    left, right = plots.confusion_pair(matrix, "title", DIGITS).axes[:2]
    assert [text.get_text() for text in left.texts] == [str(value) for value in range(100)]
    assert right.texts[11].get_text() == f"{100 * 11 / matrix[1].sum():.1f}"
    sure = np.full(7, 0.9)
    wrong = plots.mistakes(mnist.test_images[:7], mnist.test_labels[:7], np.arange(7), sure, "title", DIGITS)
    shown = [axes for axes in wrong.axes if axes.images]
    assert len(shown) == 7
    assert shown[6].get_title() == f"6 (90.0%)\nis {mnist.test_labels[6]}"
    periods = [Period(step, step / 5, 1 / step, 2 / step) for step in range(1, 11)]
    panels = plots.loss_over_time({"a": periods, "b": [replace(item, validation_loss=None) for item in periods]}).axes
    assert [len(panel.get_lines()) for panel in panels] == [2, 1]
    assert np.asarray(panels[0].get_lines()[1].get_ydata()).tolist() == [2 / step for step in range(1, 11)]
