"""Arrows between the packages run one way: export → train.data → runtime → NumPy, Pillow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

_HEAVY = ("tensorflow", "keras", "onnx", "tf2onnx", "matplotlib", "pandas", "numbre_train", "numbre_export")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _sources(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    return files


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("path", _sources("runtime/numbre_runtime"), ids=lambda path: path.stem)
def test_runtime_imports_nothing_of_the_toolkit(path: Path) -> None:
    assert not [name for name in _imports(path) if any(_within(name, heavy) for heavy in _HEAVY)]


@pytest.mark.parametrize("path", _sources("runtime/numbre_runtime"), ids=lambda path: path.stem)
def test_only_page_reading_and_video_import_opencv(path: Path) -> None:
    allowed = path.parent.name == "page"
    assert allowed or not [name for name in _imports(path) if _within(name, "cv2")]


@pytest.mark.parametrize("path", _sources("train/numbre_train"), ids=lambda path: path.stem)
def test_training_does_not_import_the_exporter(path: Path) -> None:
    assert not [name for name in _imports(path) if _within(name, "numbre_export")]


@pytest.mark.parametrize("path", _sources("export/numbre_export"), ids=lambda path: path.stem)
def test_exporter_imports_only_the_data_of_training(path: Path) -> None:
    taken = [name for name in _imports(path) if _within(name, "numbre_train")]
    assert all(_within(name, "numbre_train.data") for name in taken)


def test_predicting_loads_no_module_that_it_does_not_need() -> None:
    code = (
        "import sys, numbre_runtime, numpy; numbre_runtime.load().predict(numpy.zeros((28, 28), 'uint8')); "
        "print(*sys.modules)"
    )
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "onnxruntime", "matplotlib", "PIL.Image", "cv2"} & set(modules)


def test_data_package_needs_no_tensorflow() -> None:
    code = "import sys, numbre_train.data; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tensorflow" not in modules
