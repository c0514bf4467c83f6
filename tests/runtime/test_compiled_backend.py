"""The c backend: the numpy backend's bits from the kernels that ship, and no file of a bundle is ever compiled."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

import numbre_runtime
from conftest import Run
from numbre_runtime.backends.compiled import open_model
from numbre_runtime.backends.integer import open_model as open_integer_model
from numbre_runtime.bundle import MODELS
from numbre_runtime.errors import BackendError, BackendNotInstalledError, BackendUnsupportedError
from numbre_runtime.native import build
from numbre_train.data import Mnist

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler (Debian: gcc)")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NUMBRE_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", ["numbre-int8", "digits-int8"])
def test_its_outputs_are_the_numpy_backends(name: str, mnist: Mnist) -> None:
    images = mnist.test_images[:1500]
    expected = numbre_runtime.load(name, backend="numpy").predict_raw(images)
    classifier = numbre_runtime.load(name, backend="c")
    np.testing.assert_array_equal(classifier.predict_raw(images), expected)
    assert classifier.predict(images[0]).scores.argmax() == expected[0].argmax()
    assert classifier.backend.startswith("c ")


def test_threads_do_not_share_an_arena(mnist: Mnist) -> None:
    classifier = numbre_runtime.load("digits-int8", backend="c")
    images = mnist.test_images[:400]
    expected = classifier.predict_raw(images)
    found: list[bool] = []

    def work() -> None:
        found.extend(bool((classifier.predict_raw(images) == expected).all()) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 20


def test_the_kernels_are_compiled_once_and_only_ours_are_loaded(cache: Path) -> None:
    content = (MODELS / "numbre-int8" / "model.int8.tflite").read_bytes()
    rows = np.zeros((3, 784), np.int8)
    expected = open_integer_model(content, 1).run(rows)
    open_model(content, 1)
    (library,) = cache.glob("*.so")
    written = library.stat().st_mtime_ns
    open_model(content, 1)
    assert library.stat().st_mtime_ns == written
    # Another user could have put this one there.
    library.unlink()
    library.write_bytes(b"no library")
    library.chmod(0o777)
    np.testing.assert_array_equal(open_model(content, 1).run(rows), expected)
    assert library.stat().st_mode & 0o022 == 0
    assert [path.name for path in cache.iterdir()] == [library.name]


def test_a_cache_that_cannot_be_written_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "cache_directory", lambda: None)
    content = (MODELS / "numbre-int8" / "model.int8.tflite").read_bytes()
    assert open_model(content, 1).run(np.zeros((2, 784), np.int8)).shape == (2, 10)


def test_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (MODELS / "numbre-int8" / "model.int8.tflite").read_bytes()
    with pytest.raises(BackendUnsupportedError):
        open_model((MODELS / "numbre-int8" / "model.float32.tflite").read_bytes(), 1)
    with pytest.raises(BackendError):
        open_model(content[:5000], 1)
    with pytest.raises(BackendError, match="takes int8"):
        open_model(content, 1).run(np.zeros((1, 783), np.int8))
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(BackendNotInstalledError, match="apt install gcc"):
        open_model(content, 1)


def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "library_source", lambda: "#error broken")
    with pytest.raises(BackendError, match="does not compile"):
        build.kernel_library()


def test_the_command_takes_it(run_command: Run, cache: Path) -> None:
    done = run_command("numbre-predict", "--backend", "c", "samples/mnist_7.png", NUMBRE_CACHE_DIR=str(cache))
    assert done.returncode == 0, done.stderr
    assert "7" in done.stdout
