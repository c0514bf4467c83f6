"""A converter's error as a reason in plain words, without compiler dumps, C++ signatures and paths of source files."""

from __future__ import annotations

import re

_NO_OPERATOR = (
    re.compile(r"No Op registered for (\w+)"),
    re.compile(r"[Oo]p (\w+) is not implemented"),
)
_NOT_BUILT_IN = (
    re.compile(r"(?:Flex|Select TensorFlow|Custom) ops: ([\w, ]+)"),
    re.compile(r"failed to legalize operation '(?:tf|tfl)\.(\w+)'"),
    re.compile(r"'(?:tf|tfl)\.(\w+)' op"),
    re.compile(r"(?:fused\[|loc\()\"(\w+):\""),
)
_INTERNAL = re.compile(
    r"::|loc\(|0x[0-9a-f]|\.(?:cc|h|cpp|mlir|py)\b|<unknown>|\[ONNXRuntimeError\]|/[\w.-]+/|mlir", re.I
)
_LONGEST = 200
"""Characters of a reason; a traceback's messages may be whole graphs."""


def plain_reason(error: BaseException) -> str:
    """What a converter's exception says, in one line of words.

    Example:
        >>> plain_reason(RuntimeError("No Op registered for Betainc with domain_version of 13"))
        'ONNX has no operator for Betainc'
        >>> plain_reason(RuntimeError("<unknown>:0: error: failed to legalize operation 'tf.Betainc'"))
        'TensorFlow Lite has no built-in operator for Betainc'
    """
    text = str(error)
    if isinstance(error, MemoryError) or "bad_alloc" in text:
        return "not enough memory"
    for pattern in _NO_OPERATOR:
        found = pattern.search(text)
        if found:
            return f"ONNX has no operator for {found[1]}"
    for pattern in _NOT_BUILT_IN:
        found = pattern.search(text)
        if found:
            return f"TensorFlow Lite has no built-in operator for {found[1].strip(' ,')}"
    line = first_line(error)
    if text.strip() and not _INTERNAL.search(line):
        return line
    return f"it ends with an internal error ({type(error).__name__}; --debug shows it)"


def first_line(error: BaseException) -> str:
    r"""The first line of an exception's message, of a long one its first words; its type's name where it has none.

    Example:
        >>> first_line(ValueError("no such layer\nat line 7"))
        'no such layer'
        >>> first_line(ValueError("word " * 100))[-36:]
        'word word word … (--debug shows all)'
    """
    lines = str(error).strip().splitlines()
    if not lines:
        return type(error).__name__
    line = lines[0]
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rsplit(' ', 1)[0]} … (--debug shows all)"
