"""The `c` backend: an int8 TFLite model computed by the C kernels, compiled on the machine itself.

It gives the NumPy backend's bits, many times faster, and needs a C compiler. It is used only where it is asked for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends.base import BATCH, Session
from numbre_runtime.backends.integer import open_model as open_integer_model
from numbre_runtime.errors import BackendError
from numbre_runtime.kernels.tflite_file import read_layers
from numbre_runtime.native.arena import plan_arena
from numbre_runtime.native.build import kernel_library
from numbre_runtime.native.kernel_sources import KERNELS
from numbre_runtime.native.steps import Step, steps
from numbre_runtime.native.structs import StepStructure, structure
from numbre_runtime.tensors import Encoder, as_stored


class CompiledSession:
    """A chain of C kernels. Each call has an arena of its own, so that any number of threads may run them.

    Raises:
        BackendNotInstalledError: There is no C compiler.
        BackendError: The kernels do not compile.
    """

    def __init__(self, chain: list[Step]) -> None:
        library, compiler = kernel_library()
        self.version, self.batch = f"c {compiler}", BATCH
        self._run_rows = library.numbre_run_rows
        self._run_rows.restype = None
        self._inputs, self._outputs = chain[0].inputs, chain[-1].outputs
        arena = plan_arena(chain, holds_input=False)
        self._arena, self._scratch = max(arena.bytes, 1), max(arena.scratch, 1)
        self._kept: list[Any] = []
        layers = [structure(step.kernel, step.parameters, self._kept) for step in chain]
        self._kept += layers
        _check_sizes(library, chain, layers)
        offsets = [0, *arena.offsets, 0]
        self._steps = (StepStructure * len(chain))(
            *(
                StepStructure(KERNELS.index(step.kernel), ctypes.addressof(layer), offsets[at], offsets[at + 1])
                for at, (step, layer) in enumerate(zip(chain, layers, strict=True))
            )
        )

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """See `Session.run`."""
        stored = np.ascontiguousarray(encode(rows)).reshape(len(rows), -1)
        if stored.dtype != np.int8 or stored.shape[1] != self._inputs:
            raise BackendError(f"the c backend takes int8 (N, {self._inputs}), got {stored.dtype} {stored.shape}")
        outputs = np.empty((len(rows), self._outputs), np.int8)
        arena, scratch = np.empty(self._arena, np.int8), np.empty(self._scratch, np.int8)
        size = ctypes.c_size_t
        self._run_rows(
            self._steps,
            size(len(self._steps)),
            ctypes.c_void_p(stored.ctypes.data),
            size(self._inputs),
            ctypes.c_void_p(outputs.ctypes.data),
            size(self._outputs),
            ctypes.c_void_p(arena.ctypes.data),
            ctypes.c_void_p(scratch.ctypes.data),
            size(len(rows)),
        )
        return outputs

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """See `Session.runner`."""
        return lambda: self.run(buffer)


def open_model(content: bytes, threads: int) -> Session:
    """See `Backend.open_model`."""
    # It refuses what is damaged, and what the kernels must not be given.
    open_integer_model(content, threads)
    return CompiledSession(steps(read_layers(content)))


def _check_sizes(library: ctypes.CDLL, chain: list[Step], layers: list[ctypes.Structure]) -> None:
    """Makes sure that this processor's compiler lays the structs out as ctypes does.

    Raises:
        BackendError: It does not.
    """
    sizes = (ctypes.c_size_t * (len(KERNELS) + 1))()
    library.numbre_struct_sizes(sizes)
    ours = [(KERNELS.index(step.kernel), ctypes.sizeof(layer)) for step, layer in zip(chain, layers, strict=True)]
    for kernel, size in [*ours, (len(KERNELS), ctypes.sizeof(StepStructure))]:
        if sizes[kernel] != size:
            raise BackendError(f"the C kernels' structs have {sizes[kernel]} bytes, {size} were expected")
