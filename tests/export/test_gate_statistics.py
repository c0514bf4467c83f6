"""The gate's figures against independent ones: scipy, scikit-learn, and counts done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import recall_score

from numbre_export.verify.statistics import (
    calibration_error,
    holm,
    recall_drops,
    rows_needed,
    smallest_loss_shown,
    wilson_interval,
)
from numbre_runtime.measures import mcnemar_p


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


def test_power_is_that_of_the_simulated_test() -> None:
    """As often as said, a loss of that size makes the paired test significant."""
    rows, generator = 500, np.random.default_rng(0)
    loss = smallest_loss_shown(rows)
    worse = generator.poisson(loss * rows, 20_000)
    shown = np.mean([mcnemar_p(int(count), 0) < 0.05 for count in worse])
    assert shown == pytest.approx(0.8, abs=0.01)
    assert smallest_loss_shown(rows, better=3) > loss


@pytest.mark.parametrize(("loss", "rows"), [(0.001, 2995), (0.005, 598), (0.05, 59), (0, 0), (1, 0)])
def test_rows_needed(loss: float, rows: int) -> None:
    assert rows_needed(loss) == rows
    if rows:
        assert (1 - loss) ** rows <= 0.05 < (1 - loss) ** (rows - 1)


def test_holm_keeps_order_and_never_lowers() -> None:
    assert holm([]) == []
    assert holm([0.5]) == [0.5]
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
