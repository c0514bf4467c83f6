"""A whole run: unit by unit from the sources to the parts, and from the parts to the output."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from numbre_runtime.bundle import bundle_path, read_bundle
from numbre_runtime.errors import NumbreError, one_line
from numbre_runtime.scoring.frames import ANSWER_COLUMNS, KEY, NUMBER_COLUMNS, ORDER, PICTURE, scored, unit_frame
from numbre_runtime.scoring.parts import OutputParts
from numbre_runtime.scoring.picture_answers import bundle_files, identity
from numbre_runtime.scoring.sources import PictureFiles, Unit, known_rows, units
from numbre_runtime.scoring.tally import Doubtful, Tally

_ATTEMPTS = 3
"""Times that a unit is tried: a worker that is lost takes its query with it."""
_LOG = logging.getLogger(__name__)


class ScoreError(NumbreError, RuntimeError):
    """The engine failed on a unit again and again."""


class Progress(NamedTuple):
    """How far a run is."""

    rows: int
    """Rows that are done, those of an earlier start included."""
    total: int | None
    """Rows of all sources; None where only reading tells."""
    rate: float
    """Rows a second since this start."""

    @property
    def remaining_s(self) -> float | None:
        """Seconds until the end at this rate; None where the total is not known."""
        return None if self.total is None or not self.rate else (self.total - self.rows) / self.rate


def run_job(
    sources: Sequence[str],
    out: Path,
    bundle: str | None = None,
    *,
    column: str = "pixels",
    key: str | None = None,
    read: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Tally:
    """Scores all rows of some sources into one output file; goes on where an earlier, interrupted run stopped.

    Args:
        sources: See `units`.
        out: The output, .parquet, .csv or .jsonl.
        bundle: See `numbre_runtime.load`.
        column: See `frames.score`.
        key: See `unit_frame`.
        read: See `frames.score`.
        progress: Called after each unit.

    Returns:
        The counts of the whole output.

    Raises:
        BundleError: The bundle is incomplete or altered.
        DataError: A source cannot be read.
        OutputError: The output cannot be written; see `OutputParts`.
        ScoreError: The engine failed.
    """
    path = bundle_path(bundle)
    manifest = read_bundle(path).manifest
    files = bundle_files(path)
    total = known_rows(sources)
    settings = {"sources": list(sources), "column": column, "key": key, "read": read, "bundle": identity(files)}
    files_read = [source for source in sources if not Path(source).is_dir()]
    parts = OutputParts(out, settings, [*files_read, str(path)])
    done, rows_now, start = 0, 0, time.perf_counter()
    for number, unit in enumerate(units(sources, column)):
        if not parts.has(number):
            parts.write(number, _score_unit(unit, column, key, files, read))
            rows_now += unit.rows
        done += unit.rows
        progress(Progress(done, total, rows_now / (time.perf_counter() - start)))
    tally = Tally(manifest, done, rows_now / max(time.perf_counter() - start, 1e-9), single=not read)
    for table in parts.tables():
        tally.add(table)
    parts.join(["key", *(NUMBER_COLUMNS if read else ANSWER_COLUMNS), "bundle"])
    return tally


def _score_unit(unit: Unit, column: str, key: str | None, files: dict[str, bytes], read: bool) -> pa.Table:
    """A unit's rows in their order, with the bundle's identity and the pixels of its most doubtful rows."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            fetch = not (isinstance(unit, PictureFiles) and unit.local)
            frame = scored(
                unit_frame(unit, column, key), PICTURE, files, read, seen=not read, fetch=fetch, shown=column
            )
            table = frame.to_arrow()
            break
        except NumbreError:
            raise
        except Exception as cause:
            # Daft wraps what a worker raises into errors of many kinds, and a lost worker is one more.
            own = _own_error(cause)
            if own is not None:
                raise own from cause
            if attempt == _ATTEMPTS:
                raise ScoreError(f"the engine failed {attempt} times: {one_line(cause)[-300:]}") from cause
            _LOG.warning("a unit failed and is tried again: %s", one_line(cause)[-300:])
    table = table.sort_by(ORDER).drop_columns([ORDER])
    table = table.rename_columns(["key" if name == KEY else name for name in table.column_names])
    if "seen" in table.column_names:
        table = Doubtful.keep_most(table)
    names = pa.array([identity(files)]).dictionary_encode().take(pa.array([0] * len(table), pa.int32()))
    return table.append_column("bundle", names.cast(pa.string()))


def _own_error(cause: BaseException) -> NumbreError | None:
    """The error that NUMBRE raised inside a worker, if there is one behind the engine's."""
    seen: BaseException | None = cause
    while seen is not None:
        if isinstance(seen, NumbreError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def describe(progress: Progress) -> str:
    """A line on how far a run is."""
    of = f" of {progress.total:,}" if progress.total is not None else ""
    left = progress.remaining_s
    rest = f", {left:,.0f} s to go" if left is not None else ""
    return f"{progress.rows:,}{of} rows, {progress.rate:,.0f} a second{rest}"
