"""Reads FlatBuffers tables of an untrusted file.

Only what a TensorFlow Lite model needs, and every offset is checked against the file's end. Layout: FlatBuffers,
"FlatBuffer Internals" (little endian; a table starts with the distance back to its vtable, a vtable lists the offset of
each field, an offset counts forward from where it stands).

PyPI's `tflite` 2.18 holds the whole schema: 0.5 MB in 192 files, and flatbuffers beside it, for the few tables
that are read here. It would be the runtime's third dependency, and its offsets are not checked.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True)
class Table:
    """One table of a FlatBuffers file.

    Its methods take a field's number, in the order of the schema, and raise ValueError where the file is damaged.
    """

    content: bytes
    """The whole file."""
    start: int
    """Where in it the table starts."""

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

    def scalar(self, field: int, kind: str, default: float = 0) -> int:
        """An integer field; `kind` is its struct code, such as "i" for int32."""
        place = self._place(field)
        return int(default if place is None else _unpack(self.content, f"<{kind}", place))

    def real(self, field: int, default: float = 0.0) -> float:
        """A float32 field."""
        place = self._place(field)
        return float(default if place is None else _unpack(self.content, "<f", place))

    def table(self, field: int) -> Table | None:
        """A field that is itself a table; None if it is absent."""
        place = self._place(field)
        return None if place is None else Table(self.content, self._target(place))

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty if it is absent."""
        first, count = self._vector(field, 4)
        return [Table(self.content, self._target(first + 4 * index)) for index in range(count)]

    def array(self, field: int, dtype: DTypeLike) -> NDArray[np.generic]:
        """A vector of numbers, a view of the file; empty if it is absent."""
        size = np.dtype(dtype)
        first, count = self._vector(field, size.itemsize)
        return np.frombuffer(self.content, size, count, first)

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        """Where a vector's first item of `size` bytes stands, and how many there are."""
        place = self._place(field)
        if place is None:
            return 0, 0
        start = self._target(place)
        count = _unpack(self.content, "<I", start)
        if start + 4 + count * size > len(self.content):
            raise ValueError("a vector runs past the end of the file")
        return start + 4, count

    def _place(self, field: int) -> int | None:
        vtable = self.start - _unpack(self.content, "<i", self.start)
        entry = 4 + 2 * field
        if entry >= _unpack(self.content, "<H", vtable):
            return None
        offset = _unpack(self.content, "<H", vtable + entry)
        return self.start + offset if offset else None

    def _target(self, place: int) -> int:
        return place + int(_unpack(self.content, "<I", place))


def _unpack(content: bytes, kind: str, place: int) -> int:
    # struct counts a negative offset from the end of the file, where a damaged one must not lead.
    if not 0 <= place <= len(content) - struct.calcsize(kind):
        raise ValueError("an offset leads out of the file")
    value: int = struct.unpack_from(kind, content, place)[0]
    return value
