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


def _end(directory_bytes: int) -> bytes:
    """An archive's end, which says how long its list of members is."""
    return b"PK\5\6" + bytes(8) + struct.pack("<II", directory_bytes, 0) + bytes(2)


def test_an_archive_without_members_is_read() -> None:
    assert read_npz(_end(0), "x.npz", DataError) == {}


@pytest.mark.parametrize("size", [256 << 10, (256 << 10) + 1])
def test_the_list_of_members_is_bounded(size: int) -> None:
    with pytest.raises(DataError) as raised:
        read_npz(_end(size), "x.npz", DataError)
    assert ("list of members has" in str(raised.value)) == (size > 256 << 10)


@pytest.mark.parametrize(("after", "found"), [(1 << 16, True), ((1 << 16) + 1, False)])
def test_an_archives_end_is_looked_for_behind_the_longest_comment(after: int, found: bool) -> None:
    with pytest.raises(DataError) as raised:
        read_npz(_end(1 << 30) + bytes(after), "x.npz", DataError)
    assert ("list of members has" if found else "no zip archive") in str(raised.value)


def test_the_last_end_counts() -> None:
    with pytest.raises(DataError, match="list of members has"):
        read_npz(_end(0) + _end(1 << 30), "x.npz", DataError)


@pytest.mark.parametrize("content", [_end(0)[:-1], b"PK\5\6", b"PK\3\4"])
def test_an_archive_cut_short_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="no zip archive"):
        read_npz(content, "x.npz", DataError)


def test_an_encrypted_member_is_refused() -> None:
    content = bytearray(_archive(("x.npy", _member("|u1", (1,), b"1"))))
    content[content.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(DataError, match="packed in a way"):
        read_npz(bytes(content), "x.npz", DataError)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("spaces", "read"), [(0, True), (4000, True), (5000, False)])
def test_headers_are_bounded(version: int, spaces: int, read: bool) -> None:
    head = repr({"descr": "|u1", "fortran_order": False, "shape": (1,)}).encode() + b" " * spaces + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(head))
    content = _archive(("x.npy", b"\x93NUMPY" + bytes([version, 0]) + length + head + b"\7"))
    if read:
        assert read_npz(content, "x.npz", DataError)["x"].tolist() == [7]
    else:
        with pytest.raises(DataError, match="not a readable npz file"):
            read_npz(content, "x.npz", DataError)


@pytest.mark.parametrize(
    ("shape", "read"), [((1 << 20, 0), True), (((1 << 20) + 1, 0), False), ((1,) * 8, True), ((0,) * 9, False)]
)
def test_shapes_at_their_bounds(shape: tuple[int, ...], read: bool) -> None:
    content = _archive(("x.npy", _member("|u1", shape, b"1" if 0 not in shape else b"")))
    if read:
        assert read_npz(content, "x.npz", DataError)["x"].shape == shape
    else:
        with pytest.raises(DataError, match="has the shape"):
            read_npz(content, "x.npz", DataError)


def test_as_many_members_as_allowed() -> None:
    one = _member("|u1", (1,), b"1")
    content = _archive(*((f"{number}.npy", one) for number in range(MOST_MEMBERS)), method=zipfile.ZIP_STORED)
    assert len(read_npz(content, "x.npz", DataError)) == MOST_MEMBERS


def test_what_is_written_says_nothing_of_when_and_in_which_order_of_memory() -> None:
    array = np.arange(6, dtype=np.int16).reshape(2, 3)
    content = write_npz(x=array)
    assert write_npz(x=np.asfortranarray(array)) == content
    (member,) = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert (member.date_time, member.external_attr) == ((1980, 1, 1, 0, 0, 0), 0o644 << 16)
    assert (member.filename, member.compress_type) == ("x.npy", zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(x=np.array([{}], object))
