"""Teachers and averaged weights: against NumPy and SciPy, through the command, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import entropy

from numbre_runtime.errors import DataError
from numbre_train import read_teacher
from numbre_train.averaging import WeightAverage
from numbre_train.cli import main
from numbre_train.data import Mnist, Rows
from numbre_train.distillation import TEMPERATURE, Teacher, distillation_loss
from numbre_train.fit import evaluate, fit, scores_of
from numbre_train.history import Epoch
from numbre_train.keras_engine import keras, tensorflow
from numbre_train.recipes import MODELS

LINEAR = MODELS["linear"]


@pytest.fixture(scope="module")
def rows(mnist: Mnist) -> Rows:
    return Rows(mnist.train_images[:1000], mnist.train_labels[:1000])


@pytest.fixture(scope="module")
def teacher_directory(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> Path:
    directory = tmp_path_factory.mktemp("teacher")
    model, _ = fit(dataclasses.replace(LINEAR, epochs=10, rate=1e-2), rows, None, 0, classes=10)
    model.save(directory / "model.keras")
    return directory


def test_the_loss_is_the_divergence_of_softened_scores() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (2, 7, 10))
    student, teacher = softmax(logits[0], axis=1), softmax(logits[1], axis=1)
    expected = entropy(softmax(logits[1] / TEMPERATURE, axis=1), softmax(logits[0] / TEMPERATURE, axis=1), axis=1)
    found = distillation_loss(student.astype(np.float32), teacher.astype(np.float32))
    np.testing.assert_allclose(found, TEMPERATURE**2 * expected.mean(), rtol=1e-4)
    assert abs(float(distillation_loss(teacher.astype(np.float32), teacher.astype(np.float32)))) < 1e-6


def test_scores_of_no_probability_keep_the_loss_finite() -> None:
    one, other = np.eye(10, dtype=np.float32)[[0]], np.eye(10, dtype=np.float32)[[1]]
    assert np.isfinite(float(distillation_loss(one, other)))


def test_the_average_follows_the_formula_and_includes_batch_statistics() -> None:
    layers = keras().layers
    model = keras().Sequential([layers.Input((3,)), layers.BatchNormalization(), layers.Dense(2), layers.Dropout(0.5)])
    average, begin = WeightAverage(model, 0.8), [weight.copy() for weight in model.get_weights()]
    generator, expected = np.random.default_rng(0), begin
    for step in range(60):
        weights = [generator.normal(size=weight.shape).astype(np.float32) for weight in begin]
        model.set_weights(weights)
        average.update(tensorflow().constant(step))
        kept = min(0.8, (1 + step) / (10 + step))
        expected = [kept * old + (1 - kept) * new for old, new in zip(expected, weights, strict=True)]
    with average.in_place():
        for found, wanted in zip(model.get_weights(), expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5)
    for found, wanted in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, wanted)
    average.keep()
    np.testing.assert_allclose(model.get_weights()[0], expected[0], atol=1e-5)


def test_a_training_ends_with_its_average_also_after_a_resumption(rows: Rows, tmp_path: Path) -> None:
    recipe = dataclasses.replace(LINEAR, epochs=3, averaging=0.9, constant_rate=True)

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    last_step, _ = fit(dataclasses.replace(recipe, averaging=0.0), rows, rows, 1, classes=10)
    whole, epochs = fit(recipe, rows, rows, 1, classes=10)
    assert evaluate(whole, rows, raw_pixels=False)[0] == epochs[-1].validation_loss
    assert not np.allclose(whole.get_weights()[0], last_step.get_weights()[0], atol=1e-4)
    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, rows, rows, 1, classes=10, checkpoint=checkpoint, on_epoch=stop)
    resumed, _ = fit(recipe, rows, rows, 1, classes=10, checkpoint=checkpoint, resume=True)
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("raw_pixels", [False, True])
def test_a_student_takes_over_what_only_its_teacher_knows(
    raw_pixels: bool, rows: Rows, teacher_directory: Path
) -> None:
    """Every label is wrong, so that a student that agrees with its teacher has it from there."""
    teacher = read_teacher([teacher_directory, teacher_directory], 10)
    wrong = Rows(rows.images, (rows.labels + 5) % 10)
    recipe = dataclasses.replace(LINEAR, epochs=10, rate=1e-2 if not raw_pixels else 4e-5, raw_pixels=raw_pixels)
    answers = scores_of(teacher.models[0], rows.images, raw_pixels=False)
    alone, _ = fit(recipe, wrong, None, 0, classes=10)
    taught, _ = fit(recipe, wrong, None, 0, classes=10, teacher=teacher)

    def right(model: Any) -> float:
        return float(scores_of(model, rows.images, raw_pixels)[np.arange(len(rows)), answers.argmax(axis=1)].mean())

    assert right(taught) > right(alone) + 0.2


def test_a_teacher_that_takes_raw_pixels_sees_raw_pixels(rows: Rows) -> None:
    pixels = rows.images[:5].astype(np.float32) / 255
    networks = [LINEAR.network.build(raw, 3, 10) for raw in (False, True)]
    for network in networks:
        network.set_weights([np.random.default_rng(1).normal(0, 0.01, w.shape) for w in network.get_weights()])
    found = Teacher(tuple(networks), ("", "")).scores(pixels)
    expected = (
        np.asarray(networks[0](pixels.reshape(5, -1))) + np.asarray(networks[1](pixels.reshape(5, -1) * 255))
    ) / 2
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_command_writes_which_teachers_it_had(teacher_directory: Path, tmp_path: Path) -> None:
    generator, table = np.random.default_rng(0), tmp_path / "rows.csv"
    lines = [",".join(map(str, (row % 10, *generator.integers(0, 256, 784)))) for row in range(200)]
    table.write_text("\n".join(lines) + "\n")
    words = ["--model", "linear", "--epochs", "1", "--data", str(table), "--out", str(tmp_path / "student")]
    assert main([*words, "--teacher", str(teacher_directory)]) == 0
    metrics = json.loads((tmp_path / "student" / "metrics.json").read_text())
    assert metrics["teacher"] == list(read_teacher([teacher_directory], 10).sha256)


def test_what_is_no_teacher_is_refused(
    teacher_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="expected pictures 28×28 and 3 scores"):
        read_teacher([teacher_directory], 3)
    layers = keras().layers
    keras().Sequential([layers.Input((28, 28)), layers.Flatten(), layers.Dense(10)]).save(tmp_path / "model.keras")
    with pytest.raises(DataError, match="sum up to 0; expected a model that ends in a softmax"):
        read_teacher([tmp_path], 10)
    (tmp_path / "model.keras").write_bytes((teacher_directory / "model.keras").read_bytes()[:500])
    with pytest.raises(DataError, match="not a readable Keras model"):
        read_teacher([tmp_path], 10)
    assert main(["--teacher", str(tmp_path / "missing"), "--out", str(tmp_path / "out")]) == 2
    assert "missing/model.keras" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
