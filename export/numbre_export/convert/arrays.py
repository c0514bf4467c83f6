"""Arrays in files between the exporter and its worker; a full disk is named as what it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import OutputError

_BATCH_BYTES = 4 << 20


def write_array(path: Path, values: NDArray[Any]) -> None:
    """Writes an .npy file.

    Raises:
        OutputError: It cannot be written. np.save itself would not give the reason.
    """
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    write_content(path, stream.getvalue())


def write_content(path: Path, content: bytes) -> None:
    """Writes an intermediate file.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as cause:
        raise OutputError(f"{path.parent.parent}: cannot be written ({cause.strerror or cause})") from cause


def batches(rows: NDArray[Any], most: int) -> Iterator[NDArray[Any]]:
    """The rows in parts of at most `most` rows and about 4 MB, so that large pictures take no more memory than small.

    Example:
        >>> [len(part) for part in batches(np.zeros((5, 224, 224, 3), np.float32), 100)]
        [5]
        >>> [len(part) for part in batches(np.zeros((8, 224, 224, 3), np.float32), 100)]
        [6, 2]
    """
    size = max(1, min(most, _BATCH_BYTES // max(rows[:1].nbytes, 1)))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def read_array(path: Path) -> NDArray[Any]:
    """Reads an .npy file that holds no objects."""
    values: NDArray[Any] = np.load(path, allow_pickle=False)
    return values
