"""Reading npz files that nobody vouches for."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.errors import NumbreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNPACKED_LIMIT = 256 << 20
"""Most bytes that an npz file may unpack to."""


def read_npz(content: bytes, where: str, error: type[NumbreError]) -> dict[str, NDArray[Any]]:
    """Reads the arrays of an npz file without pickle and without trusting its sizes.

    Args:
        content: The file's bytes.
        where: The file's name, for messages.
        error: The class to raise.

    Raises:
        error: It is no npz, holds objects, or unpacks to more than `UNPACKED_LIMIT`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > UNPACKED_LIMIT:
            raise error(f"{where}: unpacks to {unpacked:,} bytes; at most {UNPACKED_LIMIT:,} are read")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            members = {name: arrays[name] for name in arrays.files}
        return {name: array for name, array in members.items() if isinstance(array, np.ndarray)}
    except NumbreError:
        raise
    except Exception as cause:
        # NumPy and zipfile let a dozen kinds of errors through on damaged files, tokenize.TokenError among them.
        raise error(f"{where}: not a readable npz file ({cause})") from cause


def write_npz(**arrays: NDArray[np.generic]) -> bytes:
    """An npz file, compressed, with the same bytes for the same arrays (np.savez records the time)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            archive.writestr(_member(f"{name}.npy"), member.getvalue())
    return stream.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info
