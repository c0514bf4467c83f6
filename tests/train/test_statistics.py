"""The paired test and Holm's correction, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from numbre_runtime.measures import mcnemar_p
from numbre_train.compare.statistics import holm, paired_test


def test_paired_test_counts_only_discordant_rows() -> None:
    first = np.array([True] * 90 + [True] * 6 + [False] * 2 + [False] * 2)
    second = np.array([True] * 90 + [False] * 6 + [True] * 2 + [False] * 2)
    result = paired_test(first, second)
    assert (result.only_first, result.only_second) == (6, 2)
    assert result.difference == pytest.approx(0.04)
    assert result.p == pytest.approx(mcnemar_p(6, 2))
    # By hand, with half a row in every cell: (6.5 − 2.5) / 102 ± 1.96 · sqrt(9 − 16 / 102) / 102.
    assert [result.low, result.high] == pytest.approx([-0.017930, 0.096361], abs=1e-5)
    same = paired_test(first, first)
    assert (same.difference, same.p) == (0.0, 1.0)
    assert same.low < 0 < same.high


def test_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Drawn 2,000 times from known chances, the 95% interval holds the true difference in 93% to 98%."""
    generator = np.random.default_rng(0)
    kinds = generator.choice(4, (2000, 500), p=[0.9, 0.05, 0.02, 0.03])
    held = 0
    for row in kinds:
        result = paired_test((row == 0) | (row == 1), (row == 0) | (row == 2))
        held += result.low <= 0.03 <= result.high
    assert 0.93 <= held / 2000 <= 0.98


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
