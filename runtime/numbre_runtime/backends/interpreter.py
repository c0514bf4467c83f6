"""What LiteRT and tflite-runtime share: the TensorFlow Lite Interpreter's interface.

An interpreter's input has a fixed number of rows, so a session keeps one for single images and, from the first
batch on, one for as many rows as keep its threads busy; resizing one to and fro costs more than the inference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.backends.base import BATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS_PER_THREAD = 256
_SINGLES = _ROWS_PER_THREAD // 16
"""Up to here, rows run one by one cost less than a padded batch."""


class InterpreterSession:
    """A TFLite model behind the Interpreter interface."""

    def __init__(self, new_interpreter: Callable[[], Any], version: str, threads: int) -> None:
        self.version = version
        self._new_interpreter = new_interpreter
        self._lock = threading.Lock()
        self._single = _Rows(new_interpreter(), 1)
        self._batch: _Rows | None = None
        self._batch_rows = min(_ROWS_PER_THREAD * threads, BATCH)

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """See `Session.run`."""
        if len(rows) == 1:
            with self._lock:
                return self._single.run(rows)
        if len(rows) > self._batch_rows:
            step = self._batch_rows
            return np.concatenate([self.run(rows[start : start + step]) for start in range(0, len(rows), step)])
        with self._lock:
            if len(rows) <= _SINGLES:
                return np.concatenate([self._single.run(rows[index : index + 1]) for index in range(len(rows))])
            if self._batch is None:
                self._batch = _Rows(self._new_interpreter(), self._batch_rows)
            return self._batch.run(rows)


class _Rows:
    """An interpreter whose input has a fixed number of rows."""

    def __init__(self, interpreter: Any, rows: int) -> None:
        entry = interpreter.get_input_details()[0]
        shape = [rows, *(int(size) for size in entry["shape"][1:])]
        self._input = int(entry["index"])
        self._output = int(interpreter.get_output_details()[0]["index"])
        if list(entry["shape"]) != shape:
            interpreter.resize_tensor_input(self._input, shape)
        interpreter.allocate_tensors()
        self._set, self._invoke, self._get = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor
        self._shape = tuple(shape)
        self._padded: NDArray[Any] = np.zeros(shape, entry["dtype"])

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(n, values) in, (n, classes) out, n up to the interpreter's own number of rows."""
        if rows.shape != self._shape:
            count = len(rows)
            if count < self._shape[0]:
                self._padded[:count] = rows.reshape(count, *self._shape[1:])
                return self.run(self._padded)[:count]
            rows = rows.reshape(self._shape)
        self._set(self._input, rows)
        self._invoke()
        output: NDArray[Any] = self._get(self._output)
        return output
