"""The recipe for digits in the wild: which rows it gets, what it leaves beside the model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from numbre_runtime.errors import DataError
from numbre_train.cli import main
from numbre_train.data import Dataset, Mnist, Rows, Split
from numbre_train.data.abstention import ABSTENTION_FILE, read_abstention
from numbre_train.data.classes import DIGITS, LABELS_FILE, read_labels
from numbre_train.recipes import MODELS, WILD
from numbre_train.results import write_training
from numbre_train.training import train
from numbre_train.wild.generator import NONE, NONE_LABEL
from numbre_train.wild.in_the_wild import in_the_wild
from numbre_train.wild.threshold import threshold_for


@pytest.fixture(scope="module")
def few(mnist: Mnist) -> Dataset:
    """A data set of a few digits."""
    split = Split(np.arange(0, 300), np.arange(300, 400))
    train_rows = Rows(mnist.train_images[:400], mnist.train_labels[:400])
    test = Rows(mnist.test_images[:200], mnist.test_labels[:200])
    return Dataset(train_rows, split, test, "few", "few test rows", "0" * 64, DIGITS)


def test_copies_are_made_of_fitting_rows_alone_and_only_fitted(few: Dataset) -> None:
    data = in_the_wild(few, 7)
    assert data.labels == (*"0123456789", NONE_LABEL)
    assert np.array_equal(data.validation.images, few.validation.images)
    assert data.test is few.test
    assert len(data.fit) == 300 + 100 + 80
    assert np.array_equal(data.fit.images[:300], few.fit.images)
    assert (data.fit.labels == NONE).sum() == 80
    assert not set(data.split.fit) & set(data.split.validation)
    with pytest.raises(DataError, match=r"classes a, b, c, …; the recipe wild is for digits"):
        in_the_wild(dataclasses.replace(few, labels=("a", "b", "c")), 7)


def test_a_training_leaves_its_threshold_beside_the_model(few: Dataset, tmp_path: Path) -> None:
    recipe = dataclasses.replace(WILD, epochs=1)
    training = train(recipe, few, 7)
    assert training.scores.shape == (200, 11)
    figures = write_training(training, tmp_path)
    assert figures["data"]["fit_rows"] == 480
    found = read_abstention(tmp_path / ABSTENTION_FILE)
    assert found.none_label == NONE_LABEL == read_labels(tmp_path / LABELS_FILE)[-1]
    assert 0 <= found.threshold <= 1
    assert json.loads((tmp_path / "metrics.json").read_text())["recipe"]["wild"] is True
    tame = train(dataclasses.replace(MODELS["small"], epochs=1), few, 0)
    write_training(tame, tmp_path)
    assert not (tmp_path / ABSTENTION_FILE).exists()


def test_a_threshold_keeps_the_share_that_is_asked_for() -> None:
    confidences = np.random.default_rng(0).uniform(0.3, 1, 1000)
    scores = np.zeros((1000, 11))
    scores[np.arange(1000), np.arange(1000) % 10] = confidences
    # What counts is the best digit, whatever none has.
    scores[:, NONE] = 0.99
    for kept in (1.0, 0.993, 0.9, 0.5):
        threshold = threshold_for(scores, kept)
        assert threshold == round(threshold, 3)
        assert (confidences >= threshold).mean() >= kept
        assert (confidences >= threshold + 2 / 256).mean() < kept + 0.005


def test_the_recipe_is_the_small_network_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--recipe", "wild"]) == 2
    assert "--recipe wild is for --model small" in capsys.readouterr().err
    assert main(["--model", "small", "--recipe", "best"]) == 2
    assert "--recipe best is for --model numbre" in capsys.readouterr().err
