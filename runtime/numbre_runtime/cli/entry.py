"""Where the commands start: before anything slow is imported, so that Ctrl-C is one line from the first moment on."""

from __future__ import annotations

import os
import signal
import sys

_INTERRUPTED = 130


def _leave_at_once(_number: int, _frame: object) -> NoReturn:
    # Nothing is under way yet that could be lost. A KeyboardInterrupt among imports would end up in C code that turns
    # it into an ImportError, or in a finalizer that drops it.
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(_INTERRUPTED)


def _catch_ctrl_c() -> None:
    """Ends the process with one line at Ctrl-C, unless whoever started it has switched Ctrl-C off (nohup, &)."""
    # In another program, such as a test runner, Ctrl-C is not this module's.
    program = os.path.basename(sys.argv[0])  # noqa: PTH119 - pathlib is not imported yet
    own = program == "numbre" or program.startswith("numbre-")
    if own and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave_at_once)


_catch_ctrl_c()

import warnings  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from contextlib import AbstractContextManager, nullcontext, suppress  # noqa: E402
from importlib import import_module  # noqa: E402
from typing import NoReturn  # noqa: E402

from numbre_runtime.cli.streams import protect_streams  # noqa: E402
from numbre_runtime.imports import importing  # noqa: E402


def run_module(
    name: str,
    argv: Sequence[str] | None = None,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> int:
    """Imports a command's module and runs its `main`, within what `around` gives; returns the exit code."""
    _catch_ctrl_c()
    try:
        protect_streams()
        # Other packages' warnings are no errors of the user's, whatever -W or PYTHONWARNINGS say.
        if sys.warnoptions:
            warnings.simplefilter("default")
        with importing():
            module = import_module(name)
        if signal.getsignal(signal.SIGINT) is _leave_at_once:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with around():
            code: int = module.main(argv)
        return code
    except KeyboardInterrupt:
        _leave_at_once(signal.SIGINT, None)
    finally:
        # The interpreter's own end raises no exception that anybody could catch.
        _catch_ctrl_c()


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


def umbrella() -> NoReturn:
    """numbre, and python -m numbre_runtime."""
    _leave(run_module("numbre_runtime.cli.umbrella"))


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


def serve() -> int:
    """numbre-serve."""
    return run_module("numbre_runtime.cli.serve")


def deploy() -> int:
    """numbre-deploy."""
    return run_module("numbre_runtime.cli.deploy")
