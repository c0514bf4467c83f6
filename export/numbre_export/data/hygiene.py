"""Whether calibration rows are what they should be: real, varied, and none of the test rows."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError

FEWEST_ROWS = 20
_COLUMNS, _ROWS = 128, 500
_SEED = 0
_STRUCTURE, _NO_STRUCTURE = 2.0, 1.3


def row_hashes(inputs: NDArray[Any]) -> list[bytes]:
    """A digest of each row of (N, …)."""
    rows = np.ascontiguousarray(inputs)
    return [hashlib.sha256(row.tobytes()).digest() for row in rows]


def rows_digest(inputs: NDArray[Any]) -> str:
    """One hex digest of all rows, in order."""
    return hashlib.sha256(b"".join(row_hashes(inputs))).hexdigest()


def overlap(first: NDArray[Any], second: NDArray[Any]) -> int:
    """How many rows of the first set are, value by value, also in the second."""
    known = set(row_hashes(second))
    return sum(row in known for row in row_hashes(first))


def check_calibration(calibration: NDArray[Any], test: NDArray[Any]) -> None:
    """Refuses rows from which no quantizer learns the ranges that it will meet.

    Random rows are told by this: the columns of real rows go together, so the correlation matrix has a large first
    eigenvalue, and shuffling every column by itself takes it away. Where the test rows have such structure and the
    calibration rows have none, these are noise.

    Args:
        calibration: (rows, values).
        test: (N, values), as real rows look.

    Raises:
        DataError: They are too few, NaN, constant or random; the message says why.
    """
    if len(calibration) < FEWEST_ROWS:
        raise DataError(f"{len(calibration)} calibration rows; expected {FEWEST_ROWS} or more")
    if not np.isfinite(calibration).all():
        raise DataError("the calibration rows hold NaN or infinity; clean them first")
    if (calibration == calibration[0]).all():
        raise DataError("the calibration rows are all the same: constant data shows no range; give real rows")
    if (calibration.reshape(len(calibration), -1).std(axis=1) == 0).all() and calibration[0].size > 1:
        raise DataError("every calibration row has one value throughout: constant data shows no range; give real rows")
    if _structure(test) >= _STRUCTURE and _structure(calibration) < _NO_STRUCTURE:
        raise DataError(
            "the calibration rows look random: their values do not go together as those of the test rows do; "
            "give real rows"
        )


def _structure(rows: NDArray[Any]) -> float:
    """The first eigenvalue of the correlation matrix over that of the same columns, each shuffled by itself."""
    generator = np.random.default_rng(_SEED)
    values = rows.reshape(len(rows), -1)[:_ROWS].astype(np.float64)
    values = values[:, values.std(axis=0) > 0]
    if values.shape[1] < 2:
        return 1.0
    if values.shape[1] > _COLUMNS:
        values = values[:, np.sort(generator.choice(values.shape[1], _COLUMNS, replace=False))]
    shuffled = generator.permuted(values, axis=0)
    first, without = (np.linalg.eigvalsh(np.corrcoef(part, rowvar=False))[-1] for part in (values, shuffled))
    return float(first / without)
