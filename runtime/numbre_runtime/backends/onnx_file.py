"""Whether an ONNX file keeps weights in other files, told without the package onnx.

ONNX Runtime would look for them wherever the program was started, and a bundle's digests say nothing of them. Protocol
Buffers' wire format; field numbers from onnx.proto (ONNX IR specification).
"""

from __future__ import annotations

from collections.abc import Iterator

_FIELDS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
"""A message's fields that may hold tensors, field number to kind of message."""
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


def has_external_data(content: bytes) -> bool:
    """Whether any tensor of a model says that its values lie elsewhere.

    Args:
        content: The ONNX file.

    Raises:
        ValueError: It is no Protocol Buffers message, or one that breaks off.
    """
    pending = [("model", memoryview(content))]
    while pending:
        kind, message = pending.pop()
        for field, value in _fields(message):
            if kind == "tensor":
                if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                    return True
            elif field in _FIELDS[kind] and isinstance(value, memoryview):
                pending.append((_FIELDS[kind][field], value))
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of every field; fixed-size numbers as their bytes."""
    place, end = 0, len(message)
    while place < end:
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            number, place = _varint(message, place)
            yield tag >> 3, number
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of wire type {kind}")
        if size > end - place:
            raise ValueError("it breaks off")
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and the place after it."""
    number = 0
    for count in range(_LONGEST_VARINT):
        if place + count >= len(message):
            break
        byte = message[place + count]
        number |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return number, place + count + 1
    raise ValueError("it breaks off")
