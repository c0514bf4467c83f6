"""Distances of confidences, against SciPy; and the baselines of the bundles that ship, against their own answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

import numbre_runtime as numbre
from numbre_runtime.bundle import MODELS, read_bundle
from numbre_runtime.drift import baseline, confidence_histogram, confidences, histogram_distance
from numbre_train.data import Mnist


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        first, second = (random.integers(0, 20, random.integers(1, 300)) for _ in range(2))
        counted = (np.bincount(values, minlength=20) for values in (first, second))
        assert histogram_distance(*counted) == pytest.approx(ks_2samp(first, second).statistic, abs=1e-12)


def test_bins_are_equal_and_take_both_ends() -> None:
    assert confidence_histogram(np.array([0.0, 0.049, 0.05, 0.5, 0.999, 1.0])).tolist() == [
        *(2, 1, 0, 0, 0, 0, 0, 0, 0, 0),
        *(1, 0, 0, 0, 0, 0, 0, 0, 0, 2),
    ]


@pytest.mark.parametrize("name", ["digits-int8", "numbre-int8"])
def test_shipped_bundles_carry_the_baseline_of_mnist(name: str, mnist: Mnist) -> None:
    manifest = read_bundle(MODELS / name).manifest
    answered = numbre.load(name).predict_batch(mnist.test_images)
    assert manifest.baseline == baseline(mnist.test_images, answered, manifest)
    answers = [numbre.load(name).predict(image) for image in mnist.test_images[:200]]
    np.testing.assert_allclose(confidences(answered[:200], manifest), [item.confidence for item in answers], rtol=1e-6)
    turned_away = (confidences(answered, manifest) < manifest.threshold).mean()
    assert manifest.baseline is not None
    assert manifest.baseline.rejected == turned_away


def test_other_inputs_are_far_from_the_baseline(mnist: Mnist) -> None:
    classifier = numbre.load("numbre-int8")
    assert classifier.manifest.baseline is not None
    expected = np.array(classifier.manifest.baseline.confidence_histogram)
    for rows, low, high in ((mnist.test_images[:2000], 0.0, 0.04), (255 - mnist.test_images[:2000], 0.2, 1.0)):
        values = confidences(classifier.predict_batch(rows), classifier.manifest)
        assert low <= histogram_distance(confidence_histogram(values), expected) <= high
