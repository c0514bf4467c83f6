"""Holds back what engines and converters print to standard error from native code."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO

from numbre_runtime.errors import NumbreError

_GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
"""What LiteRT prints once in each process, whatever its log level."""
# Standard error belongs to the whole process: two threads that hold it back at once would give it back crosswise.
_TURN = threading.RLock()


def _scratch_file() -> IO[bytes]:
    """A file in memory where the system has that; tempfile's import would cost a cold start two milliseconds."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


@contextmanager
def quiet_engine() -> Iterator[None]:
    """Holds back what is printed to standard error, unless the block fails."""
    with _held(lambda printed, failed: printed if failed else b""):
        yield


@contextmanager
def without_greeting() -> Iterator[None]:
    """Holds back LiteRT's greeting; what else is printed to standard error meanwhile follows after the block."""
    with _held(lambda printed, _: printed.replace(_GREETING, b"")):
        yield


@contextmanager
def _held(passed_on: Callable[[bytes, bool], bytes]) -> Iterator[None]:
    """Holds standard error back; `passed_on` takes what was printed and whether the block failed."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        yield
        return
    with _TURN, _scratch_file() as held:
        sys.stderr.flush()
        saved = os.dup(descriptor)
        os.dup2(held.fileno(), descriptor)
        failed = False
        try:
            yield
        except BaseException as error:
            failed = not isinstance(error, (NumbreError, KeyboardInterrupt))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, descriptor)
            held.seek(0)
            with suppress(OSError):
                os.write(saved, passed_on(held.read(), failed))
            os.close(saved)
