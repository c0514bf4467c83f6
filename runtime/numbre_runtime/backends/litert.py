"""LiteRT (package ai-edge-litert), the maintained successor of tflite-runtime."""

from __future__ import annotations

from typing import Any

from numbre_runtime.backends.base import Session, not_imported, refused
from numbre_runtime.backends.interpreter import InterpreterSession


def open_model(content: bytes, threads: int) -> Session:
    """See `Backend.open_model`."""
    try:
        from ai_edge_litert import __version__, interpreter
    except ImportError as cause:
        raise not_imported("ai-edge-litert", "litert", cause) from cause

    def new_interpreter() -> Any:
        return interpreter.Interpreter(model_content=content, num_threads=threads)

    try:
        return InterpreterSession(new_interpreter, f"litert {__version__}", threads)
    except (ValueError, RuntimeError, SystemError) as cause:
        raise refused("LiteRT", cause) from cause
