"""The small convolutional network: what it is, that it learns, repeats itself and resumes with its statistics."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from numbre_train.data import Mnist, Rows
from numbre_train.fit import evaluate, fit
from numbre_train.history import Epoch
from numbre_train.networks import MICRO, SMALL
from numbre_train.recipes import MODELS

SHORT = dataclasses.replace(MODELS["small"], epochs=3)


@pytest.mark.parametrize("classes", [10, 11])
def test_it_is_small_and_takes_pictures(classes: int) -> None:
    model = SMALL.build(False, 3, classes)
    assert model.count_params() <= 15_000
    assert (model.input_shape, model.output_shape) == ((None, 28, 28, 1), (None, classes))
    assert model.inputs[0].name == "pixels_0_1"
    names = [type(layer).__name__ for layer in model.layers]
    assert names.count("Conv2D") == 5 and names.count("BatchNormalization") == 6 and names.count("MaxPooling2D") == 2
    assert model.get_layer("overview").output.shape == (None, 1, 1, 24)
    scores = np.asarray(model(np.random.default_rng(0).random((3, 28, 28, 1), np.float32)))
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-5)
    again = SMALL.build(False, 3, classes)
    for one, two in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_micro_holds_its_weights_and_biases_in_6000_bytes() -> None:
    model = MICRO.build(raw_pixels=False, seed=0, classes=10)
    kernels = [layer for layer in model.layers if hasattr(layer, "kernel")]
    # Folded, each kernel has an int8 for each weight and an int32 bias for each channel of its output.
    stored = sum(layer.kernel.numpy().size + 4 * layer.output.shape[-1] for layer in kernels)
    assert stored <= 6000
    assert model.get_layer("overview").output.shape == (None, 1, 1, 17)


def test_it_learns_and_a_resumed_training_ends_the_same(mnist: Mnist, tmp_path: Path) -> None:
    rows = Rows(mnist.train_images[:2000], mnist.train_labels[:2000])
    validation = Rows(mnist.train_images[-1000:], mnist.train_labels[-1000:])
    checkpoint = tmp_path / "checkpoint.npz"

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    whole, epochs = fit(SHORT, rows, validation, 1, classes=11)
    with pytest.raises(KeyboardInterrupt):
        fit(SHORT, rows, validation, 1, checkpoint=checkpoint, on_epoch=stop, classes=11)
    resumed, _ = fit(SHORT, rows, validation, 1, checkpoint=checkpoint, resume=True, classes=11)
    assert whole.output_shape == (None, 11)
    assert evaluate(whole, validation, raw_pixels=False)[1] == epochs[-1].validation_accuracy
    assert epochs[-1].validation_accuracy is not None
    assert epochs[-1].validation_accuracy > 0.9
    # A moving variance still at its initial 1 would mean that batches were never taken note of.
    assert not np.any(whole.get_layer("normalization_3").moving_variance.numpy() == 1)
    for one, two in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
