"""What a backend is: a module with `open_model`, which gives a session that maps raw tensors to raw tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from numbre_runtime.errors import BackendError, BackendNotInstalledError, one_line
from numbre_runtime.tensors import Encoder, as_stored

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH = 1024
"""Rows that every session takes in one call."""


class Session(Protocol):
    """One loaded model. It may be used from many threads."""

    version: str
    """The engine's name and version, "litert 2.3.0"."""

    batch: int
    """Rows that `run` takes at most; larger batches are cut by the caller, best into equal parts."""

    def run(self, rows: NDArray[Any], encode: Encoder = as_stored) -> NDArray[Any]:
        """Runs the model.

        Args:
            rows: (N, values), 1 ≤ N ≤ `batch`.
            encode: Turns them into the artifact's input type, best where the engine reads them.

        Returns:
            (N, classes) in the artifact's output type, owned by the caller.
        """

    def runner(self, buffer: NDArray[Any]) -> Callable[[], NDArray[Any]]:
        """Returns a function that runs the model on whatever row `buffer` holds, as fast as the engine can.

        Args:
            buffer: (1, values) in the artifact's input type; the caller overwrites it before each call.

        Returns:
            A function for one thread at a time, which gives what `run` gives.
        """


class Backend(Protocol):
    """A backend's module."""

    def open_model(self, content: bytes, threads: int) -> Session:
        """Loads a model file's bytes.

        Raises:
            BackendNotInstalledError: The engine is not installed.
            BackendError: The engine is installed and does not load the model.
        """


def not_imported(package: str, extra: str, cause: ImportError) -> BackendError:
    """The error for an engine that cannot be imported: missing, or there and unusable."""
    if isinstance(cause, ModuleNotFoundError):
        return BackendNotInstalledError(f"{package} is not installed; run: pip install 'numbre-runtime[{extra}]'")
    return BackendError(f"{package} is installed and does not import ({one_line(cause)}); run: numbre-doctor")


def refused(engine: str, cause: BaseException) -> BackendError:
    """The error for an engine that does not load or run a model."""
    return BackendError(f"{engine} does not run this model: {one_line(cause)}")
