"""The parts of an output: one file for each finished unit, in a folder beside the output, joined at the end.

A part is renamed into place when it is complete. Whatever stops a run leaves only complete parts, which any Parquet
reader reads as one data set. A marker in the folder holds the settings of the run that the parts belong to.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from numbre_runtime.errors import DataError, OutputError
from numbre_runtime.files import check_output, read_limited, write_atomic
from numbre_runtime.text import csv_cell

FORMATS = {".parquet": "parquet", ".csv": "csv", ".jsonl": "jsonl"}
"""Ending of an output file to its format."""
_NOT_PLAIN = r"^\s*[=+\-@]|[\x00-\x1f\x7f-\x9f]"
"""Text that a CSV cell must not hold as it is: a spreadsheet's formula, or control characters."""
_MARKER, _MARKER_LIMIT = "_numbre-score.json", 1 << 20


class OutputParts:
    """The finished parts of one output."""

    def __init__(self, out: Path, identity: dict[str, Any], inputs: Sequence[str] = ()) -> None:
        """Looks for the parts of an earlier start; the folder is made with the first part.

        Args:
            out: The output file.
            identity: All that decides the rows; a folder of parts with another identity is refused.
            inputs: What the run reads; nothing of it is ever overwritten.

        Raises:
            OutputError: The output has no known ending, is a folder, cannot be written, or the folder of the parts is
                not of this run.
        """
        if out.suffix.lower() not in FORMATS:
            raise OutputError(f"{out}: expected a name that ends in {', '.join(FORMATS)}")
        check_output(out, inputs)
        self.out, self.folder = out, out.with_name(f"{out.name}.parts")
        marker = self.folder / _MARKER
        if self.folder.exists() and not marker.is_file():
            raise OutputError(f"{self.folder}: is not a folder of numbre-score; choose another output or remove it")
        if marker.is_file():
            earlier = json.loads(read_limited(marker, _MARKER_LIMIT, DataError))
            changed = sorted(name for name in identity if earlier.get(name) != identity[name])
            if changed:
                raise OutputError(
                    f"{self.folder}: holds parts of a run with other settings ({', '.join(changed)}); remove it to "
                    "begin anew"
                )
        self._identity = identity

    def path(self, number: int) -> Path:
        """Where the part of a unit is, or will be."""
        return self.folder / f"part-{number:06}.parquet"

    def has(self, number: int) -> bool:
        """Whether a unit's part is finished."""
        return self.path(number).exists()

    def write(self, number: int, table: pa.Table) -> None:
        """Writes a unit's part, all or nothing.

        Raises:
            OutputError: It cannot be written.
        """
        if not self.folder.exists():
            self._make_folder()
        with _atomic(self.path(number)) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True)
        except OSError as cause:
            raise OutputError(f"{self.folder}: cannot be written ({cause.strerror or cause})") from cause
        write_atomic(self.folder / _MARKER, json.dumps(self._identity, indent=1).encode())

    def tables(self) -> Iterator[pa.Table]:
        """The finished parts, in order."""
        for path in sorted(self.folder.glob("part-*.parquet")):
            yield pq.read_table(path)

    def join(self, columns: list[str]) -> None:
        """Joins the parts to the output file, all or nothing, and removes their folder.

        Raises:
            OutputError: The output cannot be written; the parts stay.
        """
        writers = {"parquet": _join_parquet, "csv": _join_csv, "jsonl": _join_jsonl}
        with _atomic(self.out) as temporary:
            writers[FORMATS[self.out.suffix.lower()]](temporary, (table.select(columns) for table in self.tables()))
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _atomic(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends without an error."""
    temporary: Path | None = None
    try:
        # Made by open, it gets the permissions that the umask leaves.
        temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}")
        temporary.open("xb").close()
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    except (OSError, pa.ArrowException) as cause:
        raise OutputError(f"{path}: cannot be written ({cause})") from cause
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _join_parquet(path: Path, tables: Iterator[pa.Table]) -> None:
    writer: pq.ParquetWriter | None = None
    for table in tables:
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _join_csv(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("wb") as stream:
        for number, table in enumerate(tables):
            pacsv.write_csv(_flat(table), stream, pacsv.WriteOptions(include_header=number == 0))


def _flat(table: pa.Table) -> pa.Table:
    """A table that CSV can hold: a box is "left top right bottom", and no text begins a spreadsheet's formula."""
    import pyarrow.compute as pc

    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_large_list(column.type) or pa.types.is_list(column.type):
            texts = [None if box is None else " ".join(map(str, box)) for box in column.to_pylist()]
            column = pa.array(texts, pa.large_string())
        elif _is_text(column) and pc.any(pc.match_substring_regex(column, _NOT_PLAIN)).as_py():
            texts = [None if text is None else csv_cell(text) for text in column.to_pylist()]
            column = pa.array(texts, pa.large_string())
        columns[name] = column
    return pa.table(columns)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_large_string(column.type) or pa.types.is_string(column.type))


def _join_jsonl(path: Path, tables: Iterator[pa.Table]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for table in tables:
            for row in table.to_pylist():
                stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
