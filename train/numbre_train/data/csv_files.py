"""Labelled images in CSV files: column 0 the class, columns 1–784 the pixels 0–255, one image a row.

pandas parses them chunk by chunk, so that memory does not grow with the file. A file that pandas rejects is read a
second time, line by line, to name the bad row and column.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.errors import DataError
from numbre_train.data.rows import Rows

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 785
"""The label and 28 × 28 pixels."""
ROWS_LIMIT = 2_000_000
"""Most rows that are held in memory, at 785 bytes each; `inspect` reads files of any length."""
SUFFIXES = (".csv", ".csv.gz")

_CHUNK = 4096
_LINE_LIMIT, _BLOCK = 64 << 10, 256 << 10
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")


def is_csv(path: Path) -> bool:
    """Whether a file name ends in .csv or .csv.gz."""
    return path.name.lower().endswith(SUFFIXES)


def csv_files(paths: Sequence[Path]) -> list[Path]:
    """The CSV files among some paths: files as named, and of a directory all that it holds, sorted by name.

    Raises:
        DataError: A path does not exist, is no CSV file, or is a directory without any.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if entry.is_file() and is_csv(entry))
            if not inside:
                raise DataError(f"{path}: has no file whose name ends in {' or '.join(SUFFIXES)}")
            files += inside
        elif not path.is_file():
            raise DataError(f"{path}: no such file or directory")
        elif not is_csv(path):
            raise DataError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}")
        else:
            files.append(path)
    return files


def load_csv(files: Sequence[Path], classes: int) -> tuple[Rows, str]:
    """All rows of some files, with labels below `classes`, and a SHA-256 hex digest of what they hold.

    The digest is of pixels and labels, so that a header, gzip or line ends do not change it.

    Raises:
        DataError: A row is bad, no row is there, or there are more than `ROWS_LIMIT`.
    """
    images, labels = np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8)
    count, digest = 0, hashlib.sha256()
    for file in files:
        for chunk in read_csv(file, classes):
            end = count + len(chunk)
            if end > ROWS_LIMIT:
                raise DataError(f"{file}: more than {ROWS_LIMIT:,} rows; train on a part of them")
            if end > len(labels):
                # The arrays grow in place, by a quarter, so memory never holds the rows twice.
                room = end + end // 4
                images.resize((room, 28, 28), refcheck=False)
                labels.resize(room, refcheck=False)
            images[count:end], labels[count:end] = chunk.images, chunk.labels
            digest.update(chunk.images.tobytes() + chunk.labels.tobytes())
            count = end
    images.resize((count, 28, 28), refcheck=False)
    labels.resize(count, refcheck=False)
    return Rows(images, labels), digest.hexdigest()


def read_csv(path: Path, classes: int) -> Iterator[Rows]:
    """The rows of a file, a few thousand at a time.

    Args:
        path: A .csv or .csv.gz file, with or without a header row; blank lines are skipped, whole numbers may be
            written as 12.0.
        classes: Number of classes, 2–256.

    Raises:
        DataError: It cannot be read, is empty, or a row is ragged or holds anything but a label below `classes` and
            pixels 0–255; the message names row (the file's first line is 1) and column (the label's is 0).
    """
    import pandas as pd

    header = _has_header(path)
    done = 0
    with _text(path) as stream:
        try:
            chunks = pd.read_csv(
                stream,
                header=None,
                skiprows=1 if header else 0,
                chunksize=_CHUNK,
                low_memory=False,
                # Without quoting, one stray quote cannot turn the rest of the file into one cell.
                quoting=csv.QUOTE_NONE,
                # Empty cells become NaN anyway; words such as NA or nan stay text and are refused.
                keep_default_na=False,
            )
            for frame in chunks:
                values = _checked(frame, classes)
                if values is None:
                    _raise_bad_row(path, header, done, classes)
                done += len(values)
                yield Rows(values[:, 1:].reshape(-1, 28, 28), np.ascontiguousarray(values[:, 0]))
        except pd.errors.EmptyDataError:
            pass
        except pd.errors.ParserError:
            _raise_bad_row(path, header, done, classes)
    if not done:
        raise DataError(f"{path}: has no rows")


