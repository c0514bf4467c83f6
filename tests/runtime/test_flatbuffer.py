"""FlatBuffers tables that end exactly where the file does, and one byte earlier."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from numbre_runtime.kernels.flatbuffer import Table


def _file(*offsets: int, size: int, rest: bytes, vtable_size: int | None = None) -> bytes:
    """A file: head, vtable, a table of `size` bytes with its fields at these offsets, and what follows."""
    vtable = struct.pack(f"<HH{len(offsets)}H", vtable_size or 4 + 2 * len(offsets), size, *offsets)
    vtable += bytes(-len(vtable) % 4)
    start = 8 + len(vtable)
    return struct.pack("<I", start) + b"TFL3" + vtable + struct.pack("<i", start - 8) + rest


def _root(content: bytes) -> Table:
    return Table.root(content, b"TFL3")


_VECTOR = _file(4, size=8, rest=struct.pack("<II4h", 4, 4, 1, -2, 3, 4))
_NESTED = _file(4, size=8, rest=struct.pack("<I", 12) + struct.pack("<HHHxx", 6, 8, 4) + struct.pack("<ii", 8, 77))


def test_what_reaches_to_the_files_last_byte_is_read() -> None:
    vector = _root(_VECTOR)
    assert vector.array(0, "<i2").tolist() == list(vector.numbers(0, "h")) == [1, -2, 3, 4]
    assert vector.length(0, 2) == 4
    nested = _root(_NESTED).table(0)
    assert nested is not None
    assert nested.scalar(0, "i") == 77


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_vector_cut_short_is_refused(cut: int) -> None:
    table = _root(_VECTOR[:-cut])
    for read in (lambda: table.array(0, "<i2"), lambda: table.numbers(0, "h"), lambda: table.length(0, 2)):
        with pytest.raises(ValueError, match="a vector runs past the end"):
            read()


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_table_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="a table runs past the end"):
        _root(_NESTED[:-cut]).table(0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_file(size=3, rest=b""), "a table runs past the end"),
        (_file(4, size=8, rest=b""), "a table runs past the end"),
        (_file(size=4, rest=b"", vtable_size=3), "list of fields"),
        (_file(size=4, rest=b"", vtable_size=2), "list of fields"),
        (_file(size=4, rest=b"", vtable_size=10), "list of fields"),
        (struct.pack("<I", 8) + b"TFL3" + struct.pack("<i", 9), "out of the file"),
        (struct.pack("<I", 8) + b"TFL3" + struct.pack("<i", -4), "out of the file"),
        (struct.pack("<I", 9) + b"TFL3" + bytes(4), "out of the file"),
        (b"\4\0\0\0TFL2", "does not start as a TFL3 file"),
        (b"", "does not start as a TFL3 file"),
    ],
)
def test_a_damaged_head_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _root(content)


def test_the_least_table_has_no_fields() -> None:
    table = _root(_file(size=4, rest=b"", vtable_size=4))
    assert not table.has(0)
    assert (table.scalar(0, "i", 5), table.real(0, 0.5), table.table(0), table.tables(0)) == (5, 0.5, None, [])
    assert (table.array(0, "<i4").tolist(), table.numbers(0, "i"), table.reals(0), table.length(0)) == ([], (), (), 0)


@pytest.mark.parametrize(
    ("kind", "packed", "value"),
    [("b", "<bxxx", -1), ("B", "<Bxxx", 255), ("h", "<hxx", -2), ("H", "<Hxx", 65535), ("i", "<i", -3), ("I", "<I", 7)],
)
def test_scalars_of_every_kind(kind: str, packed: str, value: int) -> None:
    table = _root(_file(4, 0, size=8, rest=struct.pack(packed, value)))
    assert table.scalar(0, kind) == value
    # An offset of 0 means that the field is absent.
    assert [table.has(field) for field in (0, 1, 2)] == [True, False, False]
    assert table.scalar(1, kind, 9) == 9


@pytest.mark.parametrize(("size", "fits"), [(12, True), (11, False), (8, False)])
def test_a_field_lies_within_its_table(size: int, fits: bool) -> None:
    table = _root(_file(4, size=size, rest=struct.pack("<q", -5)))
    if fits:
        assert table.scalar(0, "q") == -5
    else:
        with pytest.raises(ValueError, match="outside its table"):
            table.scalar(0, "q")


@pytest.mark.parametrize(("most", "fits"), [(2, True), (1, False)])
def test_lists_of_tables_are_bounded(most: int, fits: bool) -> None:
    # Both entries lead to one table without fields, whose vtable stands before it.
    entries = struct.pack("<III", 2, 12, 8) + struct.pack("<HHi", 4, 4, 4)
    table = _root(_file(4, size=8, rest=struct.pack("<I", 4) + entries))
    if fits:
        assert [entry.has(0) for entry in table.tables(0, most)] == [False, False]
    else:
        with pytest.raises(ValueError, match="2 entries in one list; at most 1"):
            table.tables(0, most)


def test_reals() -> None:
    rest: Any = struct.pack("<If", 8, 0.25) + struct.pack("<I2f", 2, 1.5, -2.5)
    table = _root(_file(4, 8, size=12, rest=rest))
    assert table.real(1) == 0.25
    assert table.reals(0) == (1.5, -2.5)
