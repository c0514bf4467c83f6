"""The process that reads the Keras model and converts it: `python -m numbre_export.convert.worker`.

It keeps within limits of memory and processor time, so an untrusted model cannot exhaust the machine, and a converter
that aborts ends only this process. Requests are lines of JSON on standard input, answers are lines of JSON on standard
output; arrays and model files are in the files that a request names.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from numbre_export.convert.arrays import read_array, write_array, write_content
from numbre_export.convert.float_file import SUFFIXES, FloatFile, read_float_file
from numbre_export.convert.keras_file import KerasModel, read_model
from numbre_export.convert.to_onnx import to_onnx
from numbre_export.convert.to_tflite import to_tflite
from numbre_export.convert.variant import Variant
from numbre_runtime.errors import ModelError, NumbreError, one_line
from numbre_runtime.process_limits import limit_process

MEMORY_LIMIT = 8 << 30
"""Bytes of data that the process may hold; TensorFlow alone takes about one GiB."""
PROCESSOR_SECONDS = 1800
_UNLIMITED = "this system limits no process's memory: a model from a stranger could take all of it"
_MOST_DETAILS = 1 << 18
"""Characters of a traceback; converters put whole graphs into theirs."""


class _Worker:
    """Answers requests."""

    def __init__(self, notes: Sequence[str]) -> None:
        self._notes = notes
        self._source: KerasModel | FloatFile | None = None
        self._float32_onnx: bytes | None = None

    def open(self, path: str, input_shape: list[int] | None) -> dict[str, Any]:
        """Reads the model."""
        if Path(path).suffix in SUFFIXES:
            return self._open_float_file(Path(path))
        source = self._source = read_model(Path(path), None if input_shape is None else tuple(input_shape))
        return {
            "name": source.model.name,
            "file": source.file,
            "sha256": source.sha256,
            "input_shape": source.input_shape,
            "classes": source.classes,
            "preprocessing": source.preprocessing,
            "layers": [layer.name for layer in source.model.layers if _rank(layer) > 1],
            "independent": source.independent,
            "notes": [*source.notes, *self._notes],
            "convolutional": any(_rank(layer) > 2 for layer in source.model.layers),
        }

    def _open_float_file(self, path: Path) -> dict[str, Any]:
        source = self._source = read_float_file(path)
        return {
            "name": path.stem,
            "file": source.file,
            "sha256": source.sha256,
            "input_shape": source.input_shape,
            "classes": source.classes,
            "preprocessing": None,
            "layers": source.layers,
            "notes": self._notes,
            "convolutional": len(source.input_shape) > 1,
        }

    def scores(self, inputs: str, out: str) -> dict[str, Any]:
        """Runs the model on an array, (N, *input shape) float32; writes its output, (N, classes)."""
        write_array(Path(out), self._opened().scores(read_array(Path(inputs))))
        return {}

    def convert(self, variant: dict[str, Any], calibration: str | None, out: str) -> dict[str, Any]:
        """Makes a model file."""
        wanted = Variant(**{**variant, "kept": tuple(variant["kept"])})
        source = self._opened()
        rows = np.zeros(0, np.float32) if calibration is None else read_array(Path(calibration))
        values = rows.reshape(-1, *source.input_shape)
        if isinstance(source, FloatFile):
            write_content(Path(out), source.convert(wanted, values))
            return {}
        values = values.astype(source.model.inputs[0].dtype)
        if wanted.format == "tflite":
            content = to_tflite(source.model, wanted, values)
        else:
            if self._float32_onnx is None:
                self._float32_onnx = to_onnx(source.model, Variant("float32", "onnx"), values)
            content = to_onnx(self._float32_onnx, wanted, values)
        write_content(Path(out), content)
        return {}

    def _opened(self) -> KerasModel | FloatFile:
        if self._source is None:
            raise ModelError("no model is open")
        return self._source


def _rank(layer: Any) -> int:
    """Dimensions of a layer's kernel; 0 without weights."""
    return max((len(item.shape) for item in layer.weights), default=0)


def main() -> int:
    """Answers requests until standard input ends."""
    limited = limit_process(MEMORY_LIMIT, PROCESSOR_SECONDS)
    # Converters print to standard output, which is the channel for answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = _Worker([] if limited else [_UNLIMITED])
    methods: dict[str, Callable[..., dict[str, Any]]] = {
        "open": worker.open,
        "scores": worker.scores,
        "convert": worker.convert,
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = methods[request.pop("do")](**request)
        except (NumbreError, MemoryError) as error:
            answer = {"error": one_line(error), "details": traceback.format_exc()[-_MOST_DETAILS:]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
