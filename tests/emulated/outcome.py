"""Whether a board gives what x86-64 gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT_TOLERANCE = 4e-5
"""Largest difference of a float score between processors, which add in different orders."""


@dataclass(frozen=True)
class Outcome:
    """How two processors' outputs compare."""

    status: str
    """"identical" (the same bits), "agrees" (the same labels) or "differs"."""
    reason: str
    """What it is that differs; empty if nothing is worth a word."""
    other_labels: int
    """Images that get another label, ties apart."""


def compare(found: NDArray[Any], expected: NDArray[Any], precision: str) -> Outcome:
    """Compares a board's raw outputs (N, classes) of an artifact of that precision with those of x86-64.

    Another label counts only if one of the two is sure of its own: where either gives both labels the same, highest
    score, it is a tie, and which of them is named is chance.
    """
    if not (found != expected).any():
        return Outcome("identical", "", 0)
    rows = np.arange(len(found))
    ours, theirs = found.argmax(axis=1), expected.argmax(axis=1)
    tied = (found[rows, theirs] == found[rows, ours]) | (expected[rows, ours] == expected[rows, theirs])
    others = int(((ours != theirs) & ~tied).sum())
    if others:
        return Outcome("differs", f"{others} of {len(found):,} images get another label than on x86", others)
    ties = int((ours != theirs).sum())
    same = "same labels" if not ties else f"same labels, {ties} of {len(found):,} a tie of two"
    if found.dtype.kind in "iu":
        steps = np.abs(found.astype(int) - expected)
        said = f"{np.count_nonzero(steps)} of {steps.size:,} scores differ, by at most {steps.max()} of 256 steps"
        return Outcome("agrees", f"{same}; {said}", 0)
    largest = float(np.abs(found - expected).max())
    if largest <= FLOAT_TOLERANCE:
        return Outcome("agrees", "" if not ties else same, 0)
    # int8 files may have a float output, whose steps are wider than that.
    status = "differs" if precision == "float32" else "agrees"
    return Outcome(status, f"{same}; scores differ by up to {largest:.0e}", 0)
