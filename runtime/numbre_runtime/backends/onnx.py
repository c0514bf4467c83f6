"""ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbre_runtime.backends.base import BATCH, Session, not_imported, refused
from numbre_runtime.backends.onnx_structure import onnx_ends
from numbre_runtime.tensors import Encoder, as_stored

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _OnnxSession:
    """An ONNX model; ONNX Runtime's own sessions may be used from many threads."""

    def __init__(self, session: Any, version: str) -> None:
        self.version, self.batch = version, BATCH
        self._session = session
        model_input = session.get_inputs()[0]
        self._input = model_input.name
        self._shape = tuple(model_input.shape[1:])

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """See `Session.run`."""
        stored = encode(rows).reshape(len(rows), *self._shape)
        try:
            output: NDArray[Any] = self._session.run(None, {self._input: stored})[0]
        except Exception as cause:
            raise refused("ONNX Runtime", cause) from cause
        return output

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """See `Session.runner`."""
        return lambda: self.run(buffer)


def open_model(content: bytes, threads: int) -> Session:
    """See `Backend.open_model`."""
    try:
        import onnxruntime
    except ImportError as cause:
        raise not_imported("onnxruntime", "onnx", cause) from cause

    try:
        onnx_ends(content)
    except ValueError as cause:
        raise refused("ONNX Runtime", cause) from cause
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Processors without VNNI add two 8-bit products in 16 bits and saturate; with this option ONNX Runtime uses
    # another kernel there, which gives the same bits as every other processor.
    options.add_session_config_entry("session.x64quantprecision", "1")
    # Bytes that begin like ONNX Runtime's own format are no ONNX file, and would not be checked as one.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        # Without its fallback, which tries the same again and prints to standard output.
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)
        return _OnnxSession(session, f"onnxruntime {onnxruntime.__version__}")
    except Exception as cause:
        raise refused("ONNX Runtime", cause) from cause
