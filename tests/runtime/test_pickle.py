"""A classifier pickles by reference to its bundle."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import numbre_runtime as numbre
from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.classifier import Classifier
from numbre_train.data import Mnist


def _labels(classifier: Classifier, images: NDArray[np.uint8]) -> list[int]:
    return [int(answer) for answer in classifier.predict_batch(images).argmax(axis=1)]


def test_another_process_gets_the_same_classifier(mnist: Mnist) -> None:
    classifier, images = numbre.load("numbre-int8", backend="numpy"), mnist.test_images[:20]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_labels, (classifier, images)) == _labels(classifier, images)
    again = pickle.loads(pickle.dumps(classifier))  # noqa: S301 - made here
    assert (again.backend, again.artifact, again.origin) == (classifier.backend, classifier.artifact, classifier.origin)


def test_another_model_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    shutil.copytree(MODELS / "numbre-int8", path)
    pickled = pickle.dumps(numbre.load(path))
    shutil.rmtree(path)
    shutil.copytree(MODELS / "digits-int8", path)
    with pytest.raises(numbre.BundleError, match="holds another model than the classifier that was pickled"):
        pickle.loads(pickled)  # noqa: S301 - made here
    shutil.rmtree(path)
    with pytest.raises(numbre.BundleError, match="no such directory"):
        pickle.loads(pickled)  # noqa: S301 - made here


def test_a_classifier_without_a_bundle_is_refused() -> None:
    loaded = numbre.load("numbre-int8")
    alone = Classifier(loaded.artifact, read_bundle(MODELS / "numbre-int8").manifest, loaded._session)
    with pytest.raises(TypeError, match="without a bundle cannot be pickled"):
        pickle.dumps(alone)
