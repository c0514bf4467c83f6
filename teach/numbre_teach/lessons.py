"""The labelled pictures that a network is taught with, prepared as the taught bundle will prepare them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError, ImageError
from numbre_runtime.pictures.digit import to_mnist
from numbre_runtime.pictures.resize import to_shape
from numbre_train.data.classes import class_numbers
from numbre_train.data.labelled import read_labelled
from numbre_train.data.rows import Rows

Preparation = Literal["digit", "whole"]
"""How a picture becomes 28×28: the digit is cut out and brought to MNIST's form, or the whole picture is resized."""
SHAPE = (28, 28)
FEWEST = 4
"""Fewer pictures of a class cannot be split into some to learn from and some to judge by."""


def read_lessons(path: Path, labels: Sequence[str], preparation: Preparation) -> Rows:
    """Reads labelled pictures.

    Args:
        path: A folder a class, or another set of rows as `read_labelled` takes it.
        labels: The bundle's classes.
        preparation: How pictures are prepared; where the digit is cut out, a picture without ink is black.

    Raises:
        DataError: A picture is damaged, a class is none of the bundle's, or no picture is left.
    """
    found = read_labelled(path, _READERS[preparation])
    if found.inputs.shape[1:] != SHAPE or found.inputs.dtype != np.uint8:
        raise DataError(f"{path}: rows of {found.inputs.shape[1:]} {found.inputs.dtype}; expected pictures")
    rows = Rows(found.inputs, class_numbers(found, labels).astype(np.uint8))
    if not rows.images.any():
        raise DataError(f"{path}: all pictures are blank")
    return rows


def split_lessons(
    rows: Rows, share: float, seed: int, fewest: int = FEWEST, otherwise: str = "--test"
) -> tuple[Rows, Rows]:
    """Splits rows class by class: those to learn from, and those to judge by.

    Args:
        rows: The lessons.
        share: Of a class's rows to judge by, 0–1; at least one.
        seed: Decides which.
        fewest: Rows that a class must have.
        otherwise: The option that needs no such split, for the message.

    Raises:
        DataError: A class has fewer.
    """
    generator = np.random.default_rng(seed)
    judged = list[NDArray[np.int64]]()
    for label in np.unique(rows.labels):
        numbers = generator.permutation(np.flatnonzero(rows.labels == label))
        if len(numbers) < fewest:
            raise DataError(
                f"{len(numbers)} pictures of class number {label}; expected {fewest} or more, or {otherwise}"
            )
        judged.append(numbers[: max(1, round(share * len(numbers)))])
    test = np.sort(np.concatenate(judged))
    return rows.take(np.setdiff1d(np.arange(len(rows)), test)), rows.take(test)


def _cut_out(path: Path) -> NDArray[np.uint8]:
    try:
        return to_mnist(path)
    except ImageError as reason:
        if "no digit found" in str(reason):
            return np.zeros(SHAPE, np.uint8)
        raise


def _whole(path: Path) -> NDArray[np.uint8]:
    return to_shape(path, SHAPE)


_READERS: dict[Preparation, Callable[[Path], NDArray[np.uint8]]] = {"digit": _cut_out, "whole": _whole}
