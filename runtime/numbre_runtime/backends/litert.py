"""LiteRT (package ai-edge-litert), the maintained successor of tflite-runtime."""

from __future__ import annotations

from typing import Any

from numbre_runtime.backends.base import Session, not_imported, refused
from numbre_runtime.backends.interpreter import InterpreterSession
from numbre_runtime.backends.quiet import without_greeting
from numbre_runtime.backends.tflite_structure import tflite_ends


def open_model(content: bytes, threads: int) -> Session:
    """See `Backend.open_model`."""
    try:
        from ai_edge_litert import __version__, interpreter
    except ImportError as cause:
        raise not_imported("ai-edge-litert", "litert", cause) from cause

    # Of its own: an interpreter keeps the bytes, and could write into those whose digest was checked.
    private = bytes(memoryview(content))

    def new_interpreter() -> Any:
        return interpreter.Interpreter(model_content=private, num_threads=threads)

    try:
        tflite_ends(content)
        with without_greeting():
            return InterpreterSession(new_interpreter, f"litert {__version__}", threads)
    except Exception as cause:
        raise refused("LiteRT", cause) from cause
