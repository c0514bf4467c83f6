"""The shared figures of scores against SciPy, scikit-learn, and every sequence of coin tosses."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import log_loss as sklearn_log_loss

from numbre_runtime.measures import log_loss, mcnemar_p


@pytest.mark.parametrize(
    ("only_first", "only_second"), [(0, 0), (1, 0), (4, 6), (30, 9), (0, 12), (2000, 1500), (5000, 4900)]
)
def test_mcnemars_test_is_scipys_exact_binomial_test(only_first: int, only_second: int) -> None:
    rows = only_first + only_second
    reference = binomtest(only_first, rows).pvalue if rows else 1.0
    assert mcnemar_p(only_first, only_second) == pytest.approx(reference, rel=1e-9)
    assert mcnemar_p(only_second, only_first) == mcnemar_p(only_first, only_second)


@pytest.mark.parametrize(("b", "c"), [(1, 0), (3, 3), (10, 2), (0, 12)])
def test_p_is_the_share_of_coin_tosses_at_least_as_uneven(b: int, c: int) -> None:
    heads = [sum(coins) for coins in itertools.product((0, 1), repeat=b + c)]
    share = sum(abs(2 * count - b - c) >= abs(b - c) for count in heads) / len(heads)
    assert mcnemar_p(b, c) == pytest.approx(share, rel=1e-12)


def test_p_of_many_rows_underflows_to_zero_without_an_error() -> None:
    assert mcnemar_p(10_000, 0) == 0.0


def test_log_loss_is_scikit_learns() -> None:
    generator = np.random.default_rng(2)
    scores = generator.dirichlet(np.ones(5), 200)
    labels = generator.integers(0, 5, 200)
    assert log_loss(labels, scores) == pytest.approx(sklearn_log_loss(labels, scores), rel=1e-9)


def test_log_loss_of_a_score_of_zero_is_keras_s() -> None:
    # keras.losses.SparseCategoricalCrossentropy clips at 1e-7: 16.1181 for a score of 0.
    assert log_loss(np.array([0]), np.array([[0.0, 1.0]], np.float32)) == pytest.approx(-math.log(1e-7), rel=1e-12)
