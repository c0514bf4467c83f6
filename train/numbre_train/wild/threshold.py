"""The smallest confidence at which an answer counts."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from numbre_train.wild.generator import NONE

KEPT = 0.993
"""Share of the validation digits that are to be recognized, so that of others 99% are."""


def threshold_for(scores: NDArray[np.floating], kept: float = KEPT) -> float:
    """The largest confidence that a share of digits reaches, rounded down to a thousandth.

    Args:
        scores: (N, classes) of digits, `NONE` among the classes.
        kept: Share of the digits that must reach it, 0–1.
    """
    confidences = np.sort(np.delete(scores, NONE, axis=1).max(axis=1))
    lost = math.floor((1 - kept) * len(confidences))
    return math.floor(float(confidences[lost]) * 1000) / 1000
