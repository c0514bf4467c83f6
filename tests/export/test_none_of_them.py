"""A class for none of the others and a threshold: from beside the model, or the options, into the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exported import Weights, numbre_model, shipped_weights

import numbre_runtime as numbre
from numbre_export.cli import main
from numbre_export.convert.converter import SourceModel
from numbre_export.data.datasets import DataOptions, load_data
from numbre_export.verify.gate import Run, TestSet, measure, run_artifact
from numbre_runtime.bundle import Bundle, read_bundle
from numbre_runtime.errors import DataError
from numbre_train.data import Mnist
from numbre_train.data.abstention import ABSTENTION_FILE, Abstention, format_abstention, read_abstention


def _with_none(weights: Weights) -> Weights:
    """Another output that answers only where all others are far below 0."""
    *before, kernel, bias = weights
    return [*before, np.hstack([kernel, np.zeros((len(kernel), 1), np.float32)]), np.append(bias, np.float32(-8))]


def test_both_go_into_the_bundle_and_the_runtime_goes_by_them(shipped: Bundle, mnist: Mnist, tmp_path: Path) -> None:
    model = tmp_path / "wild.keras"
    numbre_model(_with_none(shipped_weights(shipped)), "wild").save(model)
    (tmp_path / ABSTENTION_FILE).write_bytes(format_abstention(Abstention("none", 0.75)))
    out = tmp_path / "wild-int8"
    words = ["--float32", "--format", "tflite", "--model", str(model), "--out", str(out)]
    assert main([*words, "--threshold", "0.875"]) == 0
    manifest = read_bundle(out).manifest
    assert manifest.labels == (*"0123456789", "none")
    assert (manifest.none_label, manifest.threshold) == ("none", 0.875), "an option is stronger than the file"
    assert manifest.artifacts[0].measured[0].worst_class != "none"
    classifier = numbre.load(out)
    assert classifier.threshold == 0.875
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert not classifier.predict(noise).recognized
    assert classifier.predict(mnist.test_images[0]).recognized


def test_a_digit_that_is_called_none_is_wrong_and_none_has_no_recall(shipped: Bundle, mnist: Mnist) -> None:
    run = run_artifact(shipped, shipped.artifact("model.int8.tflite"), mnist.test_images)[0]
    raw = np.hstack([run.raw, np.full((len(run.raw), 1), -128, np.int8)])
    scores = np.hstack([run.scores, np.zeros((len(raw), 1), np.float32)])
    labels = (*"0123456789", "none")
    truth = run.answers
    test = TestSet(mnist.test_images, truth, scores)
    raw[np.flatnonzero(truth == 3)[:5]] = [-128] * 10 + [127]
    worse = measure(Run(run.artifact, "litert", raw, scores), test, labels)
    assert worse.accuracy == 1 - 5 / len(raw)
    assert worse.worst_class == "3"
    # Where every class that has rows gets better, the worst one is still one of those.
    flipped = np.roll(scores, 1, axis=1)
    better = measure(Run(run.artifact, "litert", raw, scores), TestSet(mnist.test_images, truth, flipped), labels)
    assert better.worst_class is not None and better.worst_class != "none"
    assert better.worst_class_drop is not None and better.worst_class_drop < 0


def test_the_class_must_be_one_of_the_models(mnist: Mnist, tmp_path: Path) -> None:
    rows = tmp_path / "rows.npz"
    np.savez(rows, x=mnist.test_images[:60], y=mnist.test_labels[:60])
    source = SourceModel("model", "model.keras", "0" * 64, (28, 28), 10, "unit", ())
    with pytest.raises(DataError, match="--none-label none: is none of the labels"):
        load_data(DataOptions(None, rows, rows, None, "unit", 40, True, "none"), source)
    with pytest.raises(DataError, match="gives 10 scores, MNIST has 784 pixels and 10 classes and none of them"):
        load_data(DataOptions(None, None, None, None, None, 500, False, "none"), source)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"threshold": 2}',
        b'{"temperature": 0}',
        b'{"threshold": "high"}',
        b'{"none_label": 3}',
        b'{"other": 1}',
        b"\xff",
    ],
)
def test_a_damaged_file_beside_the_model_is_one_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ABSTENTION_FILE).write_bytes(content)
    with pytest.raises(DataError, match=r"abstention\.json: (expected|its JSON does not parse)"):
        read_abstention(tmp_path / ABSTENTION_FILE)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    for abstention in (Abstention(), Abstention("keine Ziffer", 0.5)):
        (tmp_path / ABSTENTION_FILE).write_bytes(format_abstention(abstention))
        assert read_abstention(tmp_path / ABSTENTION_FILE) == abstention
