"""Where the commands start: before anything slow is imported, so that Ctrl-C is one line from the first moment on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from numbre_runtime.imports import importing

_INTERRUPTED = 130


def run_module(name: str, argv: Sequence[str] | None = None) -> int:
    """Imports a command's module and runs its `main`; returns the exit code."""
    try:
        with importing():
            module = import_module(name)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    code: int = module.main(argv)
    return code


def _leave(code: int) -> NoReturn:
    """Ends the process at once, as mypy's commands do (mypy.util.hard_exit).

    Python would take down every module and the engine first, a fifteenth of a cold start.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            # What could not be written has been reported, or its reader has gone.
            with suppress(OSError):
                stream.flush()
    os._exit(code)


def predict() -> NoReturn:
    """numbre-predict."""
    _leave(run_module("numbre_runtime.cli.predict"))


def read() -> NoReturn:
    """numbre-read."""
    _leave(run_module("numbre_runtime.cli.read"))


def bench() -> int:
    """numbre-bench."""
    return run_module("numbre_runtime.cli.bench")


def doctor() -> int:
    """numbre-doctor."""
    return run_module("numbre_runtime.cli.doctor")


def score() -> NoReturn:
    """numbre-score, which leaves at once too: after Ctrl-C the engine's threads may still be at work."""
    _leave(run_module("numbre_runtime.cli.score"))
