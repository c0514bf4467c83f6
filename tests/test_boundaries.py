"""What the contracts of import-linter cannot say: third-party modules, and what is loaded at run time."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

_HEAVY = ("tensorflow", "keras", "onnx", "tf2onnx", "matplotlib", "pandas")


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
def test_the_runtime_imports_no_training_or_export_library(path: Path) -> None:
    # Page.to_pandas is for those who have pandas.
    allowed = {"pandas"} if path.parts[-2:] == ("page", "result.py") else set()
    heavy = set(_HEAVY) - allowed
    assert not [name for name in _imports(path) if any(_within(name, library) for library in heavy)]


@pytest.mark.parametrize("path", _sources("runtime/numbre_runtime"), ids=lambda path: path.stem)
def test_only_page_reading_imports_opencv(path: Path) -> None:
    allowed = path.parent.name == "page"
    assert allowed or not [name for name in _imports(path) if _within(name, "cv2")]


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


def test_the_linter_of_imports_sees_a_turned_arrow(tmp_path: Path) -> None:
    for folder in ("runtime", "train", "export", "teach"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.tflite", "*.onnx", "*.npz"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    tensors = tmp_path / "runtime" / "numbre_runtime" / "tensors.py"

    def lint() -> str:
        path = os.pathsep.join(str(tmp_path / folder) for folder in ("runtime", "train", "export", "teach"))
        code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
        command = [sys.executable, "-c", code, "--no-cache"]
        environment = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        ).stdout

    assert " 0 broken" in lint()
    tensors.write_text(f"{tensors.read_text()}\nimport numbre_runtime.loading\n")
    assert "numbre_runtime.tensors is not allowed to import numbre_runtime.loading" in " ".join(lint().split())
