"""The gate's figures against independent ones: scipy, scikit-learn, and counts done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import recall_score

from numbre_export.verify.statistics import calibration_error, recall_drops, wilson_interval


@pytest.mark.parametrize(("right", "count"), [(9851, 10_000), (0, 7), (7, 7), (1, 2)])
def test_interval_is_scipys_wilson_interval(right: int, count: int) -> None:
    reference = binomtest(right, count).proportion_ci(0.95, method="wilson")
    assert wilson_interval(right, count) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_recall_drops_are_scikit_learns_recalls() -> None:
    generator = np.random.default_rng(1)
    labels, before, after = generator.integers(0, 4, (3, 500))
    reference = recall_score(labels, before, average=None) - recall_score(labels, after, average=None)
    assert recall_drops(labels, before, after, 4) == pytest.approx(reference)
    assert recall_drops(labels, before, after, 6)[4:].tolist() == [0, 0]


def test_calibration_error_of_known_cases() -> None:
    sure = np.tile([1.0, 0.0], (10, 1))
    assert calibration_error(np.zeros(10, int), sure) == 0
    assert calibration_error(np.ones(10, int), sure) == 1
    # Ten rows at 0.8 of which five are right: |0.5 − 0.8|.
    cautious = np.tile([0.8, 0.2], (10, 1))
    assert calibration_error(np.array([0, 1] * 5), cautious) == pytest.approx(0.3)
