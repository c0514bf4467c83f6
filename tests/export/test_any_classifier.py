"""Classifiers of others, from their files to a prediction: a table out of scikit-learn, logits, names for classes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from conftest import Run
from numbre_export.convert.engine import keras
from numbre_runtime import load
from numbre_runtime.errors import ImageError

_NAMES = ("first cultivar", "second cultivar", "third cultivar")


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """Files of a trained classifier of wines that gives logits, with its test rows and their classes."""
    directory = tmp_path_factory.mktemp("wine")
    data = load_wine()
    split = train_test_split(data.data, data.target, test_size=0.4, random_state=0, stratify=data.target)
    train, test, train_classes, test_classes = split
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    network = MLPClassifier((16,), max_iter=600, random_state=0).fit((train - mean) / deviation, train_classes)
    model = keras().Sequential(
        [keras().Input((13,)), keras().layers.Dense(16, activation="relu"), keras().layers.Dense(3)], name="wine"
    )
    model.set_weights([item for pair in zip(network.coefs_, network.intercepts_, strict=True) for item in pair])
    model.save(directory / "wine.h5")
    scaling = {"factors": (1 / deviation).tolist(), "offsets": (-mean / deviation).tolist()}
    (directory / "scaling.json").write_text(json.dumps(scaling))
    (directory / "names.txt").write_text("\n".join(_NAMES) + "\n")
    for name, rows, classes in (("train", train, train_classes), ("test", test, test_classes)):
        lines = ["cultivar," + ",".join(data.feature_names)]
        lines += [
            ",".join([_NAMES[label], *(repr(float(value)) for value in row)])
            for row, label in zip(rows, classes, strict=True)
        ]
        (directory / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return directory, test, test_classes


def _export(run_command: Run, directory: Path, out: str, *options: object) -> Any:
    return run_command(
        "numbre-export",
        "--model",
        directory / "wine.h5",
        "--calibration",
        directory / "train.csv",
        "--test",
        directory / "test.csv",
        "--labels",
        directory / "names.txt",
        "--preprocess",
        directory / "scaling.json",
        "--out",
        directory / out,
        *options,
    )


_OPTIONS = ("--int8", "--int16x8", "--io", "uint8", "--max-class-drop", 0.05)


@pytest.fixture(scope="module")
def done(run_command: Run, wine: tuple[Path, Any, Any]) -> Any:
    """The finished export into the directory "bundle"."""
    done = _export(run_command, wine[0], "bundle", *_OPTIONS)
    assert done.returncode == 0, done.stderr
    return done


def test_a_table_is_exported_and_classified(done: Any, wine: tuple[Path, Any, Any]) -> None:
    directory, rows, classes = wine
    assert "model.int8.tflite" in done.stdout and "uint8 in, uint8 out" in done.stdout
    assert "calibrated on 106 rows" in done.stdout
    manifest = json.loads((directory / "bundle" / "manifest.json").read_text())
    assert manifest["labels"] == list(_NAMES)
    assert manifest["output"] == "logits"
    assert manifest["input"]["preprocessing"] == "affine"
    for artifact in ("model.int8.tflite", "model.int8.onnx", "model.int16x8.tflite", "model.float32.onnx"):
        classifier = load(directory / "bundle", artifact=artifact)
        scores = classifier.predict_batch(rows.astype(np.float32))
        assert scores.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
        assert (scores.argmax(axis=1) == classes).mean() > 0.93
    prediction = classifier.predict(rows[0])
    assert prediction.label == _NAMES[scores[0].argmax()]
    with pytest.raises(ImageError, match="13"):
        classifier.predict(rows[0][:12])
    with pytest.raises(ImageError, match="takes arrays of"):
        classifier.predict("picture.png")
    with pytest.raises(ImageError, match="NaN"):
        classifier.predict(np.full(13, np.nan))


@pytest.mark.usefixtures("done")
def test_two_runs_give_the_same_bytes_and_a_refused_one_leaves_them(
    run_command: Run, wine: tuple[Path, Any, Any]
) -> None:
    directory, _, _ = wine
    again = _export(run_command, directory, "again", *_OPTIONS)
    assert again.returncode == 0, again.stderr
    outs = ("bundle", "again")
    contents = [{path.name: path.read_bytes() for path in (directory / out).iterdir()} for out in outs]
    assert contents[0] == contents[1]
    (directory / "overlap.csv").write_text((directory / "test.csv").read_text())
    refused = run_command(
        "numbre-export",
        "--int8",
        "--model",
        directory / "wine.h5",
        "--calibration",
        directory / "overlap.csv",
        "--test",
        directory / "test.csv",
        "--labels",
        directory / "names.txt",
        "--preprocess",
        directory / "scaling.json",
        "--out",
        directory / "bundle",
    )
    assert refused.returncode == 2
    assert "72 of the 72 calibration rows are test rows too" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert {path.name: path.read_bytes() for path in (directory / "bundle").iterdir()} == contents[0]
