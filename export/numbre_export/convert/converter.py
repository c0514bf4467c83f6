"""The exporter's side of the worker: asks it to read and convert, and waits no longer than is sensible."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.arrays import read_array, write_array
from numbre_export.convert.reasons import plain_reason
from numbre_export.convert.variant import Variant
from numbre_runtime.errors import ModelError

REQUEST_SECONDS = 600
_ANSWER_LIMIT = 1 << 20
_LAST_WORDS = 1 << 14
"""Bytes of standard error that are kept of a process that ended."""


class WorkerError(Exception):
    """What the worker's traceback or its standard error says: the cause of an error here, shown by --debug."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True)
class SourceModel:
    """Facts about the Keras model, as the worker read them."""

    name: str
    """The model's name."""
    file: str
    """The file's name."""
    sha256: str
    """Hex digest of the file."""
    input_shape: tuple[int, ...]
    """Shape of one input."""
    classes: int
    """Number of scores."""
    preprocessing: str | None
    """"unit" or "none" where the input layer's name says so, as numbre-train's do."""
    layers: tuple[str, ...]
    """Names of the layers that have a kernel."""
    convolutional: bool = False
    """Whether there are convolutions among them."""
    independent: bool = False
    """Whether each score comes out of a sigmoid of its own."""
    notes: tuple[str, ...] = ()
    """What was changed before converting it, and what of the worker's care this system has not, in words."""


@dataclass(frozen=True)
class UploadedRows:
    """Rows that the worker can read, from `Converter.upload`."""

    path: Path
    """The .npy file with them."""
    count: int
    """Number of rows."""


class Converter:
    """A worker process. To be used with `with`; it starts at once and loads TensorFlow while others work."""

    def __init__(self, directory: Path, seconds: float = REQUEST_SECONDS) -> None:
        self._directory = directory
        self._seconds = seconds
        self._count = 0
        self._opened: tuple[Path, tuple[int, ...] | None] | None = None
        self._ended = False
        self._start()

    def _start(self) -> None:
        self._log = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "numbre_export.convert.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
            # Ctrl-C goes to the whole group in the terminal; the exporter decides what it means.
            start_new_session=True,
        )
        # A queue of this process's own, so that a late answer of an earlier one is never taken for its answer.
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # A thread, because Windows waits for sockets with a time limit, and not for pipes.
        threading.Thread(target=_pass_lines, args=(self._process.stdout, self._answers), daemon=True).start()

    def __enter__(self) -> Converter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._log):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def open(self, path: Path, input_shape: tuple[int, ...] | None = None) -> SourceModel:
        """Reads the model; `input_shape` fixes the sizes that a Keras model leaves open.

        Raises:
            ModelError: See `numbre_export.convert.keras_file.read_model`; or reading takes too much memory or time.
        """
        answer = self._ask("reading the model", do="open", path=str(path.absolute()), input_shape=input_shape)
        self._opened = path, input_shape
        facts: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in answer.items()}
        return SourceModel(**facts)

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The Keras model's own output, (N, classes), for (N, values) float32."""
        inputs, out = self.upload(values).path, self._new("npy")
        self._ask("running the model", do="scores", inputs=str(inputs), out=str(out))
        return read_array(out)

    def upload(self, rows: NDArray[np.float32]) -> UploadedRows:
        """Hands rows, (N, values) float32, to the worker; the result may be used for any number of conversions.

        Raises:
            OutputError: The disk is full.
        """
        path = self._new("npy")
        write_array(path, rows)
        return UploadedRows(path, len(rows))

    def convert(self, variant: Variant, calibration: UploadedRows | None = None) -> bytes:
        """Makes a model file.

        Args:
            variant: How to make it.
            calibration: Real rows that show the range of every activation; not needed for `Variant.calibrated` False.

        Raises:
            ModelError: A converter does not take the model, or takes too much memory or time.
        """
        out = self._new("model")
        self._ask(
            f"making {variant.file}",
            do="convert",
            variant=dataclasses.asdict(variant),
            calibration=None if calibration is None else str(calibration.path),
            out=str(out),
        )
        return out.read_bytes()

    def _new(self, suffix: str) -> Path:
        self._count += 1
        return self._directory / f"{self._count}.{suffix}"

    def _ask(self, what: str, **request: Any) -> dict[str, Any]:
        if self._ended:
            # A converter took the process down; the next one gets a new process.
            self._stop()
            self._start()
            self._ended = False
            if self._opened is not None and request["do"] != "open":
                self.open(*self._opened)
        channel = self._process.stdin
        assert channel is not None  # noqa: S101
        try:
            channel.write(json.dumps(request).encode() + b"\n")
            channel.flush()
            line = self._answers.get(timeout=self._seconds)
        except OSError:
            line = b""
        except queue.Empty as cause:
            self._process.kill()
            self._ended = True
            raise ModelError(f"{what} took more than {self._seconds:g} s and was stopped") from cause
        if not line.endswith(b"\n"):
            self._ended = True
            code, printed = self._last_words()
            lines = [text for text in printed.splitlines() if text.strip()]
            last = f": {plain_reason(RuntimeError(lines[-1]))}" if lines else ""
            ended = f"{'signal' if code < 0 else 'exit code'} {abs(code)}{last}"
            raise ModelError(f"{what} ended its process ({ended})") from WorkerError(printed)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelError(answer["error"]) from WorkerError(answer["details"])
        return answer

    def _last_words(self) -> tuple[int, str]:
        """The ended process's exit code, and the end of what it printed."""
        code = self._process.wait()
        self._log.seek(0)
        return code, self._log.read()[-_LAST_WORDS:].decode(errors="replace")


def _pass_lines(stream: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    """Puts each line of a pipe into a queue, and at its end what there is of another one, perhaps nothing."""
    line = b"\n"
    with stream:
        while line.endswith(b"\n"):
            line = stream.readline(_ANSWER_LIMIT)
            lines.put(line)
