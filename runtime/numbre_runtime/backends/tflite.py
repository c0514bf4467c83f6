"""tflite-runtime, for boards and Python versions that LiteRT has no wheel for.

Version 2.14 is its last one. Under NumPy 2 it imports, and fails with a SystemError when an Interpreter is made; so
what tells is the interpreter, not the import.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbre_runtime.backends.base import Session, not_imported, refused
from numbre_runtime.backends.interpreter import InterpreterSession
from numbre_runtime.backends.tflite_structure import tflite_ends
from numbre_runtime.errors import BackendError


def open_model(content: bytes, threads: int) -> Session:
    """See `Backend.open_model`."""
    try:
        import tflite_runtime
        from tflite_runtime import interpreter
    except ImportError as cause:
        raise not_imported("tflite-runtime", "tflite", cause) from cause

    # Of its own: an interpreter keeps the bytes, and could write into those whose digest was checked.
    private = bytes(memoryview(content))

    def new_interpreter() -> Any:
        return interpreter.Interpreter(model_content=private, num_threads=threads)

    try:
        tflite_ends(content)
        return InterpreterSession(new_interpreter, f"tflite_runtime {tflite_runtime.__version__}", threads)
    except SystemError as cause:
        raise BackendError(
            f"tflite-runtime needs NumPy 1, and NumPy {np.__version__} is installed; run: pip install 'numpy<2'"
        ) from cause
    except Exception as cause:
        raise refused("tflite-runtime", cause) from cause
