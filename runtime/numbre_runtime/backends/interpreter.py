"""What LiteRT and tflite-runtime share: the TensorFlow Lite Interpreter's interface."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbre_runtime.backends.base import BATCH, refused
from numbre_runtime.tensors import Encoder, as_stored

if TYPE_CHECKING:
    from numpy.typing import NDArray


class InterpreterSession:
    """A TFLite model behind the Interpreter interface."""

    def __init__(self, new_interpreter: Callable[[], Any], version: str, threads: int) -> None:
        self.version = version
        # Threads wait for each other after every operator; the more rows, the less often.
        self.batch = BATCH if threads == 1 else 2 * BATCH
        self._new_interpreter = new_interpreter
        self._lock = threading.Lock()
        self._interpreter = new_interpreter()
        self._input, self._output, self._row = _tensor_indices(self._interpreter)
        self._resize(1)

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """See `Session.run`."""
        with self._lock:
            # Resizing takes as long as a few images; padding the batch instead may take much longer.
            if len(rows) != self._rows:
                self._resize(len(rows))
            # The interpreter refuses to work as long as anything refers to the array that `tensor` gives.
            encode(rows, self._interpreter.tensor(self._input)().reshape(rows.shape))
            try:
                self._interpreter.invoke()
                output: NDArray[Any] = self._interpreter.get_tensor(self._output)
            except Exception as cause:
                raise refused(self.version, cause) from cause
            return output

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """See `Session.runner`. The interpreter is its own, so that there is nothing to resize and nothing to lock."""
        interpreter = self._new_interpreter()
        input_index, output_index, row = _tensor_indices(interpreter)
        stored = buffer.reshape(1, *row)
        interpreter.resize_tensor_input(input_index, stored.shape)
        interpreter.allocate_tensors()
        set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

        def run() -> NDArray[Any]:
            set_tensor(input_index, stored)
            try:
                invoke()
                output: NDArray[Any] = get_tensor(output_index)
            except Exception as cause:
                raise refused(self.version, cause) from cause
            return output

        return run

    def _resize(self, rows: int) -> None:
        self._rows = 0
        try:
            self._interpreter.resize_tensor_input(self._input, (rows, *self._row))
            self._interpreter.allocate_tensors()
        except Exception as cause:
            raise refused(self.version, cause) from cause
        self._rows = rows


def _tensor_indices(interpreter: Any) -> tuple[int, int, tuple[int, ...]]:
    """The numbers of an interpreter's input and output, and the shape of one row."""
    model_input, model_output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    row = tuple(int(size) for size in model_input["shape"][1:])
    return int(model_input["index"]), int(model_output["index"]), row
