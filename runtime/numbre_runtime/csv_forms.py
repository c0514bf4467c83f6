"""Answers as rows of CSV; `docs/commands.md` tells what each column holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from numbre_runtime.text import csv_cell

if TYPE_CHECKING:
    from numbre_runtime.classifier import Prediction
    from numbre_runtime.page.result import Page

PREDICTION_COLUMNS = ("image", "label", "confidence", "recognized", "left", "top", "right", "bottom")
"""Columns of a prediction; the box is empty where nothing was looked for."""
PAGE_COLUMNS = ("image", "line", "number", "text", "confidence", "left", "top", "right", "bottom")
"""Columns of a number on a page; lines, and the numbers of a line, count from 1."""


def prediction_cells(name: str, prediction: Prediction) -> tuple[object, ...]:
    """The cells of a prediction, under `PREDICTION_COLUMNS`."""
    box = prediction.found.box if prediction.found is not None else ("",) * 4
    recognized = "true" if prediction.recognized else "false"
    return (name, prediction.label, round(prediction.confidence, 6), recognized, *box)


def page_cells(name: str, page: Page) -> Iterator[tuple[object, ...]]:
    """The cells of each number on a page, under `PAGE_COLUMNS`; none for a page without digits."""
    for line, numbers in enumerate(page.lines, 1):
        for index, number in enumerate(numbers, 1):
            yield (name, line, index, number.text, round(number.confidence, 6), *number.box)


def csv_line(cells: Iterable[object]) -> str:
    r"""A line of CSV (RFC 4180) without its line break; text that spreadsheets would run gets an apostrophe before it.

    Example:
        >>> csv_line(("a,b.png", 7, 0.5, "=1+1"))
        '"a,b.png",7,0.5,\'=1+1'
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow([csv_cell(cell) for cell in cells])
    return stream.getvalue()
