"""Reads Protocol Buffers' wire format (protobuf.dev, "Encoding") of an untrusted file, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Value: TypeAlias = "int | memoryview"
"""A field's value: a number, or the bytes of a text, a message, a fixed-size number."""

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10
_WORD = (1 << 64) - 1


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """(field number, value) of every field.

    Raises:
        ValueError: It is no message, or one that breaks off.
    """
    place, end = 0, len(message)
    while place < end:
        tag = message[place]
        place += 1
        if tag >= 0x80:
            tag, place = _varint(message, place - 1)
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


def packed_numbers(value: Value) -> list[int]:
    """The numbers of a repeated field, whether they are packed into one value or not."""
    if isinstance(value, int):
        return [value]
    numbers, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        numbers.append(number)
    return numbers


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and the place after it."""
    number = 0
    for count in range(_LONGEST_VARINT):
        if place + count >= len(message):
            break
        byte = message[place + count]
        number |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return number & _WORD, place + count + 1
    raise ValueError("it breaks off")
