"""The IDX file format of MNIST (described on Yann LeCun's MNIST page): magic, sizes, then bytes, big-endian."""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited

_UINT8, _MOST_DIMENSIONS = 0x08, 4


def idx_content(path: Path, limit: int) -> bytes:
    """The bytes of an IDX file, unpacked if its name ends in .gz.

    Args:
        path: The file.
        limit: Most bytes that are read, and most that they may unpack to, so that no archive fills the memory.

    Raises:
        DataError: The file is missing, damaged or too large.
    """
    content = read_limited(path, limit, DataError)
    if path.suffix != ".gz":
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            unpacked = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as cause:
        raise DataError(f"{path}: not a readable gzip file ({cause})") from cause
    if len(unpacked) > limit:
        raise DataError(f"{path}: unpacks to more than the {limit:,} bytes that are read at most")
    return unpacked


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
    header, shape = _header(content, where)
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise DataError(f"{where}: {len(content):,} bytes, but its IDX header promises {expected:,}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def map_idx(path: Path) -> NDArray[np.uint8]:
    """Maps an uncompressed IDX file of unsigned bytes into memory, which reads only the rows that are used.

    Raises:
        DataError: See `parse_idx`.
    """
    with path.open("rb") as stream:
        header, shape = _header(stream.read(4 + 4 * _MOST_DIMENSIONS), str(path))
    expected, size = header + math.prod(shape), path.stat().st_size
    if size != expected:
        raise DataError(f"{path}: {size:,} bytes, but its IDX header promises {expected:,}")
    return np.memmap(path, np.uint8, "r", header, shape)


def _header(start: bytes, where: str) -> tuple[int, tuple[int, ...]]:
    """The header's length in bytes and the shape that it states, from the first bytes of a file."""
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] != _UINT8 or not 1 <= start[3] <= _MOST_DIMENSIONS:
        raise DataError(f"{where}: not an IDX file of unsigned bytes, it begins with {start[:4]!r}")
    header = 4 + 4 * start[3]
    if len(start) < header:
        raise DataError(f"{where}: cut short inside its IDX header")
    return header, struct.unpack(f">{start[3]}I", start[4:header])


def format_idx(array: NDArray[np.uint8]) -> bytes:
    """The IDX file that holds a uint8 array."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UINT8, array.ndim, *array.shape)
    return header + array.tobytes()
