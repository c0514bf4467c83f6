"""Where the commands start: before anything slow is imported, so that Ctrl-C is one line from the first moment on."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module

_INTERRUPTED = 130


def run_module(name: str, argv: Sequence[str] | None = None) -> int:
    """Imports a command's module and runs its `main`; returns the exit code."""
    # Imports make objects that stay and no garbage; looking for some meanwhile takes a twentieth of a cold start.
    gc.disable()
    try:
        module = import_module(name)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    finally:
        gc.freeze()
        gc.enable()
    code: int = module.main(argv)
    return code


def predict() -> int:
    """numbre-predict."""
    return run_module("numbre_runtime.cli.predict")


def read() -> int:
    """numbre-read."""
    return run_module("numbre_runtime.cli.read")


def bench() -> int:
    """numbre-bench."""
    return run_module("numbre_runtime.cli.bench")


def doctor() -> int:
    """numbre-doctor."""
    return run_module("numbre_runtime.cli.doctor")
