"""Reads FlatBuffers tables of an untrusted file.

Only what a TensorFlow Lite model needs, and every offset is checked against the file's end. Layout: FlatBuffers,
"FlatBuffer Internals" (little endian; a table starts with the distance back to its vtable, a vtable lists the offset of
each field, an offset counts forward from where it stands).

PyPI's `tflite` 2.18 holds the whole schema: 0.5 MB in 192 files, and flatbuffers beside it, for the few tables
that are read here. It would be the runtime's third dependency, and its offsets are not checked.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    # Reading a model's structure is on numbre-predict's way, and this import takes milliseconds.
    from numpy.typing import DTypeLike, NDArray

_LEAST_VTABLE, _ENTRY = 4, 2
_SIZES = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "f": 4, "q": 8, "Q": 8}


class Table:
    """One table of a FlatBuffers file.

    Its methods take a field's number, in the order of the schema, and raise ValueError where the file is damaged.
    """

    __slots__ = ("_offsets", "_size", "content", "start")

    def __init__(self, content: bytes, start: int) -> None:
        """Checks the table's head.

        Args:
            content: The whole file.
            start: Where in it the table starts.

        Raises:
            ValueError: The table, or its list of fields, is not within the file.
        """
        vtable = start - _unpack(content, "<i", start)
        size, self._size = _unpack(content, "<H", vtable), _unpack(content, "<H", vtable + _ENTRY)
        if size < _LEAST_VTABLE or size % _ENTRY or vtable + size > len(content):
            raise ValueError("a table's list of fields runs past the end of the file")
        if self._size < _LEAST_VTABLE or start + self._size > len(content):
            raise ValueError("a table runs past the end of the file")
        self.content, self.start = content, start
        count = (size - _LEAST_VTABLE) // _ENTRY
        self._offsets: tuple[int, ...] = struct.unpack_from(f"<{count}H", content, vtable + _LEAST_VTABLE)

    @staticmethod
    def root(content: bytes, identifier: bytes) -> Table:
        """The file's outermost table.

        Args:
            content: The whole file.
            identifier: The four bytes that tell this kind of file from others, b"TFL3".

        Raises:
            ValueError: It is another kind of file, or damaged.
        """
        if content[4:8] != identifier:
            raise ValueError(f"it does not start as a {identifier.decode()} file does")
        return Table(content, _unpack(content, "<I", 0))

    def has(self, field: int) -> bool:
        """Whether the file holds the field."""
        return field < len(self._offsets) and self._offsets[field] != 0

    def scalar(self, field: int, kind: str, default: float = 0) -> int:
        """An integer field; `kind` is its struct code, such as "i" for int32."""
        place = self._place(field, _SIZES[kind])
        return int(default if place is None else _unpack(self.content, f"<{kind}", place))

    def real(self, field: int, default: float = 0.0) -> float:
        """A float32 field."""
        place = self._place(field, 4)
        return float(default if place is None else _unpack(self.content, "<f", place))

    def table(self, field: int) -> Table | None:
        """A field that is itself a table; None if it is absent."""
        place = self._place(field, 4)
        return None if place is None else Table(self.content, self._target(place))

    def tables(self, field: int, most: int = 1 << 16) -> list[Table]:
        """A vector of at most so many tables; empty if it is absent."""
        first, count = self._vector(field, 4)
        if count > most:
            raise ValueError(f"{count:,} entries in one list; at most {most:,} are read")
        return [Table(self.content, self._target(first + 4 * index)) for index in range(count)]

    def array(self, field: int, dtype: DTypeLike) -> NDArray[np.generic]:
        """A vector of numbers, a view of the file; empty if it is absent."""
        size = np.dtype(dtype)
        first, count = self._vector(field, size.itemsize)
        return np.frombuffer(self.content, size, count, first)

    def numbers(self, field: int, kind: str) -> tuple[int, ...]:
        """As `array`, as Python numbers, which is quicker where there are few; `kind` as for `scalar`."""
        first, count = self._vector(field, _SIZES[kind])
        return struct.unpack_from(f"<{count}{kind}", self.content, first)

    def reals(self, field: int) -> tuple[float, ...]:
        """A vector of float32 as Python numbers."""
        first, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}f", self.content, first)

    def length(self, field: int, size: int = 1) -> int:
        """How many items of `size` bytes a vector has; 0 if it is absent."""
        return self._vector(field, size)[1]

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        """Where a vector's first item of `size` bytes stands, and how many there are."""
        place = self._place(field, 4)
        if place is None:
            return 0, 0
        start = self._target(place)
        count = _unpack(self.content, "<I", start)
        if start + 4 + count * size > len(self.content):
            raise ValueError("a vector runs past the end of the file")
        return start + 4, count

    def _place(self, field: int, size: int) -> int | None:
        if field >= len(self._offsets):
            return None
        offset = self._offsets[field]
        if not offset:
            return None
        if offset + size > self._size:
            raise ValueError("a field lies outside its table")
        return self.start + offset

    def _target(self, place: int) -> int:
        return place + _unpack(self.content, "<I", place)


def _unpack(content: bytes, kind: str, place: int) -> int:
    # struct counts a negative offset from the end of the file, where a damaged one must not lead.
    if place < 0:
        raise ValueError("an offset leads out of the file")
    try:
        value: int = struct.unpack_from(kind, content, place)[0]
    except struct.error as cause:
        raise ValueError("an offset leads out of the file") from cause
    return value
