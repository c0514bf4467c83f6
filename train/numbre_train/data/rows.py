"""Labelled images, as every data set hands them out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """Images and their classes."""

    images: NDArray[np.uint8]
    """(N, 28, 28)."""
    labels: NDArray[np.uint8]
    """(N,), the class's number, from 0 on."""

    def take(self, numbers: NDArray[np.int64]) -> Rows:
        """A copy of the rows of these numbers, in their order."""
        return Rows(self.images[numbers], self.labels[numbers])

    def __len__(self) -> int:
        """How many there are."""
        return len(self.labels)
