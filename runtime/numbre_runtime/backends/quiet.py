"""Holds back what engines and converters print to standard error from native code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from numbre_runtime.errors import NumbreError


def _scratch_file() -> IO[bytes]:
    """A file in memory where the system has that; tempfile's import would cost a cold start two milliseconds."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    import tempfile

    return tempfile.TemporaryFile()


@contextmanager
def quiet_engine() -> Iterator[None]:
    """Holds back what native code prints to standard error, such as LiteRT's greeting, unless the block fails."""
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        yield
        return
    sys.stderr.flush()
    saved = os.dup(descriptor)
    with _scratch_file() as held:
        os.dup2(held.fileno(), descriptor)
        try:
            yield
        except BaseException as error:
            if not isinstance(error, (NumbreError, KeyboardInterrupt)):
                held.seek(0)
                with suppress(OSError):
                    os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, descriptor)
            os.close(saved)
