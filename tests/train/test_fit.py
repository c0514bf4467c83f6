"""Training itself, on a few thousand real rows: it learns, repeats itself, resumes and notices divergence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numbre_runtime.errors import DataError
from numbre_train.data import Mnist, Rows
from numbre_train.fit import DivergedError, evaluate, fit, scores_of
from numbre_train.history import Epoch
from numbre_train.metrics import confusion_matrix, recalls
from numbre_train.networks import LINEAR, NUMBRE, PARAMETERS
from numbre_train.recipes import RECIPES

SHORT = dataclasses.replace(RECIPES["best"], epochs=3)


@pytest.fixture(scope="module")
def rows(mnist: Mnist) -> Rows:
    return Rows(mnist.train_images[:3000], mnist.train_labels[:3000])


@pytest.fixture(scope="module")
def validation(mnist: Mnist) -> Rows:
    return Rows(mnist.train_images[-1000:], mnist.train_labels[-1000:])


@pytest.fixture(scope="module")
def trained(rows: Rows, validation: Rows) -> tuple[Any, list[Epoch]]:
    return fit(SHORT, rows, validation, seed=1, classes=10)


def _without_times(epochs: list[Epoch]) -> list[Epoch]:
    return [dataclasses.replace(epoch, seconds=0) for epoch in epochs]


def test_the_network_is_the_promised_one() -> None:
    model = NUMBRE.build(raw_pixels=False, seed=0, classes=10)
    assert model.count_params() == PARAMETERS == 106_391
    assert [layer.units for layer in model.layers] == [25, 256, 300, 10]
    assert [layer.activation.__name__ for layer in model.layers] == ["relu", "relu", "relu", "softmax"]
    assert model.layers[0].get_weights()[1].any() == np.False_


def test_it_learns(trained: tuple[Any, list[Epoch]], validation: Rows) -> None:
    model, epochs = trained
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].validation_accuracy is not None
    assert epochs[-1].validation_accuracy > 0.75
    assert evaluate(model, validation, raw_pixels=False) == (
        epochs[-1].validation_loss,
        epochs[-1].validation_accuracy,
    )


def test_the_same_seed_gives_the_same_weights_bit_for_bit(
    trained: tuple[Any, list[Epoch]], rows: Rows, validation: Rows
) -> None:
    again, epochs = fit(SHORT, rows, validation, seed=1, classes=10)
    for one, two in zip(trained[0].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert _without_times(epochs) == _without_times(trained[1])
    other, _ = fit(dataclasses.replace(SHORT, epochs=1), rows, None, seed=2, classes=10)
    assert not np.array_equal(other.get_weights()[0], again.get_weights()[0])


class _StopError(Exception):
    pass


def _interrupted(rows: Rows, validation: Rows, checkpoint: Path) -> None:
    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise _StopError

    with pytest.raises(_StopError):
        fit(SHORT, rows, validation, seed=1, classes=10, checkpoint=checkpoint, on_epoch=stop)


def test_a_resumed_training_ends_with_the_same_weights(
    trained: tuple[Any, list[Epoch]], rows: Rows, validation: Rows, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    _interrupted(rows, validation, checkpoint)
    seen: list[int] = []
    model, epochs = fit(
        SHORT,
        rows,
        validation,
        1,
        10,
        checkpoint=checkpoint,
        resume=True,
        on_epoch=lambda epoch: seen.append(epoch.epoch),
    )
    assert seen == [3]
    assert _without_times(epochs) == _without_times(trained[1])
    for one, two in zip(trained[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_only_the_right_checkpoint_is_resumed(rows: Rows, validation: Rows, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    with pytest.raises(DataError, match="nothing to resume"):
        fit(SHORT, rows, None, 1, 10, checkpoint=checkpoint, resume=True)
    _interrupted(rows, validation, checkpoint)
    with pytest.raises(DataError, match="of another training"):
        fit(SHORT, rows, validation, seed=2, classes=10, checkpoint=checkpoint, resume=True)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(DataError, match="not a readable npz file"):
        fit(SHORT, rows, validation, seed=1, classes=10, checkpoint=checkpoint, resume=True)


def test_divergence_is_an_error(rows: Rows) -> None:
    # Without hidden units that may die and hide it.
    wild = dataclasses.replace(RECIPES["plain"], network=LINEAR, rate=1e38, epochs=2)
    with pytest.raises(DivergedError, match="diverged, no model is written"):
        fit(wild, rows, None, seed=0, classes=10)


def test_kernels_decay_and_biases_do_not(rows: Rows) -> None:
    """One step: the gradients are the same, so whatever differs has decayed."""
    few = Rows(rows.images[:50], rows.labels[:50])
    after = []
    for decay in (0.0, 0.5):
        recipe = dataclasses.replace(SHORT, network=LINEAR, epochs=1, batch=50, weight_decay=decay, constant_rate=True)
        model = LINEAR.build(raw_pixels=False, seed=0, classes=10)
        model.set_weights([np.ones((784, 10)), np.ones(10)])
        after.append(fit(recipe, few, None, seed=1, classes=10, model=model)[0].get_weights())
    (kernel, bias), (decayed, kept) = after
    np.testing.assert_array_equal(kept, bias)
    np.testing.assert_allclose(kernel - decayed, 0.5 * SHORT.rate, rtol=1e-2)


def test_smoothed_labels_spread_their_share_over_all_classes(rows: Rows) -> None:
    """Ten pictures that a linear classifier tells apart: the scores end at the smoothed labels themselves."""
    first = np.array([int((rows.labels == digit).argmax()) for digit in range(10)])
    ten = Rows(rows.images[first], rows.labels[first])
    recipe = dataclasses.replace(
        SHORT, network=LINEAR, epochs=200, rate=0.02, batch=10, weight_decay=0.0, augmentation=None, label_smoothing=0.3
    )
    model, _ = fit(recipe, ten, None, seed=1, classes=10)
    scores = scores_of(model, ten.images, raw_pixels=False)
    np.testing.assert_allclose(scores, np.eye(10) * 0.7 + 0.03, atol=5e-3)


def test_metrics_against_plain_counting() -> None:
    labels = np.array([0, 0, 1, 2, 2, 2], np.uint8)
    answers = np.array([0, 1, 1, 2, 2, 0])
    matrix = confusion_matrix(labels, answers, classes=3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert recalls(matrix).tolist() == [0.5, 1.0, 2 / 3]
