"""Reading untrusted npz files, and writing npz files that are the same byte for byte."""

from __future__ import annotations

import io
import math
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.errors import NumbreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNPACKED_LIMIT = 256 << 20
"""Most bytes that an npz file may unpack to."""
MOST_MEMBERS = 1024
"""Most arrays of an npz file."""

_MOST_DIMENSIONS, _LONGEST_HEADER, _MOST_DIRECTORY_BYTES = 8, 4096, 256 << 10
_END_OF_DIRECTORY, _END_BYTES, _LONGEST_COMMENT = b"PK\x05\x06", 22, 1 << 16
_KINDS = "biufUS"
"""NumPy's kinds of plain numbers and text; objects, records and dates are not read."""


def read_npz(content: bytes, where: str, error: type[NumbreError]) -> dict[str, NDArray[Any]]:
    """Reads the arrays of an npz file without pickle and without trusting its sizes.

    Args:
        content: The file's bytes.
        where: The file's name, for messages.
        error: The class to raise.

    Raises:
        error: It is no npz, holds anything but arrays of numbers or text, unpacks to more than `UNPACKED_LIMIT`, or an
            array's shape is not what its bytes hold.
    """
    try:
        _check_directory(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > UNPACKED_LIMIT:
                raise error(f"{where}: unpacks to {unpacked:,} bytes; at most {UNPACKED_LIMIT:,} are read")
            names = [member.filename.removesuffix(".npy") for member in members]
            if len(members) > MOST_MEMBERS or len(set(names)) < len(names):
                raise ValueError(f"more than {MOST_MEMBERS} arrays, or two of one name")
            return {name: _array(archive, member) for name, member in zip(names, members, strict=True)}
    except NumbreError:
        raise
    except Exception as cause:
        # NumPy and zipfile let a dozen kinds of errors through on damaged files, tokenize.TokenError among them.
        raise error(f"{where}: not a readable npz file ({cause})") from cause


def _check_directory(content: bytes) -> None:
    """Bounds the archive's list of members, of which zipfile makes an object each."""
    end = content.rfind(_END_OF_DIRECTORY, max(0, len(content) - _END_BYTES - _LONGEST_COMMENT))
    if end < 0 or end + _END_BYTES > len(content):
        raise ValueError("no zip archive")
    size = int.from_bytes(content[end + 12 : end + 16], "little")
    # A zip64 archive says 2³² − 1 here.
    if size > _MOST_DIRECTORY_BYTES:
        raise ValueError(f"its list of members has {size:,} bytes")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """One array; its header is read first, because NumPy allocates whatever a header asks for."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise ValueError(f"{member.filename} is packed in a way that NumPy does not use")
    with archive.open(member) as stream:
        content = io.BytesIO(stream.read(member.file_size))
    version = np.lib.format.read_magic(content)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(content, _LONGEST_HEADER)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(content, _LONGEST_HEADER)
    else:
        raise ValueError(f"{member.filename} has version {version} of the format")
    if dtype.kind not in _KINDS or dtype.shape or dtype.names is not None or dtype.itemsize == 0:
        raise ValueError(f"{member.filename} holds {str(dtype)[:60]}; expected numbers or text")
    # An array of (400 million, 0) values takes no byte, and what is made of its rows takes gigabytes.
    if len(shape) > _MOST_DIMENSIONS or (0 in shape and max(shape) > UNPACKED_LIMIT >> 8):
        raise ValueError(f"{member.filename} has the shape {str(shape)[:60]}")
    if math.prod(shape) * dtype.itemsize != member.file_size - content.tell():
        raise ValueError(f"{member.filename} has not the bytes that its shape {str(shape)[:60]} needs")
    content.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    return array


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