def _checked(frame: DataFrame, classes: int) -> NDArray[np.uint8] | None:
    """A chunk as (rows, 785) uint8, or None if a cell is no valid label or pixel."""
    if frame.shape[1] != COLUMNS or any(dtype.kind not in "iuf" for dtype in frame.dtypes):
        return None
    values: NDArray[Any] = frame.to_numpy()
    if values.min() < 0 or values.max() > 255 or values[:, 0].max() >= classes:
        return None
    pixels = values.astype(np.uint8)
    # NaN passes both comparisons above, but equals nothing; fractions differ from the same number as a byte.
    return pixels if values.dtype.kind != "f" or np.array_equal(values, pixels) else None


def _has_header(path: Path) -> bool:
    """Whether the first line names the columns: no number in it, or only the pixels' own numbers.

    Raises:
        DataError: The line has not 785 columns.
    """
    with _text(path) as stream:
        first = stream.readline()
    cells = [cell.strip().strip('"') for cell in first.rstrip("\r\n").split(",")]
    if not first.strip():
        if first:
            raise DataError(f"{path}: row 1 is blank; expected {COLUMNS} columns, the label and 784 pixels")
        raise DataError(f"{path}: is empty")
    if len(cells) != COLUMNS:
        raise DataError(_ragged(path, 1, len(cells)))
    numbers = [bool(_NUMBER.fullmatch(cell)) for cell in cells]
    counting = [str(number) for number in range(COLUMNS)]
    return not cells[0][:1].isdigit() and (not any(numbers) or cells[1:] in (counting[1:], counting[:-1]))


def _raise_bad_row(path: Path, header: bool, done: int, classes: int) -> NoReturn:
    """Finds the bad cell after the first `done` rows and raises an error that names it."""
    seen = 0
    with _text(path) as stream:
        for number, line in enumerate(stream, 1):
            if (header and number == 1) or not line.strip():
                continue
            seen += 1
            if seen <= done:
                continue
            cells = line.rstrip("\r\n").split(",")
            if len(cells) != COLUMNS:
                raise DataError(_ragged(path, number, len(cells)))
            for column, cell in enumerate(cells):
                top, what = (classes - 1, "a label") if column == 0 else (255, "a pixel")
                value = float(cell) if _NUMBER.fullmatch(cell) else np.nan
                if not (0 <= value <= top and value == int(value)):
                    raise DataError(
                        f"{path}: row {number}, column {column} is {cell!r:.40}; expected {what}, a whole number from "
                        f"0 to {top}"
                    )
    raise DataError(f"{path}: a row after {done:,} good ones is not {COLUMNS} whole numbers separated by commas")


def _ragged(path: Path, row: int, count: int) -> str:
    return f"{path}: row {row} has {count} column{'s' * (count != 1)}; expected {COLUMNS}, the label and 784 pixels"


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    """The file as text, unpacked on the way.

    Raises:
        DataError: It cannot be read or unpacked, or a line is far longer than 785 numbers need.
    """
    try:
        with path.open("rb") as stored:
            unpacked = gzip.GzipFile(fileobj=stored) if path.name.lower().endswith(".gz") else stored
            lines = io.BufferedReader(_ShortLines(unpacked, path), _BLOCK)
            # An invalid byte becomes a character that is no digit, so its cell is reported with row and column.
            with io.TextIOWrapper(lines, encoding="utf-8-sig", errors="replace", newline="") as text:
                yield text
    except (OSError, EOFError, zlib.error) as cause:
        raise DataError(f"{path}: cannot be read ({getattr(cause, 'strerror', None) or cause})") from cause


class _ShortLines(io.RawIOBase):
    """Passes bytes on while no line is longer than a limit, so that no file can fill the memory with one line."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, path: Path) -> None:
        self._source, self._path = source, path
        self._open_line = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, as `io.RawIOBase` asks for.

        Raises:
            DataError: A line is too long.
        """
        block = self._source.read(len(buffer))
        buffer[: len(block)] = block
        breaks = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        ends = np.concatenate(([-1 - self._open_line], breaks, [len(block)]))
        if np.diff(ends).max() > _LINE_LIMIT:
            raise DataError(f"{self._path}: a line of more than {_LINE_LIMIT:,} bytes; not a CSV file of digits")
        self._open_line = len(block) - 1 - int(breaks[-1]) if len(breaks) else self._open_line + len(block)
        return len(block)
