"""Standard output and standard error that never end the work half-way.

A full disk, a reader that has gone (`| head`) and a closed stream (`2>&-`) make every print raise. Training, exporting
and measuring go on instead, and the command says at its end that its output was lost.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


class LastingFile(io.FileIO):
    """A file descriptor that remembers its first failed write and drops what is written afterwards."""

    failure: OSError | None = None
    """Why the first write failed; None as long as all is well."""

    def write(self, content: Any, /) -> int:
        """Writes, or drops the content once a write has failed."""
        if self.failure is None:
            try:
                return super().write(content)
            except OSError as cause:
                self.failure = cause
        return memoryview(content).nbytes


def protect_streams() -> None:
    """Replaces standard output and standard error by streams that outlast their readers; once a process.

    Closed descriptors are opened on the null device, because the next file that is opened would otherwise take their
    numbers, and with them what engines print.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        # With `python -u` there is no buffer between the two.
        raw = getattr(stream.buffer, "raw", stream.buffer)
        if type(raw) is not io.FileIO:
            continue
        with suppress(OSError):
            stream.flush()
        lasting = LastingFile(raw.fileno(), "w", closefd=False)
        setattr(
            sys,
            name,
            io.TextIOWrapper(
                io.BufferedWriter(lasting),
                encoding=stream.encoding,
                errors="backslashreplace",
                line_buffering=stream.line_buffering or name == "stderr",
                write_through=stream.write_through,
            ),
        )


def output_lost() -> OSError | None:
    """Why standard output takes nothing any more, as far as that is known by now; None if it does."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, LastingFile) else None


def output_failure() -> OSError | None:
    """Why standard output is lost; None if all that was printed has arrived."""
    if sys.stdout is None:
        return None
    try:
        sys.stdout.flush()
    except OSError as cause:
        return cause
    return output_lost()


def complain(line: str) -> None:
    """Prints a line to standard error; a standard error that takes nothing is no reason to stop."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(line, file=sys.stderr, flush=True)
