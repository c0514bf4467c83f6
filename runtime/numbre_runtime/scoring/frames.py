"""Dataframes of pictures in, dataframes of answers out: the query that the engine runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

import daft
import pyarrow as pa
from daft import DataFrame, col, lit
from daft.functions import download, monotonically_increasing_id, when

from numbre_runtime.bundle import bundle_path, read_bundle
from numbre_runtime.errors import DataError
from numbre_runtime.scoring.engine import on_cluster, workers
from numbre_runtime.scoring.picture_answers import bundle_files
from numbre_runtime.scoring.sources import ParquetRows, PictureFiles, TableRows, Unit, units
from numbre_runtime.scoring.udf import array_scorer, picture_scorer

if TYPE_CHECKING:
    import os

KEY, ORDER, PICTURE = "_key", "_order", "_picture"
"""Names that no source's column has: Daft confuses an old and a new column of one name around a Python function."""
_FEW_ROWS = 256
"""Rows that are not worth spreading over several workers."""
ANSWER_COLUMNS = ("label", "confidence", "recognized", "box", "error")
NUMBER_COLUMNS = ("text", "confidence", "box", "error")


def score(
    source: DataFrame | str | os.PathLike[str] | Sequence[str],
    bundle: str | os.PathLike[str] | None = None,
    *,
    column: str = "pixels",
    read: bool = False,
) -> DataFrame:
    """Scores pictures as a Daft dataframe, which is computed when its rows are asked for.

    Args:
        source: A Daft dataframe, or paths as `numbre-score` takes them.
        bundle: A bundle's directory or the name of one that ships; None is the default one.
        column: The column with pixels (lists of numbers), encoded pictures (binary), or paths and addresses (text).
        read: Whether to read all numbers of each picture, one row a number, instead of one digit.

    Returns:
        The source's columns without `column`, and `label`, `confidence`, `recognized`, `box`, `error`; with `read`
        `text`, `confidence`, `box`, `error`. A picture that cannot be read has its reason in `error`.

    Raises:
        ScoreNotInstalledError: Daft is missing.
        BundleError: The bundle is incomplete or altered.
        DataError: A source is missing or has no such column.

    Example:
        >>> import daft, numpy
        >>> images = daft.from_pydict({"key": ["a"], "pixels": [numpy.zeros(784, "uint8").tolist()]})
        >>> score(images).column_names
        ['key', 'label', 'confidence', 'recognized', 'box', 'error']
    """
    path = bundle_path(bundle)
    read_bundle(path)
    files = bundle_files(path)
    if isinstance(source, daft.DataFrame):
        frame = source
    else:
        sources = [str(source)] if not isinstance(source, Sequence) or isinstance(source, str) else list(source)
        frames = [unit_frame(unit, column) for unit in units(sources, column)]
        answered = scored(reduce(DataFrame.concat, frames).exclude(ORDER), PICTURE, files, read, shown=column)
        return answered.with_column_renamed(KEY, "key")
    return scored(frame, column, files, read)


def unit_frame(unit: Unit, column: str, key: str | None = None) -> DataFrame:
    """A unit's dataframe, with the columns KEY (text), ORDER (rising in the unit's order) and PICTURE.

    Args:
        unit: The unit.
        column: The column with the pictures.
        key: The column with the rows' keys; None takes FILE#ROW, and a picture file's own path.

    Raises:
        DataError: The unit has no such column.
    """
    if isinstance(unit, PictureFiles):
        frame = daft.from_pydict({KEY: list(unit.paths), ORDER: list(range(len(unit.paths)))})
        frame = frame.with_column(PICTURE, col(KEY))
        return _spread(frame, unit.rows)
    if isinstance(unit, TableRows):
        numbers = pa.array(range(unit.first, unit.first + unit.rows), pa.int64())
        frame = _spread(daft.from_arrow(unit.table.append_column(ORDER, numbers)), unit.rows)
    else:
        frame = _parquet_frame(unit)
    names = [name for name in frame.column_names if name != ORDER]
    for name in (column, key):
        if name is not None and name not in names:
            raise DataError(f"{unit.path}: no column '{name}'; it has {', '.join(names[:8])}")
    keys = lit(f"{unit.path}#") + col(ORDER).cast(daft.DataType.string()) if key is None else col(key)
    return frame.select(keys.cast(daft.DataType.string()).alias(KEY), col(ORDER), col(column).alias(PICTURE))


def _parquet_frame(unit: ParquetRows) -> DataFrame:
    """Rows of row groups with their numbers in the file; a row group is one partition, whose ids begin at 0."""
    frames = []
    for group, start in zip(unit.groups, unit.starts, strict=True):
        rows = daft.read_parquet([unit.path], row_groups=[[group]])
        frames.append(rows.with_column(ORDER, monotonically_increasing_id().cast(daft.DataType.int64()) + lit(start)))
    return reduce(DataFrame.concat, frames)


def _spread(frame: DataFrame, rows: int) -> DataFrame:
    """Rows of this process in as many partitions as there are workers, on a cluster."""
    if rows < _FEW_ROWS or not on_cluster():
        return frame
    return frame.into_partitions(workers())


def scored(
    frame: DataFrame,
    column: str,
    files: Mapping[str, bytes],
    read: bool,
    *,
    seen: bool = False,
    fetch: bool = True,
    shown: str = "",
) -> DataFrame:
    """Replaces a dataframe's column of pictures by the columns of its answers.

    Args:
        frame: The dataframe.
        column: Its column of pictures.
        files: The bundle's files; see `bundle_files`.
        read: See `score`.
        seen: Whether to keep the column `seen`, the network's input of unsure rows.
        shown: The column's name for messages, if another one.
        fetch: Whether some pictures may be addresses, which Daft fetches; False where all are paths.
    """
    kind = frame.schema()[column].dtype
    others = [col(name) for name in frame.column_names if name != column]
    if kind.is_list() or kind.is_fixed_size_list():
        if read:
            raise DataError(f"the column {shown or column} holds pixels of single images; --read takes pictures")
        result = array_scorer(files).arrays(col(column))
    elif kind.is_string() or kind.is_binary():
        scorer = picture_scorer(files, workers(), on_cluster())
        pictures = _named_or_fetched(col(column), kind, fetch)
        result = scorer.pages(*pictures) if read else scorer.pictures(*pictures)
    else:
        raise DataError(
            f"the column {shown or column} holds {kind}; expected lists of pixels, encoded pictures, or paths"
        )
    answered = frame.select(*others, result.alias(PICTURE))
    if read:
        answered = answered.explode(col(PICTURE))
    names = NUMBER_COLUMNS if read else (*ANSWER_COLUMNS, *(("seen",) if seen else ()))
    return answered.select(*others, *(col(PICTURE)[name].alias(name) for name in names))


def _named_or_fetched(
    pictures: daft.Expression, kind: daft.DataType, fetch: bool
) -> tuple[daft.Expression, daft.Expression]:
    """The pictures' names and contents: an address is fetched here, a path on the worker's disk is opened there."""
    if kind.is_binary():
        return lit(None).cast(daft.DataType.string()), pictures
    if not fetch:
        return pictures, lit(None).cast(daft.DataType.binary())
    addresses = when(pictures.contains("://"), pictures).otherwise(lit(None))
    return pictures, download(addresses, on_error="null")
