"""numbre-doctor, as a user runs it, and the cures that it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Run
from numbre_runtime.doctor.board import Board, this_board
from numbre_runtime.doctor.cures import NOTHING_TO_DO, cure
from numbre_runtime.doctor.engines import Probe

_PI4 = Board("Raspberry Pi 4", "Debian 12", "aarch64", 64, "3.11.2", "2.4.6", "13.0.0")
_PI2 = Board("Raspberry Pi 2", "Debian 12", "armv7l", 32, "3.11.2", "1.24.2", "9.4.0")
_PI2_NEW = Board("Raspberry Pi 2", "Debian 13", "armv7l", 32, "3.13.5", "2.2.4", "11.1.0")
_PI4_OLD = Board("Raspberry Pi 4", "Debian 11", "aarch64", 64, "3.11.2", "2.4.6", "13.0.0")
_ZERO = Board("Raspberry Pi Zero", "Debian 12", "armv6l", 32, "3.11.2", "1.24.2", "9.4.0")


def test_says_what_works_and_ends_with_what_is_used(run_command: Run) -> None:
    done = run_command("numbre-doctor")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "Python" in lines[0]
    assert any(line.startswith("numpy ") and "works" in line for line in lines)
    assert lines[-1].startswith("backend that is used: litert ")


def test_json(run_command: Run) -> None:
    found = json.loads(run_command("numbre-doctor", "--json").stdout)
    assert found["used"] == "litert"
    assert [entry["backend"] for entry in found["backends"]] == ["litert", "tflite_runtime", "onnxruntime", "numpy"]
    assert found["board"]["bits"] == 64


def test_deadly_engine_is_a_line_with_its_cure(run_command: Run, tmp_path: Path) -> None:
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "__init__.py").write_text("__version__ = '9.9'\n")
    (tmp_path / "ai_edge_litert" / "interpreter.py").write_text("import os\nos.kill(os.getpid(), 4)\n")
    done = run_command("numbre-doctor", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert "litert         broken at import: this build uses an instruction that the processor does not have" in (
        done.stdout.splitlines()
    )
    assert "→ pip install --upgrade ai-edge-litert" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("backend that is used: onnxruntime ")


_OLD_LIBSTDCXX = (
    "ImportError: /usr/lib/aarch64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by "
    "/home/pi/numbre/lib/python3.11/site-packages/ai_edge_litert/libpywrap_litert_common.so)"
)
"""What the loader of Debian 11 (arm64, cortex-a72) said of LiteRT 2.3.0, whose wheel claims glibc 2.27."""
_NEW_OPERATOR = (
    "ValueError: Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'. An older version of this builtin "
    "might be supported. Are you using an old TFLite binary with a newer model? Registration failed."
)
"""What tflite-runtime 2.14.0 said of a dynamic-range file with a scale for each channel of its dense layers."""


@pytest.mark.parametrize(
    ("found", "board", "cause", "advice"),
    [
        (
            Probe("tflite_runtime", "broken", "", "load", "SystemError: initialization of _pywrap failed"),
            _PI4,
            "built for NumPy 1, and NumPy 2.4.6",
            "pip install 'numpy<2'",
        ),
        (
            Probe("onnxruntime", "broken", "onnxruntime 1.21.0", "inference", "killed by SIGILL"),
            _PI4,
            "onnxruntime 1.21.0 does on Raspberry Pi 3 and 4",
            "pip install --upgrade onnxruntime",
        ),
        (
            Probe("litert", "broken", "litert 2.3.0", "import", _OLD_LIBSTDCXX),
            _PI4_OLD,
            "newer system than Debian 11 (ImportError: /usr/lib/aarch64-linux-gnu/libstdc++.so.6",
            "pip install 'numbre-runtime[onnx]', which runs on older systems",
        ),
        (
            Probe("onnxruntime", "broken", "", "import", "ImportError: version `GLIBC_2.38' not found"),
            _PI2_NEW,
            "newer system than Debian 13",
            "the numpy backend needs no engine",
        ),
        (
            Probe("tflite_runtime", "broken", "tflite_runtime 2.14.0", "load", _NEW_OPERATOR),
            _PI4,
            "older than the model (ValueError: Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'",
            "pip install 'numbre-runtime[litert]'",
        ),
        (
            Probe("tflite_runtime", "broken", "tflite_runtime 2.14.0", "load", _NEW_OPERATOR),
            _PI2,
            "older than the model",
            "export the model with --target tflite-runtime==2.14",
        ),
        (
            Probe("litert", "broken", "litert 1.0.1", "load", _NEW_OPERATOR),
            _PI4,
            "older than the model",
            "pip install --upgrade ai-edge-litert",
        ),
        (
            Probe("onnxruntime", "broken", "onnxruntime 1.21.0", "golden outputs", "BackendError: 31 of 40"),
            _PI2_NEW,
            "computes wrongly",
            "numpy backend",
        ),
        (Probe("litert", "not installed"), _PI4, "not installed", "pip install 'numbre-runtime[litert]'"),
        (Probe("litert", "not installed"), _PI2, "no wheel for 32-bit", NOTHING_TO_DO),
        (Probe("tflite_runtime", "not installed"), _PI2, "not installed", "'numbre-runtime[tflite]'"),
        (Probe("tflite_runtime", "not installed"), _PI2_NEW, "no wheel for Python 3.13.5", NOTHING_TO_DO),
        (Probe("tflite_runtime", "not installed"), _ZERO, "no wheel for 32-bit", NOTHING_TO_DO),
    ],
)  # fmt: skip
def test_cures(found: Probe, board: Board, cause: str, advice: str) -> None:
    said = cure(found, board)
    assert cause in said[0]
    assert advice in said[1]


def test_this_board_is_described() -> None:
    board = this_board()
    assert board.python_minor >= (3, 11)
    assert all((board.model, board.system, board.machine, board.numpy, board.pillow))
