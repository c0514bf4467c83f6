"""npz files from outside: shapes that their bytes do not hold, many members, kinds of values that are not read."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

import numpy as np
import pytest

from numbre_runtime import npz
from numbre_runtime.errors import DataError
from numbre_runtime.npz import MOST_MEMBERS, read_npz, write_npz


def _member(descr: Any, shape: tuple[int, ...], content: bytes = b"") -> bytes:
    head = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    head += b" " * (63 - (10 + len(head)) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + content


def _archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (_member("|u1", (400_000_000, 0)), "has the shape"),
        (_member("<U0", (400_000_000,)), "expected numbers or text"),
        (_member("|u1", (400_000_000,)), "has not the bytes"),
        (_member("|u1", (3,), b"1234"), "has not the bytes"),
        (_member("|u1", (4,), b"123"), "has not the bytes"),
        (_member("|u1", (1,) * 9, b"1"), "has the shape"),
        (_member([("a", "|u1")], (4,), b"1234"), "expected numbers or text"),
        (_member("|O", (1,), b"12345678"), "expected numbers or text"),
        (_member("<M8[s]", (1,), b"12345678"), "expected numbers or text"),
        (b"\x93NUMPY\3\0\0\0\0\0", "version"),
        (b"", "not a readable npz file"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(member: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=rf"^x\.npz: .*{reason}"):
        read_npz(_archive(("x.npy", member)), "x.npz", DataError)


@pytest.mark.parametrize(
    "members",
    [
        tuple((f"{number}.npy", b"") for number in range(MOST_MEMBERS + 1)),
        (("x.npy", _member("|u1", (1,), b"1")), ("x", _member("|u1", (1,), b"2"))),
    ],
)
def test_too_many_members_or_two_of_one_name_are_refused(members: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(DataError, match="arrays, or two of one name"):
        read_npz(_archive(*members), "x.npz", DataError)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_ways_of_packing_are_refused(method: int) -> None:
    with pytest.raises(DataError, match="packed in a way"):
        read_npz(_archive(("x.npy", _member("|u1", (1,), b"1")), method=method), "x.npz", DataError)


def test_the_limit_is_of_all_members_together(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {name: np.zeros(1000, np.uint8) for name in "abc"}
    content = write_npz(**arrays)
    size = sum(member.file_size for member in zipfile.ZipFile(io.BytesIO(content)).infolist())
    monkeypatch.setattr(npz, "UNPACKED_LIMIT", size)
    assert set(read_npz(content, "x.npz", DataError)) == {"a", "b", "c"}
    monkeypatch.setattr(npz, "UNPACKED_LIMIT", size - 1)
    with pytest.raises(DataError, match="unpacks to"):
        read_npz(content, "x.npz", DataError)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 28, 28), np.uint8),
        np.array(["a", "ü"]),
        np.array(3.5),
        np.arange(6).reshape(2, 3).T,
        np.array([True, False]),
    ],
)
def test_plain_arrays_are_read_as_they_were(array: Any) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=array)
    found = read_npz(stream.getvalue(), "x.npz", DataError)["x"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
