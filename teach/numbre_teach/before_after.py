"""How the taught network compares with the one that it came from, on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_train.compare.statistics import PairedTest, paired_test


@dataclass(frozen=True)
class BeforeAfter:
    """Before and after, on one set of rows."""

    what: str
    """Which rows, in words."""
    rows: int
    """How many."""
    before: float
    """Share that the old network reads right, 0–1."""
    after: float
    """Share that the taught one reads right, 0–1."""
    by_class: dict[str, tuple[int, float, float]]
    """Class to its number of rows, and the share read right before and after."""
    test: PairedTest
    """After against before."""

    @property
    def lost(self) -> float:
        """What teaching cost, in shares of the rows; negative if it gained."""
        return self.before - self.after

    def line(self) -> str:
        """The comparison in a line."""
        return (
            f"{self.what}, {self.rows:,}: {self.before:.2%} right before, {self.after:.2%} after (p {self.test.p:.2g})"
        )


def compare(
    what: str,
    names: Sequence[str],
    labels: NDArray[np.integer],
    before: NDArray[np.floating],
    after: NDArray[np.floating],
) -> BeforeAfter:
    """Compares two networks' scores of the same rows.

    Args:
        what: Which rows, in words.
        names: The classes that an answer may be, in the order of the scores.
        labels: (N,) the rows' classes.
        before: (N, at least as many classes) scores of the old network.
        after: The same of the taught one.
    """
    old, new = (scores[:, : len(names)].argmax(axis=1) == labels for scores in (before, after))
    by_class = {
        name: (int(of_class.sum()), float(old[of_class].mean()), float(new[of_class].mean()))
        for number, name in enumerate(names)
        if (of_class := labels == number).any()
    }
    return BeforeAfter(what, len(labels), float(old.mean()), float(new.mean()), by_class, paired_test(new, old))
