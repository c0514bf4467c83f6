"""The NUMBRE network that ships in the runtime keeps its promise."""

from __future__ import annotations

import hashlib

import pytest

import numbre_runtime as numbre
from numbre_runtime.bundle import Bundle
from numbre_train.data import Mnist


def test_its_hashes_are_those_of_its_files(shipped: Bundle) -> None:
    for entry in shipped.manifest.entries:
        assert hashlib.sha256((shipped.path / entry.file).read_bytes()).hexdigest() == entry.sha256


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.int8.onnx", "model.float32.tflite", "model.float32.onnx"])
def test_its_accuracy_is_the_stated_one(file: str, shipped: Bundle, mnist: Mnist) -> None:
    answers = numbre.load("numbre-int8", artifact=file).predict_batch(mnist.test_images).argmax(axis=1)
    measured = (answers == mnist.test_labels).mean()
    assert measured >= 0.989
    # Another processor may round a handful of the 10,000 otherwise.
    assert measured == pytest.approx(shipped.artifact(file).measured[0].accuracy, abs=2e-4)
