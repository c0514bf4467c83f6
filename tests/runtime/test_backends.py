"""Which engine runs, and what happens when one is missing or wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import numbre_runtime as numbre
from numbre_runtime.bundle import Bundle
from numbre_runtime.loading import load_bundle
from numbre_runtime.npz import write_npz
from numbre_train.data import Mnist

ENGINES = {
    "litert": ("ai_edge_litert", "litert"),
    "tflite_runtime": ("tflite_runtime", "tflite"),
    "onnxruntime": ("onnxruntime", "onnx"),
}


def _uninstall(patch: pytest.MonkeyPatch, *engines: str) -> None:
    """Makes the import of engines fail, as where they are not installed."""
    for engine in engines:
        patch.setitem(sys.modules, ENGINES[engine][0], None)


def test_the_first_choice_is_int8_on_litert() -> None:
    classifier = numbre.load()
    assert classifier.artifact.file == "model.int8.tflite"
    assert classifier.backend.startswith("litert ")


def test_the_next_engine_is_taken_where_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    _uninstall(monkeypatch, "litert", "tflite_runtime")
    classifier = numbre.load()
    assert classifier.artifact.file == "model.int8.onnx"
    assert classifier.backend.startswith("onnxruntime ")


def test_with_no_engine_numpy_computes_and_the_warning_names_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _uninstall(monkeypatch, *ENGINES)
    with pytest.warns(UserWarning, match=r"uses NumPy, .* pip install 'numbre-runtime\[litert\]'"):
        classifier = numbre.load()
    assert classifier.artifact.file == "model.int8.tflite"
    assert classifier.backend.startswith("numpy ")


@pytest.mark.parametrize(("file", "extra"), [("model.float32.tflite", "litert"), ("model.int8.onnx", "onnx")])
def test_with_no_engine_the_error_names_the_pip_line(file: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _uninstall(monkeypatch, *ENGINES)
    with pytest.raises(numbre.BackendNotInstalledError, match=rf"pip install 'numbre-runtime\[{extra}\]'"):
        numbre.load(artifact=file)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_asked_for_and_missing_is_named_with_its_extra(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _uninstall(monkeypatch, engine)
    with pytest.raises(ImportError, match=rf"not installed; run: pip install 'numbre-runtime\[{ENGINES[engine][1]}\]'"):
        numbre.load(backend=engine)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(numbre.BackendError, match="unknown backend 'tpu'; choose one of litert"):
        numbre.load(backend="tpu")
    with pytest.raises(numbre.BundleError, match=r"no artifact 'model\.int4\.tflite'; it has model\.int8\.tflite"):
        numbre.load(artifact="model.int4.tflite")
    with pytest.raises(numbre.BundleError, match=r"litert runs none of model\.int8\.onnx"):
        numbre.load(backend="litert", artifact="model.int8.onnx")
    with pytest.raises(numbre.BackendError, match="0 threads"):
        numbre.load(threads=0)


def _misremembered(bundle: Bundle, file: str) -> Bundle:
    """The bundle with golden outputs for one file that no engine gives."""
    golden = bundle.golden()
    outputs = {name: np.array(values) for name, values in golden.outputs.items()}
    outputs[file] = np.roll(outputs[file], 1, axis=1)
    content = write_npz(inputs=golden.inputs, labels=golden.labels, **outputs)
    return Bundle(bundle.path, bundle.manifest, {**bundle.contents, "golden.npz": content})


def test_an_engine_that_misreads_a_file_is_refused(shipped: Bundle) -> None:
    spoiled = _misremembered(shipped, "model.int8.tflite")
    with pytest.raises(numbre.BackendError, match=r"misreads model\.int8\.tflite: 40 of 40 golden vectors"):
        load_bundle(spoiled, backend="litert", artifact="model.int8.tflite")


def test_a_misread_file_is_passed_over_with_a_warning(shipped: Bundle) -> None:
    spoiled = _misremembered(shipped, "model.int8.tflite")
    with pytest.warns(UserWarning, match="misreads"):
        classifier = load_bundle(spoiled)
    assert classifier.artifact.file == "model.int8.onnx"


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.float32.onnx"])
def test_a_file_that_the_engine_does_not_load_is_an_error(shipped: Bundle, file: str, tmp_path: Path) -> None:
    # In a folder of the user's own: the files inside the package are as trusted as its code.
    spoiled = Bundle(tmp_path, shipped.manifest, {**shipped.contents, file: shipped.contents[file][:1000]})
    with pytest.raises(numbre.BundleError, match="refused before any engine sees it"):
        load_bundle(spoiled, artifact=file)


@pytest.mark.parametrize("backend", ["litert", "onnxruntime", "numpy"])
def test_a_session_takes_batches_of_any_size_in_any_order(backend: str, mnist: Mnist) -> None:
    classifier = numbre.load(backend=backend)
    expected = classifier.predict_batch(mnist.test_images[:200])
    for start, end in ((0, 200), (0, 1), (1, 4), (4, 200), (0, 3), (3, 4), (4, 200)):
        found = classifier.predict_batch(mnist.test_images[start:end])
        np.testing.assert_allclose(found, expected[start:end], atol=1e-6)


@pytest.mark.parametrize("file", ["model.int8.tflite", "model.float32.onnx"])
def test_threads_do_not_change_the_answers(file: str, mnist: Mnist) -> None:
    images = mnist.test_images[:500]
    one, two = (numbre.load(artifact=file, threads=threads).predict_batch(images) for threads in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-6)
