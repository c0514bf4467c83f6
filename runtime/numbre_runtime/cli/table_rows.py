"""The rows of CSV files, which models of tables classify."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from numbre_runtime.cli.inputs import Input, failing, standard_input
from numbre_runtime.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINE_LIMIT = 1_000_000
"""Most characters of a line."""


def row_inputs(words: Iterable[str], values: int) -> Iterator[Input]:
    """The rows of CSV files, each as an array (values,) of float32, under the names FILE#0, FILE#1 and so on.

    A first row without a number in any column is taken for column names.

    Args:
        words: Paths, or "-" for standard input.
        values: How many numbers a row has.
    """
    for word in words:
        try:
            with _open_text(word) as stream:
                number = 0
                for index, cells in enumerate(csv.reader(_lines(stream))):
                    if not cells or (index == 0 and not any(_is_number(cell) for cell in cells)):
                        continue
                    yield Input(f"{word}#{number}", partial(_row, cells, f"{word}#{number}", values))
                    number += 1
            if number == 0:
                yield failing(word, "holds no rows")
        except ImageError as cause:
            yield failing(word, str(cause).removeprefix(f"{word}: "))
        except FileNotFoundError:
            yield failing(word, "no such file")
        except (OSError, UnicodeError, csv.Error) as cause:
            yield failing(word, f"cannot be read as CSV ({cause})")


def _open_text(word: str) -> io.TextIOBase:
    if word == "-":
        return io.TextIOWrapper(standard_input(), encoding="utf-8-sig", newline="")
    return open(word, encoding="utf-8-sig", newline="")  # noqa: PTH123 - the caller closes it


def _lines(stream: io.TextIOBase) -> Iterator[str]:
    while line := stream.readline(_LINE_LIMIT + 1):
        if len(line) > _LINE_LIMIT:
            raise csv.Error(f"a line of more than {_LINE_LIMIT:,} characters")
        yield line


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _row(cells: list[str], where: str, values: int) -> NDArray[np.float32]:
    if len(cells) != values:
        raise ImageError(f"{where}: {len(cells)} columns; expected {values}, the model's inputs without a label")
    for column, cell in enumerate(cells):
        if not _is_number(cell):
            raise ImageError(f"{where}: column {column} is {cell!r:.70}; expected a finite number")
    return np.array([float(cell) for cell in cells], np.float32)
