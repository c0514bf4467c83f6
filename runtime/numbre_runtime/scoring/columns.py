"""Columns of pixel lists as arrays for the classifier."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from numbre_runtime.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from numbre_runtime.manifest import InputSpec


def holds_lists(kind: pa.DataType) -> bool:
    """Whether a column's type is a list of numbers, nested to any depth."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def batch_of_pixels(column: pa.Array, spec: InputSpec) -> tuple[NDArray[Any], list[str | None]]:
    """Turns a column of pixel lists into one array.

    Args:
        column: N lists of integers 0–255 or of floats 0–1, nested as the shape or flat.
        spec: The model's input; where it takes measured values instead of pixels, any finite number is right.

    Returns:
        (M, *spec.shape) uint8 or float32 of the M rows that are images, and for each of the N rows its fault, or None.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    shape, values = spec.shape, math.prod(spec.shape)
    errors: list[str | None] = [None] * len(column)
    if not _is_uniform(column, values):
        sizes = _sizes(column)
        errors = [None if size == values else _wrong_size(int(size), values) for size in sizes]
        column = column.filter(pa.array([error is None for error in errors]))
    flat = _flat(column)
    numbers = flat.to_numpy(zero_copy_only=False)
    if numbers.dtype == np.uint8:
        return numbers.reshape(-1, *shape), errors
    rows = numbers.reshape(-1, values)
    whole = numbers.dtype.kind in "iu" and spec.dtype == "uint8"
    lowest, highest = (-np.inf, np.inf) if spec.dtype == "float32" else (0, 255 if whole else 1)
    inside = np.isfinite(rows).all(axis=1) & (rows >= lowest).all(axis=1) & (rows <= highest).all(axis=1)
    positions = [index for index, error in enumerate(errors) if error is None]
    for position in np.array(positions, np.intp)[~inside]:
        errors[position] = f"a value is not finite or outside {lowest:g}–{highest:g}"
    return rows[inside].astype(np.uint8 if whole else np.float32).reshape(-1, *shape), errors


def _is_uniform(column: pa.Array, values: int) -> bool:
    """Whether every row is there and has so many numbers, told without looking at each."""
    if column.null_count:
        return False
    size = 1
    while holds_lists(column.type):
        if not pa.types.is_fixed_size_list(column.type) or column.null_count:
            return False
        size *= column.type.list_size
        column = column.flatten()
    return size == values and column.null_count == 0


def _sizes(column: pa.Array) -> NDArray[np.int64]:
    """How many numbers each row has, all levels together; -1 where a list or a number is missing."""
    lengths: NDArray[np.int64] = pc.fill_null(pc.cast(pc.list_value_length(column), pa.int64()), -1).to_numpy(
        zero_copy_only=False
    )
    cells = column.flatten()
    inner = _sizes(cells) if holds_lists(cells.type) else np.where(cells.is_valid(), 1, -1)
    ends = np.cumsum(np.maximum(lengths, 0))
    starts = ends - np.maximum(lengths, 0)
    missing, present = (np.concatenate([[0], np.cumsum(part)]) for part in (inner < 0, np.maximum(inner, 0)))
    complete = (lengths >= 0) & (missing[ends] == missing[starts])
    return np.where(complete, present[ends] - present[starts], -1)


def _wrong_size(size: int, values: int) -> str:
    return "no pixels, or one is missing" if size < 0 else f"{size} numbers; an image has {values}"


def _flat(column: pa.Array) -> pa.Array:
    while holds_lists(column.type):
        column = column.flatten()
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        raise ImageError(f"a column of {column.type}; pixels are integers 0–255 or floats 0–1")
    return pc.cast(column, pa.float32()) if pa.types.is_float64(column.type) else column
