"""How sure an answer is: the temperature by which logits are divided, so that confidences are shares of right answers.

Guo et al., "On calibration of modern neural networks", 2017: of all temperatures the one with the least log loss on
rows that were not learned.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.measures import log_loss
from numbre_runtime.tensors import softmax

_COLDEST, _HOTTEST = 0.25, 8.0
_STEPS = 40
_GOLDEN = (math.sqrt(5) - 1) / 2


def fitted_temperature(logits: NDArray[np.float32], labels: NDArray[np.integer[Any]]) -> float:
    """The temperature from 0.25 to 8 with the least log loss, found by golden-section search.

    Args:
        logits: (N, classes) float32, of rows that were not learned.
        labels: (N,) true classes.

    Example:
        Of two logits that differ by 4, which stand for a share of 0.75:

        >>> logits = np.tile(np.array([[4, 0]], np.float32), (400, 1))
        >>> labels = np.array([0, 0, 0, 1] * 100)
        >>> round(4 / fitted_temperature(logits, labels), 2) == round(math.log(3), 2)
        True
    """

    def loss(power: float) -> float:
        return log_loss(labels, softmax(logits, math.exp(power)))

    # The log loss has one minimum over the inverse of the temperature, and so over its logarithm.
    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(_STEPS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return math.exp((low + high) / 2)
