"""The wheels that a board needs besides the runtime's own, downloaded here, for boards without a network."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from numbre_runtime.errors import OutputError

_REQUIREMENTS = {
    "litert": ("ai-edge-litert>=2.1",),
    "onnx": ("onnxruntime>=1.18",),
    "tflite": ("tflite-runtime==2.14.0", "numpy<2"),
    "serve": ("prometheus-client>=0.20", "starlette>=0.40", "uvicorn>=0.40"),
    "photo": ("opencv-python-headless>=4.6",),
    "heif": ("pillow-heif>=1.0",),
}
"""Extra of numbre-runtime to what it needs."""
_BASE = ("numpy>=1.24", "Pillow>=13")
_OLDEST_GLIBC = 17


def download_wheels(machine: str, python: str, glibc_minor: int, extras: Sequence[str], folder: Path) -> None:
    """Downloads wheels with pip.

    NumPy and Pillow have no 32-bit wheels; on such boards they are Debian's own.

    Args:
        machine: What the board's wheels call its processor, "aarch64", "armv7l" or "armv6l".
        python: Its Python's version, "3.11".
        glibc_minor: The N of its glibc 2.N; Debian 12 has 2.36, Debian 13 has 2.41.
        extras: Extras of numbre-runtime, "litert".
        folder: Where the wheels go.

    Raises:
        OutputError: pip cannot get one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # pip takes a platform's tag as it is written, and wheels are tagged with the oldest glibc that they run on.
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(_OLDEST_GLIBC, glibc_minor + 1)]
    platforms = [f"--platform={tag}" for tag in (*tags, f"manylinux2014_{machine}", f"linux_{machine}")]
    is_64_bit = machine.endswith("64")
    needs = [need for extra in extras for need in _REQUIREMENTS[extra]]
    engines = [need for need in needs if is_64_bit or not need.startswith("numpy")]
    pure = list(_REQUIREMENTS["serve"]) if "serve" in extras and not is_64_bit else []
    rest = [need for need in engines if need not in pure]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    command += ["--only-binary=:all:", f"--python-version={python}", f"--dest={folder}", *platforms]
    batches = [[*rest, *_BASE]] if is_64_bit else [["--no-deps", *rest] if rest else [], pure]
    for batch in filter(None, batches):
        done = subprocess.run([*command, *batch], capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise OutputError(
                f"{folder}: pip cannot get {' '.join(batch)} ({lines[-1] if lines else 'no reason given'})"
            )
