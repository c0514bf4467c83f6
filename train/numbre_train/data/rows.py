"""Labelled images, the form in which every data set provides its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """Images and their classes."""

    images: NDArray[np.uint8]
    """(N, 28, 28) grey levels, 0–255."""
    labels: NDArray[np.uint8]
    """(N,) class numbers, from 0."""

    def take(self, numbers: NDArray[np.int64]) -> Rows:
        """A copy of the rows of these numbers, in their order."""
        return Rows(self.images[numbers], self.labels[numbers])

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.labels)
