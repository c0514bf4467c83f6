"""A summary of a data set, made in one pass; the memory needed does not grow with the data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_train.data.rows import Rows

FIRST_IMAGES, ENDS = 9, 5


@dataclass(frozen=True)
class Column:
    """The values of one column."""

    number: int
    """0 is the label, 1–784 are the pixels, row by row."""
    counts: NDArray[np.int64]
    """(256,) number of rows with each value."""
    first: list[int]
    """The values of the first rows, at most five."""
    last: list[int]
    """The values of the last rows, at most five."""


@dataclass(frozen=True)
class Summary:
    """A summary of a data set."""

    rows: int
    """Number of images."""
    label_counts: NDArray[np.int64]
    """(classes,) number of images of each class."""
    pixel_counts: NDArray[np.int64]
    """(256,) number of pixels with each value."""
    first: Rows
    """The first images, at most nine."""
    column: Column | None
    """The requested column; None if none was."""


def summarize(chunks: Iterable[Rows], classes: int, column: int | None = None) -> Summary:
    """Summarizes rows in one pass.

    Args:
        chunks: All rows, some at a time, at least one.
        classes: Number of classes.
        column: A column to look at, 0–784.
    """
    labels, pixels, values = np.zeros(classes, np.int64), np.zeros(256, np.int64), np.zeros(256, np.int64)
    images: list[NDArray[np.uint8]] = []
    image_labels: list[np.uint8] = []
    first: list[int] = []
    last: list[int] = []
    for chunk in chunks:
        labels += np.bincount(chunk.labels, minlength=classes)
        for start in range(0, len(chunk), 4096):
            pixels += np.bincount(chunk.images[start : start + 4096].ravel(), minlength=256)
        room = FIRST_IMAGES - len(images)
        images += list(chunk.images[:room])
        image_labels += list(chunk.labels[:room])
        if column is not None:
            own = chunk.labels if column == 0 else chunk.images.reshape(len(chunk), -1)[:, column - 1]
            values += np.bincount(own, minlength=256)
            first += own[: ENDS - len(first)].tolist()
            last = (last + own[-ENDS:].tolist())[-ENDS:]
    return Summary(
        rows=int(labels.sum()),
        label_counts=labels,
        pixel_counts=pixels,
        first=Rows(np.array(images), np.array(image_labels)),
        column=None if column is None else Column(column, values, first, last),
    )
