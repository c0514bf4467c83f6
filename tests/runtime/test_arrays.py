"""What `predict` and `predict_batch` take as arrays, and what they leave alone."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import numbre_runtime as numbre
from conftest import ROOT
from numbre_runtime.backends.base import BATCH
from numbre_train.data import Mnist


@pytest.fixture(scope="module", params=["model.int8.tflite", "model.int8.onnx", "model.float32.tflite"])
def classifier(request: pytest.FixtureRequest) -> numbre.Classifier:
    return numbre.load(artifact=request.param)


def _forms(image: NDArray[np.uint8]) -> list[NDArray[Any]]:
    unit = image / 255
    return [
        image,
        image.reshape(784),
        image.reshape(28, 28, 1),
        image[None],
        image.reshape(1, 784),
        image.reshape(1, 28, 28, 1),
        np.asfortranarray(image),
        unit,
        unit.astype(np.float32),
        unit.reshape(1, 784),
    ]


def test_every_form_of_an_image_gets_the_same_scores(classifier: numbre.Classifier, mnist: Mnist) -> None:
    image = mnist.test_images[3]
    expected = classifier.predict(image)
    for form in _forms(image):
        prediction = classifier.predict(form)
        assert prediction.label == expected.label
        np.testing.assert_allclose(prediction.scores, expected.scores, atol=1e-6)


def test_prediction_is_consistent(classifier: numbre.Classifier, mnist: Mnist) -> None:
    prediction = classifier.predict(mnist.test_images[0])
    assert prediction.label == "7"
    assert prediction.scores.shape == (len(classifier.labels),)
    assert prediction.scores.dtype == np.float32
    assert prediction.confidence == prediction.scores.max() == prediction.scores[7]


@pytest.mark.parametrize("count", [0, 1, 2, 17, BATCH, BATCH + 1, 2 * BATCH + 100])
def test_batch_gives_what_single_images_give(classifier: numbre.Classifier, mnist: Mnist, count: int) -> None:
    images = mnist.test_images[:count]
    batch = classifier.predict_batch(images)
    assert batch.shape == (count, len(classifier.labels))
    assert batch.dtype == np.float32
    for index in range(0, count, 37):
        np.testing.assert_allclose(batch[index], classifier.predict(images[index]).scores, atol=1e-6)


@pytest.mark.parametrize("shape", [(-1, 784), (-1, 28, 28, 1)])
def test_batch_takes_every_form(classifier: numbre.Classifier, mnist: Mnist, shape: tuple[int, ...]) -> None:
    images = mnist.test_images[:20]
    expected = classifier.predict_batch(images)
    np.testing.assert_array_equal(classifier.predict_batch(images.reshape(shape)), expected)
    np.testing.assert_allclose(classifier.predict_batch((images / 255).reshape(shape)), expected, atol=1e-6)
    np.testing.assert_array_equal(classifier.predict_batch(list(images)), expected)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((27, 28), np.float32), r"shape \(27, 28\); expected \(28, 28\)"),
        (np.zeros((28, 28, 3), np.float32), r"shape \(28, 28, 3\)"),
        (np.zeros(783, np.uint8), r"shape \(783,\)"),
        (np.zeros((), np.uint8), r"shape \(\)"),
        (np.zeros((28, 28), np.int64), "array of int64; expected uint8"),
        (np.zeros((28, 28), np.bool_), "array of bool"),
        (np.zeros((28, 28), np.complex128), "array of complex128"),
        (np.full((28, 28), "a"), "array of <U1"),
        (np.full((28, 28), np.nan), "NaN or infinite"),
        (np.full((28, 28), np.inf), "NaN or infinite"),
        (np.full((28, 28), 255.0), "values from 255 to 255; expected 0 to 1"),
        (np.full((28, 28), -0.01), "values from -0.01"),
        (np.zeros((2, 28, 28), np.uint8), "2 images; predict takes one"),
        (np.zeros((0, 28, 28), np.uint8), "0 images; predict takes one"),
    ],
)
def test_other_arrays_are_refused_with_the_reason(array: NDArray[Any], reason: str) -> None:
    with pytest.raises(numbre.ImageError, match=reason):
        numbre.load().predict(array)


def test_batch_refuses_a_single_image() -> None:
    with pytest.raises(numbre.ImageError, match="predict takes one image, predict_batch many"):
        numbre.load().predict_batch(np.zeros((28, 28), np.uint8))


def test_bytes_and_binary_files_are_pictures_like_any() -> None:
    classifier, path = numbre.load(), ROOT / "samples" / "paper_3.png"
    expected = classifier.predict(path)
    for picture in (path.read_bytes(), io.BytesIO(path.read_bytes()), bytearray(path.read_bytes())):
        answer = classifier.predict(picture)
        assert (answer.label, answer.found) == ("3", expected.found)
    with path.open("rb") as stream:
        assert classifier.predict(stream).label == "3"
    with pytest.raises(numbre.ImageError, match="no picture in a known format"):
        classifier.predict(b"")
    with pytest.raises(numbre.ImageError, match="predict takes one image, predict_batch many"):
        classifier.predict_batch(path.read_bytes())  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_an_array_of_a_photo_is_a_picture(mode: str) -> None:
    with Image.open(ROOT / "samples" / "paper_3.png") as picture:
        pixels = np.asarray(picture.convert(mode))
    answer, expected = numbre.load().predict(pixels), numbre.load().predict(ROOT / "samples" / "paper_3.png")
    assert (answer.label, answer.found) == (expected.label, expected.found)
    np.testing.assert_array_equal(numbre.load().predict_batch([pixels])[0], answer.scores)


@pytest.mark.parametrize("shape", [(5, 5, 5), (2, 784), (3, 28, 28), (0, 5)])
def test_an_array_that_is_neither_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(numbre.ImageError):
        numbre.load().predict(np.zeros(shape, np.uint8))


def test_something_that_is_no_image_is_refused() -> None:
    with pytest.raises(
        numbre.ImageError, match="a dict; expected an array, a path, bytes, a binary file or a PIL image"
    ):
        numbre.load().predict({})  # type: ignore[arg-type]


def test_the_callers_array_is_never_changed(classifier: numbre.Classifier, mnist: Mnist) -> None:
    for form in _forms(mnist.test_images[5].copy()):
        before = form.copy()
        form.flags.writeable = False
        classifier.predict(form)
        np.testing.assert_array_equal(form, before)


def test_a_result_survives_the_next_call(classifier: numbre.Classifier, mnist: Mnist) -> None:
    first = classifier.predict(mnist.test_images[0])
    many = classifier.predict_batch(mnist.test_images[:300])
    kept, kept_many = first.scores.copy(), many.copy()
    classifier.predict(mnist.test_images[1])
    classifier.predict_batch(mnist.test_images[300:600])
    np.testing.assert_array_equal(first.scores, kept)
    np.testing.assert_array_equal(many, kept_many)


def test_one_classifier_serves_many_threads(classifier: numbre.Classifier, mnist: Mnist) -> None:
    images = mnist.test_images[:400]
    expected = [classifier.predict(image).label for image in images]
    batch = classifier.predict_batch(images)
    with ThreadPoolExecutor(8) as pool:
        batches = pool.map(lambda _: classifier.predict_batch(images), range(4))
        labels = list(pool.map(lambda image: classifier.predict(image).label, images))
        assert labels == expected
        for result in batches:
            np.testing.assert_allclose(result, batch, atol=1e-6)


def test_pixels_and_floats_may_stand_in_one_list(classifier: numbre.Classifier, mnist: Mnist) -> None:
    pixels = list(mnist.test_images[:6])
    mixed = [image if index % 2 else image / 255 for index, image in enumerate(pixels)]
    np.testing.assert_allclose(classifier.predict_batch(mixed), classifier.predict_batch(pixels), atol=1e-6)


@pytest.mark.parametrize("images", [np.zeros((28, 28, 1), np.uint8), "digit.png", None, [np.zeros((3, 28, 28))]])
def test_batch_refuses_what_is_no_batch(images: Any) -> None:
    with pytest.raises(numbre.ImageError, match="predict takes one"):
        numbre.load().predict_batch(images)
