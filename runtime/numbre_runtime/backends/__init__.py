"""The inference engines, one file each, imported only when one is opened."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from numbre_runtime.backends.base import Backend
from numbre_runtime.errors import BackendError

if TYPE_CHECKING:
    from numbre_runtime.backends.ends import Ends

BACKENDS = ("litert", "tflite_runtime", "onnxruntime", "numpy")
"""Every backend that is tried where none is asked for, in the order of preference."""
COMPILED = "c"
"""The backend that needs a C compiler; it has to be asked for."""
SELECTABLE = (*BACKENDS, COMPILED)
"""Every backend's name."""
OWN = ("numpy", COMPILED)
"""The backends whose kernels are this package's own: they check a model before they run it."""

_FORMATS = {
    "litert": "tflite",
    "tflite_runtime": "tflite",
    "onnxruntime": "onnx",
    "numpy": "tflite",
    COMPILED: "tflite",
}
_MODULES = {
    "litert": "litert",
    "tflite_runtime": "tflite",
    "onnxruntime": "onnx",
    "numpy": "integer",
    COMPILED: "compiled",
}


def backend_format(name: str) -> str:
    """The artifact format that a backend runs.

    Raises:
        BackendError: There is no backend of that name.
    """
    if name not in _FORMATS:
        raise BackendError(f"unknown backend '{name}'; choose one of {', '.join(SELECTABLE)}")
    return _FORMATS[name]


def backend(name: str) -> Backend:
    """The backend of that name; its engine is imported when a model is opened with it.

    Raises:
        BackendError: There is no backend of that name.
    """
    backend_format(name)
    return cast(Backend, import_module(f"numbre_runtime.backends.{_MODULES[name]}"))


def model_ends(content: bytes, format_name: str) -> Ends:
    """Checks a model file's structure and returns its input and output; no engine is imported.

    Args:
        content: The whole file.
        format_name: "tflite" or "onnx".

    Raises:
        ValueError: It is damaged, too large for a board, or holds what an engine must not be given.
    """
    if format_name == "onnx":
        from numbre_runtime.backends.onnx_structure import onnx_ends

        return onnx_ends(content)
    from numbre_runtime.backends.tflite_structure import tflite_ends

    return tflite_ends(content)
