"""How likely a digit on a page is right, of the classifier's score and of whether its ink had to be cut apart.

The classifier is calibrated on single digits; on a page a digit may also be half of another, or two that touch. A
logistic regression (Platt, "Probabilistic outputs for support vector machines", 1999), fitted so that the product over
a number's digits is the share of numbers that are right: on 671 numbers of composed pages with every distortion of
`benchmarks/synthetic_pages.py`, of MNIST's validation digits.
"""

from __future__ import annotations

import math

_CONSTANT, _SLOPE, _CUT = 1.36, 0.69, 1.11
"""Of the logarithm of a score's odds, and what a digit loses that had to be cut from its neighbours."""
_MOST_ODDS = 8.0
"""No score says more than this, in logarithms: the pages have too few mistakes to tell more."""


def certainty(score: float, cut: bool) -> float:
    """The probability, 0–1, that a digit on a page is the right one.

    Args:
        score: The classifier's, 0–1, at the manifest's temperature.
        cut: Whether the digit's group of ink was read as several signs.

    Example:
        >>> round(certainty(0.99, cut=False), 2), round(certainty(0.99, cut=True), 2)
        (0.99, 0.97)
    """
    odds = _MOST_ODDS if score >= 1 else min(math.log(max(score, 1e-6) / (1 - score)), _MOST_ODDS)
    return 1 / (1 + math.exp(-(_CONSTANT + _SLOPE * odds - _CUT * cut)))
