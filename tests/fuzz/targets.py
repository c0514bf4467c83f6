"""Each reader of untrusted bytes as a function of bytes, which raises only what the reader promises."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

from fuzz.engine_child import EngineChild
from fuzz.http_request import answer
from numbre_runtime.backends.onnx_structure import onnx_ends
from numbre_runtime.backends.tflite_structure import tflite_ends
from numbre_runtime.bundle import DEFAULT_BUNDLE, Bundle, read_bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.errors import DataError, NumbreError
from numbre_runtime.idx import parse_idx
from numbre_runtime.manifest import Manifest
from numbre_runtime.npz import read_npz
from numbre_runtime.pictures.digit import find_digit
from numbre_runtime.strict_json import parse_json
from numbre_train.data.csv_files import read_csv

_INT8 = "model.int8.tflite"


@functools.cache
def _shipped() -> Bundle:
    return read_bundle(DEFAULT_BUNDLE)


@functools.cache
def _engine(name: str) -> EngineChild:
    return EngineChild(name)


def picture(content: bytes) -> None:
    """A picture in memory, brought to MNIST's form."""
    find_digit(content)


def tflite_structure(content: bytes) -> None:
    """The structural check of a TFLite file."""
    tflite_ends(content)


def onnx_structure(content: bytes) -> None:
    """The structural check of an ONNX file."""
    onnx_ends(content)


def numpy_backend(content: bytes) -> None:
    """A TFLite file that NumPy computes."""
    bundle = _shipped()._replace(contents={**_shipped().contents, _INT8: content})
    open_artifact(bundle, bundle.artifact(_INT8), "numpy").predict_raw(bundle.golden().inputs[:1])


def litert_backend(content: bytes) -> None:
    """A TFLite file that LiteRT runs, in a child process, which must survive what passes the structural check."""
    tflite_ends(content)
    _engine("litert").run(content)


def onnxruntime_backend(content: bytes) -> None:
    """As `litert_backend`, of ONNX Runtime."""
    onnx_ends(content)
    _engine("onnxruntime").run(content)


def manifest(content: bytes) -> None:
    """A manifest."""
    Manifest.from_json(content, "manifest.json").to_json()


def json(content: bytes) -> None:
    """Strict JSON."""
    parse_json(content, "x.json", DataError)


def npz(content: bytes) -> None:
    """An npz file."""
    read_npz(content, "x.npz", DataError)


def idx(content: bytes) -> None:
    """An IDX file."""
    parse_idx(content, "x-idx3-ubyte")


def csv(content: bytes) -> None:
    """A CSV file of digits."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.csv"
        path.write_bytes(content)
        for _ in read_csv(path, 10):
            pass


def keras_file(content: bytes) -> None:
    """A Keras file, as far as it is read without Keras."""
    from numbre_export.convert.keras_file import refuse_unsafe

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "model.keras"
        path.write_bytes(content)
        refuse_unsafe(path, content)


def http(content: bytes) -> None:
    """A request to the service, which never fails at one."""
    status = answer(content)
    assert status < 500, status


TARGETS: dict[str, tuple[Callable[[bytes], None], type[Exception]]] = {
    "picture": (picture, NumbreError),
    "tflite_structure": (tflite_structure, ValueError),
    "onnx_structure": (onnx_structure, ValueError),
    "numpy_backend": (numpy_backend, NumbreError),
    "litert_backend": (litert_backend, ValueError),
    "onnxruntime_backend": (onnxruntime_backend, ValueError),
    "manifest": (manifest, NumbreError),
    "json": (json, NumbreError),
    "npz": (npz, NumbreError),
    "idx": (idx, NumbreError),
    "csv": (csv, NumbreError),
    "keras_file": (keras_file, NumbreError),
    "http": (http, NumbreError),
}
"""Name to the reader and what it may raise."""
ENGINES = ("litert_backend", "onnxruntime_backend")
"""Targets whose crash ends a child process alone; users meet it in the trial, which is such a child too."""
