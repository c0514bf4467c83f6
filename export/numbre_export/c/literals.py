"""Values as C literals. What comes from outside, such as labels, can end neither a string nor a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError

_WIDTH = 110


def identifier(text: str) -> str:
    """Checks that a text can begin the library's names.

    Raises:
        DataError: It is no lower-case C identifier of at most 30 characters.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,29}", text):
        raise DataError(f"{text!r:.60}: expected a name for C functions: a-z, 0-9 and _, at most 30, a letter first")
    return text


def string(text: str) -> str:
    r"""A string literal in ASCII; every other byte of the UTF-8 text is an octal escape, which has a fixed length.

    >>> print(string('a"b?é'))
    "a\042b\077\303\251"
    """
    plain = set(b" !#%&'()*+,-./0123456789:;<=>@[]^_`{|}~") | set(range(65, 91)) | set(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def remark(text: str) -> str:
    """A text that can stand in a comment, on one line."""
    return re.sub(r"[^\w .,:;()+×→-]", "?", text)[:200]


def number(value: int) -> str:
    """A whole number within 32 bits; C has no literal for the smallest int32."""
    return f"({value + 1} - 1)" if value == -(1 << 31) else str(value)


def array(name: str, values: NDArray[np.integer[Any]], flash: str = "IN_FLASH ") -> str:
    """A constant array's definition, one-dimensional."""
    kind = f"{values.dtype.name}_t"
    cells = (number(int(value)) for value in values.reshape(-1))
    return f"static const {flash}{kind} {name}[{values.size}] = {{\n{wrapped(cells)}\n}};\n"


def wrapped(cells: Iterable[str]) -> str:
    """Cells with commas between them, in lines."""
    lines, line = [], ""
    for cell in cells:
        if len(line) + len(cell) > _WIDTH:
            lines.append(f"    {line.rstrip()}")
            line = ""
        line += f"{cell}, "
    lines.append(f"    {line.rstrip(', ')}")
    return "\n".join(lines)


def initializer(members: Mapping[str, int | str | Mapping[str, Any]]) -> str:
    """A struct's initializer, by position, because C++ has no other before 2020."""
    return "{" + ", ".join(initializer(m) if isinstance(m, Mapping) else str(m) for m in members.values()) + "}"
