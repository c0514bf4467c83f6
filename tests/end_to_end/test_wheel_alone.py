"""The runtime's wheel alone, installed into a fresh environment as on a device."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

SAMPLES = sorted((ROOT / "samples").glob("*.png"))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """numbre_runtime-….whl, built from a copy so that no build folder is left in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    source = shutil.copytree(ROOT / "runtime", folder / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (result,) = folder.glob("*.whl")
    return result


def _environment(python: str, folder: Path, *requirements: str) -> Path:
    """The bin directory of a fresh environment with these requirements."""
    subprocess.run([python, "-m", "venv", folder], check=True, capture_output=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def _predict(programs: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """numbre-predict from elsewhere, without this tree on the path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [str(programs / "numbre-predict"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=programs, env=clean, check=False)


def test_the_wheel_with_litert_predicts_without_the_toolkit(wheel: Path, tmp_path: Path) -> None:
    programs = _environment(sys.executable, tmp_path / "venv", f"{wheel}[litert]", "--constraint", _constraints())
    done = _predict(programs, "--json", *SAMPLES)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in lines] == [path.stem[-1] for path in SAMPLES]
    assert lines[0]["backend"].startswith("litert ")
    listed = subprocess.run([programs / "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True)
    names = {line.split("==")[0].lower() for line in listed.stdout.splitlines()}
    assert {"numbre-runtime", "numpy", "pillow", "ai-edge-litert"} <= names
    assert not {"tensorflow", "keras", "onnx", "onnxruntime", "matplotlib", "numbre"} & names


def test_the_wheel_with_no_engine_computes_in_numpy_and_names_the_pip_line(wheel: Path, tmp_path: Path) -> None:
    programs = _environment(sys.executable, tmp_path / "venv", str(wheel), "--constraint", _constraints())
    done = _predict(programs, *SAMPLES)
    assert done.returncode == 0
    assert [line.split(": ")[1][0] for line in done.stdout.splitlines()] == [path.stem[-1] for path in SAMPLES]
    assert "pip install 'numbre-runtime[litert]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = _predict(programs, "--backend", "litert", SAMPLES[0])
    assert done.returncode == 2
    assert done.stderr.endswith("run: pip install 'numbre-runtime[litert]'\n")


def test_tflite_runtime_on_python_3_11_with_numpy_1(wheel: Path, tmp_path: Path) -> None:
    python = shutil.which("python3.11")
    if python is None or subprocess.run([python, "-c", "import venv"], capture_output=True, check=False).returncode:
        pytest.skip("needs Python 3.11 (Debian 12's package python3.11-venv): tflite-runtime has no newer wheel")
    programs = _environment(python, tmp_path / "venv", f"{wheel}[tflite]")
    done = _predict(programs, "--json", *SAMPLES)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["label"] for line in lines] == [path.stem[-1] for path in SAMPLES]
    assert lines[0]["backend"] == "tflite_runtime 2.14.0"

    command = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "numpy>=2"]
    subprocess.run(command, check=True, capture_output=True)
    done = _predict(programs, "--backend", "tflite_runtime", SAMPLES[0])
    assert done.returncode == 2
    assert "tflite-runtime needs NumPy 1" in done.stderr
    assert "pip install 'numpy<2'" in done.stderr


def _constraints() -> str:
    return str(ROOT / "constraints.txt")
