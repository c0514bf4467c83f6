"""A float model that exists as a .tflite or .onnx file: the reference of its own integer files. Needs no TensorFlow.

The file is checked by the runtime before an engine sees it; engines then run it in the worker, within its limits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_export.convert.arrays import batches
from numbre_export.convert.file_facts import onnx_facts, tflite_facts
from numbre_export.convert.onnx_graph import PRODUCTS, read_onnx
from numbre_export.convert.tflite_graph import operator_name, read_tflite, tensor_types
from numbre_export.convert.to_onnx import to_onnx
from numbre_export.convert.to_tflite import quantize_tflite
from numbre_export.convert.variant import Variant
from numbre_runtime.backends.onnx_structure import onnx_ends
from numbre_runtime.backends.tflite_structure import tflite_ends
from numbre_runtime.errors import ModelError
from numbre_runtime.files import read_limited

SUFFIXES = (".tflite", ".onnx")
_FILE_LIMIT = 256 << 20
_BATCH = 200
_WEIGHTED = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "BATCH_MATMUL")


@dataclass(frozen=True)
class FloatFile:
    """A float model file and what it takes and gives."""

    content: bytes
    """The file."""
    file: str
    """Its name."""
    format: str
    """"tflite" or "onnx"."""
    input_shape: tuple[int, ...]
    """Shape of one input."""
    classes: int
    """Number of scores."""
    layers: tuple[str, ...]
    """Names of its layers with weights."""

    @property
    def sha256(self) -> str:
        """Hex digest of the file."""
        return hashlib.sha256(self.content).hexdigest()

    def scores(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The model's own output, (N, classes), for N inputs, flattened or not."""
        rows = values.reshape(-1, *self.input_shape)
        run = _tflite_runner(self.content) if self.format == "tflite" else _onnx_runner(self.content)
        parts = [run(part) for part in batches(rows, _BATCH)]
        return np.concatenate(parts).reshape(len(rows), self.classes)

    def convert(self, variant: Variant, calibration: NDArray[np.float32]) -> bytes:
        """Makes another precision of the same format.

        Raises:
            ModelError: Another format was asked for, or the quantizer does not take the file.
        """
        if variant.format != self.format:
            raise ModelError(
                f"of {self.file}, only {self.format} files can be made; --format {self.format} asks for them"
            )
        if self.format == "onnx":
            return to_onnx(self.content, variant, calibration)
        return self.content if variant.precision == "float32" else quantize_tflite(self.content, variant, calibration)


def read_float_file(path: Path) -> FloatFile:
    """Reads a float32 .tflite or .onnx classifier with one input and one output of a fixed shape.

    Raises:
        ModelError: It is missing, damaged, no float32 model, or no classifier.
    """
    content = read_limited(path, _FILE_LIMIT, ModelError)
    tflite = path.suffix == ".tflite"
    try:
        ends = (tflite_ends if tflite else onnx_ends)(content)
    except ValueError as cause:
        raise ModelError(f"{path}: {cause}") from cause
    facts = (tflite_facts if tflite else onnx_facts)(content)
    if facts.integer or {ends.input.dtype, ends.output.dtype} != {"float32"}:
        raise ModelError(f"{path}: not a float32 model; name the float file that it was made of")
    shape, scores = ends.input.shape[1:], ends.output.shape[1:]
    if 0 in (*shape, *scores) or not shape or int(np.prod(scores)) < 2:
        raise ModelError(f"{path}: takes {shape} and gives {scores}; expected fixed shapes and two or more scores")
    layers = _tflite_layers(content) if tflite else _onnx_layers(content)
    return FloatFile(content, path.name, path.suffix[1:], shape, int(np.prod(scores)), layers)


def _tflite_layers(content: bytes) -> tuple[str, ...]:
    model = read_tflite(content)
    graph, floats = model.subgraphs[0], tensor_types()
    names = [
        graph.tensors[operator.outputs[0]].name.decode()
        for operator in graph.operators
        if operator_name(model.operatorCodes[operator.opcodeIndex]) in _WEIGHTED
        and floats[graph.tensors[operator.inputs[1]].type] == "FLOAT32"
    ]
    return tuple(dict.fromkeys(name.split(";")[0].split("/")[-2] if "/" in name else name for name in names))


def _onnx_layers(content: bytes) -> tuple[str, ...]:
    return tuple(node.name for node in read_onnx(content).graph.node if node.op_type in PRODUCTS)


def _tflite_runner(content: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    taken, given = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        interpreter.resize_tensor_input(taken, rows.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken, rows)
        interpreter.invoke()
        scores: NDArray[np.float32] = interpreter.get_tensor(given)
        return scores

    return run


def _onnx_runner(content: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda rows: session.run(None, {session.get_inputs()[0].name: rows})[0]
