"""Who agrees with whom: Keras and every file with every backend, pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numbre_export.verify.gate import Run, TestSet

KERAS = "Keras"


@dataclass(frozen=True)
class Pair:
    """Two that gave scores for the same rows."""

    disagreements: int
    """Rows with different answers."""
    steps: int | None
    """Largest difference of any output in integer steps, where both give integers of one scale."""
    difference: float
    """Largest difference of any score."""

    def __str__(self) -> str:
        if self.steps is not None:
            return f"{self.disagreements} / {self.steps} step{'s' if self.steps != 1 else ''}"
        return f"{self.disagreements} / {self.difference:.0e}"


@dataclass(frozen=True)
class Matrix:
    """The agreement of every two."""

    names: tuple[str, ...]
    """Keras first, then "file, backend"."""
    pairs: dict[tuple[int, int], Pair]
    """By their places in `names`, the first one smaller."""


def agreement_matrix(runs: list[Run], test: TestSet) -> Matrix:
    """Compares all runs and Keras."""
    names = (KERAS, *(f"{run.artifact.file}, {run.backend}" for run in runs))
    answers = [test.answers, *(run.answers for run in runs)]
    scores = [test.scores, *(run.scores for run in runs)]
    pairs = {}
    for first in range(len(names)):
        for second in range(first + 1, len(names)):
            pairs[first, second] = Pair(
                int((answers[first] != answers[second]).sum()),
                _steps(runs[first - 1], runs[second - 1]) if first else None,
                float(np.abs(scores[first] - scores[second]).max()),
            )
    return Matrix(names, pairs)


def _steps(first: Run, second: Run) -> int | None:
    if first.raw.dtype.kind == "f" or first.artifact.output != second.artifact.output:
        return None
    return int(np.abs(first.raw.astype(np.int64) - second.raw).max())
