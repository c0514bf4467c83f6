"""The names of the classes, in the order of a model's scores; a text file holds one name a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_train.data.labelled import Labelled

DIGITS = tuple("0123456789")
"""The classes of MNIST."""
LABELS_FILE = "labels.txt"
"""The file beside a trained model that names its classes."""
_LIMIT = 1 << 20


def format_labels(labels: Sequence[str]) -> bytes:
    """The content of a labels file with these names."""
    return ("\n".join(labels) + "\n").encode()


def read_labels(path: Path) -> tuple[str, ...]:
    """The names in a labels file; blank lines and spaces around a name are ignored.

    Raises:
        DataError: It is missing, too large, not UTF-8, has fewer than two names or one name twice.
    """
    try:
        text = read_limited(path, _LIMIT, DataError).decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise DataError(f"{path}: not UTF-8 text") from cause
    labels = tuple(line.strip() for line in text.splitlines() if line.strip())
    if len(labels) < 2:
        raise DataError(f"{path}: names {len(labels)} class{'es' * (not labels)}; expected two or more, one a line")
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if labels.count(label) > 1)
        raise DataError(f"{path}: names '{twice}' twice; expected a name of its own for every class")
    return labels


def named_by(*parts: Labelled) -> tuple[str, ...]:
    """The class names that the rows hold, sorted; empty if the rows hold numbers."""
    if not any(part.labels.dtype.kind == "U" for part in parts):
        return ()
    return tuple(sorted({str(label) for part in parts for label in part.labels}))


def class_numbers(part: Labelled, labels: Sequence[str]) -> NDArray[np.int64]:
    """The class number of each row: the position of its name in `labels`, or the number that the row holds.

    Raises:
        DataError: A row has none of these classes.
    """
    rows: NDArray[Any] = part.labels
    if rows.dtype.kind == "U":
        numbers_of = {label: index for index, label in enumerate(labels)}
        unknown = sorted({str(label) for label in rows} - set(numbers_of))
        if unknown:
            raise DataError(f"{part.source}: '{unknown[0]}' is none of the {len(labels)} labels ({_some(labels)})")
        return np.array([numbers_of[str(label)] for label in rows], np.int64)
    numbers = rows.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= len(labels):
        raise DataError(
            f"{part.source}: labels from {numbers.min()} to {numbers.max()}; expected 0 to {len(labels) - 1}, there "
            f"are {len(labels)} classes ({_some(labels)})"
        )
    return numbers


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + ", …" * (len(labels) > 3)
