"""The IDX file format of MNIST (described on Yann LeCun's MNIST page): magic, sizes, then bytes, big-endian."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError

_UINT8 = 0x08


def parse_idx(content: bytes, where: str) -> NDArray[np.uint8]:
    """Reads an IDX file of unsigned bytes.

    Args:
        content: The uncompressed file.
        where: Its name, for messages.

    Returns:
        A read-only uint8 array of the shape that the file states.

    Raises:
        DataError: It is no IDX file of bytes, or its length is not what its header says.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UINT8 or not 1 <= content[3] <= 4:
        raise DataError(f"{where}: not an IDX file of unsigned bytes, it begins with {content[:4]!r}")
    header = 4 + 4 * content[3]
    if len(content) < header:
        raise DataError(f"{where}: cut short inside its IDX header")
    shape = struct.unpack(f">{content[3]}I", content[4:header])
    expected = header
    expected += int(np.prod([int(size) for size in shape], dtype=object))
    if len(content) != expected:
        raise DataError(f"{where}: {len(content):,} bytes, but its IDX header promises {expected:,}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def format_idx(array: NDArray[np.uint8]) -> bytes:
    """The IDX file that holds a uint8 array."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UINT8, array.ndim, *array.shape)
    return header + array.tobytes()
