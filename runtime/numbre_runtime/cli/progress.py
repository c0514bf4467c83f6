"""Progress of long work, on the terminal: what the libraries log, printed line by line."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from numbre_runtime.text import terminal


class _Printer(logging.Handler):
    """Prints each record's message at once, so that a pipe shows progress too."""

    def __init__(self, to_stderr: bool) -> None:
        super().__init__()
        self._to_stderr = to_stderr

    def emit(self, record: logging.LogRecord) -> None:
        lines = [record.getMessage()]
        if record.exc_info:
            lines += "".join(traceback.format_exception(record.exc_info[1])).splitlines()
        text = "\n".join(map(terminal, lines))
        print(text, file=sys.stderr if self._to_stderr else sys.stdout, flush=True)


@contextmanager
def progress_shown(*loggers: str, to_stderr: bool = False, debug: bool = False) -> Iterator[None]:
    """Prints what these loggers report at level INFO and above while the block runs.

    Args:
        loggers: Their names, as "numbre_train"; the loggers below each are included.
        to_stderr: True prints to standard error, where standard output carries the result.
        debug: True prints level DEBUG too: the tracebacks of errors that do not end the work.
    """
    handler = _Printer(to_stderr)
    earlier = []
    for name in loggers:
        logger = logging.getLogger(name)
        earlier.append((logger, logger.level, logger.propagate))
        logger.setLevel(logging.DEBUG if debug else logging.INFO)
        # TensorFlow may give the root logger a handler, which would print each line a second time.
        logger.propagate = False
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, level, propagate in earlier:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
