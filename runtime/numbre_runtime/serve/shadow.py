"""A second bundle that gets the requests of a served one, is compared with it, and never answers."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numbre_runtime.backends.quiet import quiet_engine
from numbre_runtime.errors import NumbreError, one_line
from numbre_runtime.serve.refusal import RefusedError
from numbre_runtime.serve.served_model import Answers, ServedModel, bundle_mark, load_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_WAITING = 64
"""Requests that wait for the shadow; beyond, they are not compared, so that nobody waits for it."""
_LARGEST_TENSOR = 64 << 10
"""Bytes of a request's tensor that is compared."""

logger = logging.getLogger("numbre.serve")


class Shadow:
    """One bundle in the shadow of a served model. Its directory may appear, change and go at any time."""

    def __init__(self, name: str, path: Path, threads: int) -> None:
        """Loads it, if it is there.

        Args:
            name: The name of the served model.
            path: The bundle's directory.
            threads: Threads that the engine may use for one call.
        """
        self.name = name
        self.model: ServedModel | None = None
        """The bundle; None while there is none, or one that fails its checks."""
        self.compared = self.disagreed = self.skipped = 0
        """Images compared, those of them with another label, and requests that were not compared."""
        self.seconds = 0.0
        """Time that its answers took, all together."""
        self.model_seconds = 0.0
        """Time that the served model takes for the same images, as measured when it was loaded."""
        self._path, self._threads, self._waiting = path, threads, 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"shadow of {name}")
        self._mark: object = None
        self.reload_if_changed()

    def reload_if_changed(self) -> None:
        """Reads the bundle again if its directory leads elsewhere, or its manifest is another."""
        mark = bundle_mark(self._path)
        if mark == self._mark:
            return
        self._mark, self.model = mark, None
        if not self._path.exists():
            return
        try:
            with quiet_engine():
                self.model = load_model(self.name, self._path, self._threads)
        except (NumbreError, OSError, MemoryError) as error:
            logger.warning("%s: the bundle in its shadow is refused: %s", self.name, one_line(error))
            return
        self.compared = self.disagreed = self.skipped = 0
        self.seconds = self.model_seconds = 0.0
        logger.warning("%s: version %s runs in its shadow", self.name, self.model.version)

    def compare(self, model: ServedModel, tensor: NDArray[Any], answers: Answers) -> None:
        """Has the shadow answer the same images later, in a thread of its own.

        Args:
            model: The served model.
            tensor: The images as they came.
            answers: What it answered.
        """
        shadow = self.model
        if shadow is None:
            return
        # Stored int8 values are those of one model file; those of another may stand for other pixels.
        if self._waiting >= _MOST_WAITING or tensor.nbytes > _LARGEST_TENSOR or tensor.dtype.name == "int8":
            self.skipped += 1
            return
        self._waiting += 1
        self._thread.submit(self._compare, shadow, model, tensor, answers)

    def _compare(self, shadow: ServedModel, model: ServedModel, tensor: NDArray[Any], answers: Answers) -> None:
        start = time.perf_counter()
        try:
            found = shadow.answer(tensor).label
        except RefusedError:
            # Another kind of input: it disagrees with everything.
            found = None
        finally:
            self._waiting -= 1
        self.seconds += time.perf_counter() - start
        self.model_seconds += model.seconds * len(answers.label)
        self.compared += len(answers.label)
        self.disagreed += len(answers.label) if found is None else int((found != answers.label).sum())

    def close(self) -> None:
        """Lets its thread end; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
