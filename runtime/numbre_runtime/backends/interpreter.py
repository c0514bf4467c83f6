"""What LiteRT and tflite-runtime share: the TensorFlow Lite Interpreter's interface."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numbre_runtime.backends.base import BATCH
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
        self._input, self._output, self._row = _ends(self._interpreter)
        self._resize(1)

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """See `Session.run`."""
        with self._lock:
            # Resizing takes no longer than a few images do, and padding may take much longer.
            if len(rows) != self._rows:
                self._resize(len(rows))
            # The interpreter refuses to work as long as anything refers to the array that `tensor` gives.
            encode(rows, self._interpreter.tensor(self._input)().reshape(rows.shape))
            self._interpreter.invoke()
            output: NDArray[Any] = self._interpreter.get_tensor(self._output)
            return output

    def runner(self, place: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """See `Session.runner`. The interpreter is its own, so that there is nothing to resize and nothing to lock."""
        interpreter = self._new_interpreter()
        entry, end, row = _ends(interpreter)
        stored = place.reshape(1, *row)
        interpreter.resize_tensor_input(entry, stored.shape)
        interpreter.allocate_tensors()
        set_tensor, invoke, get_tensor = interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor

        def run() -> NDArray[Any]:
            set_tensor(entry, stored)
            invoke()
            output: NDArray[Any] = get_tensor(end)
            return output

        return run

    def _resize(self, rows: int) -> None:
        self._rows = 0
        self._interpreter.resize_tensor_input(self._input, (rows, *self._row))
        self._interpreter.allocate_tensors()
        self._rows = rows


def _ends(interpreter: Any) -> tuple[int, int, tuple[int, ...]]:
    """The numbers of an interpreter's input and output, and the shape of one row."""
    entry, end = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    return int(entry["index"]), int(end["index"]), tuple(int(size) for size in entry["shape"][1:])
