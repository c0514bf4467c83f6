"""Reading JSON from outside: no key twice, no NaN, no endless nesting.

RFC 8259 leaves open what a repeated key means, and readers differ: a file could show one value to the program that
checks it and another to the one that uses it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, NoReturn

from numbre_runtime.errors import NumbreError

DEEPEST = 32
"""Most lists and objects inside each other."""


def parse_json(content: bytes, where: str, error: type[NumbreError]) -> Any:
    """Reads JSON text.

    Args:
        content: UTF-8; the caller has limited its size.
        where: The file's name, for messages.
        error: The class to raise.

    Returns:
        A dict, list, str, int, finite float, bool or None.

    Raises:
        error: It is no JSON, an object has a key twice, a number is NaN or infinite, or it is nested deeper than
            `DEEPEST`.

    Example:
        >>> from numbre_runtime.errors import DataError
        >>> parse_json(b'{"a": [1, 2.5]}', "a.json", DataError)
        {'a': [1, 2.5]}
    """
    try:
        value = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite
        )
        _check_depth(value)
    except (ValueError, RecursionError) as cause:
        raise error(f"{where}: its JSON does not parse ({cause})") from cause
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r:.60} is there twice")
    return made


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _finite(word: str) -> float:
    number = float(word)
    if not math.isfinite(number):
        raise ValueError(f"the number {word:.20} is too large")
    return number


def _check_depth(value: Any) -> None:
    level, depth = _containers([value]), 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise ValueError(f"nested deeper than {DEEPEST} lists and objects")
        level = _containers(inner for item in level for inner in (item.values() if isinstance(item, dict) else item))


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]
