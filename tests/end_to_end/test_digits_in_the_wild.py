"""The shipped model for digits in the wild: MNIST as well as photos, and what is no digit is not recognized."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import interpreter
from numpy.typing import NDArray
from sklearn.datasets import load_digits

import numbre_runtime as numbre
from numbre_export.verify.targets import parse_target, reasons_against
from numbre_runtime.bundle import Bundle, bundle_path, read_bundle
from numbre_runtime.pictures.digit import from_grey
from numbre_train.data import Mnist, Rows, split_rows
from numbre_train.wild.generator import NONE, wild_rows

NAME = "digits-int8"
INT8 = ("model.int8.tflite", "model.int8.onnx")
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle, by its name."""
    return read_bundle(bundle_path(NAME))


@pytest.fixture(scope="module")
def unseen(mnist: Mnist) -> Rows:
    """Copies of validation digits and things that are none, of fonts and a seed that training has not seen."""
    rows = split_rows().validation[:200]
    return wild_rows(Rows(mnist.train_images[rows], mnist.train_labels[rows]), 2.0, 20_261_123, validation=True)


def test_it_is_small_and_has_a_class_for_none(bundle: Bundle) -> None:
    assert bundle.manifest.labels == (*"0123456789", "none")
    assert bundle.manifest.none_label == "none"
    assert 0.2 < bundle.manifest.threshold < 0.9
    assert bundle.artifact("model.int8.tflite").bytes < 40_000


def test_it_is_made_of_the_model_kept_with_the_tests(bundle: Bundle) -> None:
    asset = (ROOT / "tests" / "assets" / "digits.keras").read_bytes()
    assert bundle.manifest.provenance["model"]["sha256"] == hashlib.sha256(asset).hexdigest()


@pytest.mark.parametrize("file", INT8)
def test_mnist(file: str, bundle: Bundle, mnist: Mnist) -> None:
    scores = numbre.load(NAME, artifact=file).predict_batch(mnist.test_images)
    accuracy = (scores.argmax(axis=1) == mnist.test_labels).mean()
    assert accuracy >= 0.994
    assert accuracy == pytest.approx(bundle.artifact(file).measured[0].accuracy, abs=2e-4)
    assert _recognized(scores, bundle).mean() >= 0.99


def _recognized(scores: NDArray[np.float32], bundle: Bundle) -> NDArray[np.bool_]:
    recognized: NDArray[np.bool_] = scores[:, :NONE].max(axis=1) >= bundle.manifest.threshold
    return recognized


@pytest.mark.parametrize("file", INT8)
def test_what_it_has_not_seen(file: str, bundle: Bundle, unseen: Rows) -> None:
    scores = numbre.load(NAME, artifact=file).predict_batch(unseen.images)
    digits = unseen.labels < NONE
    assert (scores[digits, :NONE].argmax(axis=1) == unseen.labels[digits]).mean() > 0.87
    assert _recognized(scores[~digits], bundle).mean() < 0.12


def test_digits_of_eight_pixels() -> None:
    """The 1,797 optdigits of scikit-learn, which training has never seen."""
    data = load_digits()
    images = np.array([from_grey((image * (255 / 16)).astype(np.uint8))[0] for image in data.images])
    scores = numbre.load(NAME).predict_batch(images)
    assert (scores[:, :NONE].argmax(axis=1) == data.target).mean() > 0.94


@pytest.mark.parametrize(("target", "artifact"), [("tflite-runtime==2.14", INT8[0]), ("onnxruntime==1.7", INT8[1])])
def test_older_runtimes_have_its_operators(target: str, artifact: str, bundle: Bundle) -> None:
    found = parse_target(target)
    assert reasons_against(bundle.contents[artifact], found.format, found) == []


def test_samples_are_read() -> None:
    classifier = numbre.load(NAME)
    for path in sorted((ROOT / "samples").glob("*.png")):
        answer = classifier.predict(path)
        assert (answer.label, answer.recognized) == (path.stem.split("_")[1], True)


def test_numpy_computes_it_as_litert_does(bundle: Bundle, mnist: Mnist, unseen: Rows) -> None:
    images = np.concatenate([mnist.test_images[:1000], unseen.images])
    ours = numbre.load(NAME, backend="numpy").predict_raw(images)
    engine = interpreter.Interpreter(
        model_content=bundle.contents["model.int8.tflite"],
        num_threads=1,
        experimental_op_resolver_type=interpreter.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    source, output = engine.get_input_details()[0], engine.get_output_details()[0]["index"]
    engine.resize_tensor_input(source["index"], [len(images), *source["shape"][1:]])
    engine.allocate_tensors()
    engine.set_tensor(source["index"], (images ^ 128).view(np.int8).reshape(len(images), *source["shape"][1:]))
    engine.invoke()
    theirs = engine.get_tensor(output)
    # On x86-64 LiteRT computes the softmax in float32, and its rounding may differ from whole numbers' by one step.
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1)
    assert (ours != theirs).mean() <= 1e-3
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.argmax(axis=1))
