"""Arrays in files between the exporter and its worker; a full disk is named as what it is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import OutputError


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


def read_array(path: Path) -> NDArray[Any]:
    """Reads an .npy file that holds no objects."""
    values: NDArray[Any] = np.load(path, allow_pickle=False)
    return values
