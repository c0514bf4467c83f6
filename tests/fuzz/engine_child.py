"""A child process that opens and runs model files with one engine, one after another, and is replaced if it dies."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys

from numbre_runtime.backends import backend, backend_format
from numbre_runtime.backends.onnx_structure import onnx_ends
from numbre_runtime.backends.tflite_structure import tflite_ends
from numbre_runtime.doctor.trial import MEMORY_LIMIT
from numbre_runtime.errors import NumbreError

_LIMIT_S = 20


class EngineChild:
    """Runs files in a child and counts how many of them killed it."""

    def __init__(self, name: str) -> None:
        self.name, self.deaths = name, 0
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, content: bytes) -> None:
        """Runs a file in the child; a death of the child is counted, anything else but its answer raises."""
        process = self._process
        if process is None or process.poll() is not None:
            command = [sys.executable, "-c", "from fuzz.engine_child import main; main()", self.name]
            process = self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(len(content).to_bytes(4, "big") + content)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if answer == b"":
            process.wait()
            self.deaths += 1
        elif answer != b"fine\n":
            raise AssertionError(f"{self.name}: {answer.decode()}")


def main() -> None:
    """The child: reads files from standard input, answers with a line each."""
    import numpy as np

    name = sys.argv[1]
    # Engines print to standard output, too; the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ends = tflite_ends if backend_format(name) == "tflite" else onnx_ends
    while head := sys.stdin.buffer.read(4):
        content = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        soft = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime) + _LIMIT_S
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        answer = "fine"
        try:
            found = ends(content)
            session = backend(name).open_model(content, 1)
            values = int(np.prod(found.input.shape[1:]))
            with contextlib.suppress(NumbreError):
                session.run(np.zeros((2, values), found.input.dtype))
        except NumbreError:
            pass
        except Exception as error:  # noqa: BLE001 - what must not come out is the finding
            answer = f"{type(error).__name__}: {error}".replace("\n", " ")
        print(answer, file=answers, flush=True)
