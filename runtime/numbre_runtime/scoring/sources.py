"""What a source holds, cut into units: portions that are scored in one query and written as one part.

A source is a folder or a glob of pictures, a Parquet, CSV or JSON-lines file, an IDX or npz file, or an address that
Daft reads (s3://…). Units are found lazily and always in the same order, so that a run can go on where an earlier one
stopped.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from numbre_runtime.errors import DataError
from numbre_runtime.files import read_limited
from numbre_runtime.idx import map_idx
from numbre_runtime.npz import UNPACKED_LIMIT, read_npz
from numbre_runtime.pictures.listing import PICTURES, is_picture, pictures_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS, FILES = 131_072, 16_384
"""Rows of arrays, and pictures, of one unit."""
_TABLES = {".parquet": "parquet", ".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


@dataclass(frozen=True)
class ParquetRows:
    """Row groups of one Parquet file, read by the workers themselves."""

    path: str
    """The file."""
    groups: tuple[int, ...]
    """The numbers of its row groups."""
    starts: tuple[int, ...]
    """For each of them, the number of its first row in the file."""
    rows: int
    """How many rows they have together."""


@dataclass(frozen=True)
class TableRows:
    """Rows of a table that this process has read."""

    path: str
    """Where they come from, for their keys."""
    table: pa.Table
    """The rows."""
    first: int
    """The number of the first of them in the source."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)


@dataclass(frozen=True)
class PictureFiles:
    """Pictures, read by the workers themselves."""

    paths: tuple[str, ...]
    """Paths or addresses; they are the keys too."""

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.paths)

    @property
    def local(self) -> bool:
        """Whether all of them are paths and none an address."""
        return not any("://" in path for path in self.paths)


Unit = ParquetRows | TableRows | PictureFiles


def units(sources: Sequence[str], column: str) -> Iterator[Unit]:
    """The units of some sources, in order.

    Args:
        sources: Paths, globs or addresses.
        column: The column of a table that holds the pictures; an array's unit calls its column so too.

    Raises:
        DataError: A source is missing, empty or of no known kind.
    """
    for source in sources:
        found = False
        for unit in _units_of(source, column):
            found = True
            yield unit
        if not found:
            raise DataError(f"{source}: holds no pictures and no rows")


def known_rows(sources: Sequence[str]) -> int | None:
    """How many rows all sources have together, where that is known before they are read; else None."""
    total = 0
    for source in sources:
        path = Path(source)
        if path.is_dir() or _is_glob(source):
            total += sum(1 for _ in _pictures(source))
        elif path.suffix.lower() == ".parquet" and path.is_file():
            total += _parquet(source).metadata.num_rows
        else:
            return None
    return total


def _units_of(source: str, column: str) -> Iterator[Unit]:
    path = Path(source)
    suffix = path.suffix.lower()
    if "://" in source:
        yield from _addressed(source, suffix)
    elif path.is_dir() or _is_glob(source) or suffix in PICTURES:
        yield from _in_portions(_pictures(source))
    elif not path.exists():
        raise DataError(f"{source}: no such file or folder")
    elif suffix == ".parquet":
        yield from _parquet_units(source)
    elif suffix in _TABLES:
        yield from _table_units(source, _TABLES[suffix])
    elif suffix == ".npz":
        yield from _array_units(source, _npz_images(path), column)
    elif "idx" in path.name:
        yield from _array_units(source, map_idx(path), column)
    else:
        raise DataError(f"{source}: not a source; expected pictures, .parquet, .csv, .jsonl, .npz or IDX images")


def _is_glob(source: str) -> bool:
    return any(mark in source for mark in "*?[") and not os.path.lexists(source)


def _pictures(source: str) -> Iterator[str]:
    """The picture files of a folder or a glob, or the one that is named, in the order of their names."""
    if os.path.isfile(source):  # noqa: PTH113 - the source may be any text
        yield source
        return
    if _is_glob(source):
        top, pattern = _glob_parts(source)
        yield from pictures_in(top, lambda path: fnmatch.fnmatch(path, pattern))
    else:
        yield from pictures_in(source)


def _glob_parts(source: str) -> tuple[str, str]:
    """The folder above a glob's first pattern, and the pattern of whole paths; `**/` stands for any folders."""
    parts = Path(source).parts
    fixed = next(index for index, part in enumerate(parts) if any(mark in part for mark in "*?["))
    return str(Path(*parts[:fixed])) if fixed else ".", source.replace("**/", "*") if fixed else f"./{source}"


def _in_portions(paths: Iterator[str]) -> Iterator[PictureFiles]:
    portion: list[str] = []
    for path in paths:
        portion.append(path)
        if len(portion) == FILES:
            yield PictureFiles(tuple(portion))
            portion = []
    if portion:
        yield PictureFiles(tuple(portion))


def _addressed(source: str, suffix: str) -> Iterator[Unit]:
    """Units of an address: a table is read here in portions, pictures by the workers."""
    import daft

    if suffix in _TABLES and not _is_glob(source):
        readers: dict[str, Callable[[str], daft.DataFrame]]
        readers = {"parquet": daft.read_parquet, "csv": daft.read_csv, "json": daft.read_json}
        first = 0
        for batch in readers[_TABLES[suffix]](source).to_arrow_iter():
            table = pa.Table.from_batches([batch])
            yield TableRows(source, table, first)
            first += len(table)
        return
    listed = daft.from_glob_path(source if _is_glob(source) else f"{source.rstrip('/')}/**").sort("path")
    yield from _in_portions(path for path in listed.to_pydict()["path"] if is_picture(path))


def _parquet(source: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source)
    except (OSError, pa.ArrowException) as cause:
        raise DataError(f"{source}: not a readable Parquet file ({cause})") from cause


def _parquet_units(source: str) -> Iterator[ParquetRows]:
    with _parquet(source) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    groups: list[int] = []
    starts: list[int] = []
    rows = start = 0
    for group, size in enumerate(sizes):
        if groups and rows + size > ROWS:
            yield ParquetRows(source, tuple(groups), tuple(starts), rows)
            groups, starts, rows = [], [], 0
        groups.append(group)
        starts.append(start)
        rows, start = rows + size, start + size
    if rows:
        yield ParquetRows(source, tuple(groups), tuple(starts), rows)


def _table_units(source: str, kind: str) -> Iterator[TableRows]:
    # Here, because it takes pandas along, where there is pandas.
    import pyarrow.dataset as ds

    first = 0
    try:
        for batch in ds.dataset(source, format=kind).to_batches(batch_size=ROWS):
            if batch.num_rows:
                yield TableRows(source, pa.Table.from_batches([batch]), first)
                first += batch.num_rows
    except (OSError, pa.ArrowException) as cause:
        raise DataError(f"{source}: not a readable {kind.upper()} table ({cause})") from cause


def _array_units(source: str, images: NDArray[Any], column: str) -> Iterator[TableRows]:
    for first in range(0, len(images), ROWS):
        rows = np.ascontiguousarray(images[first : first + ROWS]).reshape(min(ROWS, len(images) - first), -1)
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])
        yield TableRows(source, pa.table({column: lists}), first)


def _npz_images(path: Path) -> NDArray[Any]:
    arrays = read_npz(read_limited(path, UNPACKED_LIMIT, DataError), str(path), DataError)
    for name in ("images", "x", "x_test"):
        if name in arrays and arrays[name].ndim >= 2:
            return arrays[name]
    raise DataError(f"{path}: holds {', '.join(sorted(arrays)) or 'nothing'}; expected an array 'images' or 'x' (N, …)")
