"""What LiteRT and tflite-runtime share: the TensorFlow Lite Interpreter's interface.

An interpreter's input has a fixed number of rows, so a session keeps one for single images and, from the first
batch on, one for `BATCH` rows; resizing one to and fro costs more than the inference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from numbre_runtime.backends.base import BATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SINGLES = BATCH // 16
"""Up to here, rows run one by one cost less than a padded batch."""


class InterpreterSession:
    """A TFLite model behind the Interpreter interface."""

    def __init__(self, new_interpreter: Callable[[], Any], version: str) -> None:
        self.version = version
        self._new_interpreter = new_interpreter
        self._lock = threading.Lock()
        self._single = _Rows(new_interpreter(), 1)
        self._batch: _Rows | None = None

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """See `Session.run`."""
        if len(rows) == 1:
            with self._lock:
                return self._single.run(rows)
        with self._lock:
            if len(rows) <= _SINGLES:
                return np.concatenate([self._single.run(rows[index : index + 1]) for index in range(len(rows))])
            if self._batch is None:
                self._batch = _Rows(self._new_interpreter(), BATCH)
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
        self._interpreter = interpreter
        self._shape = tuple(shape)
        self._padded: NDArray[Any] = np.zeros(shape, entry["dtype"])

    def run(self, rows: NDArray[Any]) -> NDArray[Any]:
        """(n, values) in, (n, classes) out, n up to the interpreter's own number of rows."""
        count = len(rows)
        if count == self._shape[0]:
            values = rows.reshape(self._shape)
        else:
            values = self._padded
            values[:count] = rows.reshape(count, *self._shape[1:])
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        output: NDArray[Any] = self._interpreter.get_tensor(self._output)
        return output[:count]
