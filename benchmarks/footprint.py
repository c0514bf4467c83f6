"""Installed size and import time of the runtime with each engine, and of what it replaces.

Sizes are of the wheels' files as pip unpacks them, bytecode left out, for x86_64 and for aarch64 (Raspberry Pi OS of
64 bits, Debian 12, Python 3.11); import times are of whole processes, in turn, on this machine.
"""

from __future__ import annotations

import functools
import io
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import interleaved, write_result
from environments import ROOT, UnavailableError, clean, environment, installed_mb
from numbre_runtime.remote.wheel import runtime_wheel

BOUNDS = {"x86_64": 145.0, "aarch64": 125.0}
"""Most MB of the runtime with LiteRT."""
_PYTHON, _GLIBC = "3.11", 36
_ROUNDS = 7


@dataclass(frozen=True)
class Choice:
    """A way to install something."""

    title: str
    """Its name in the table."""
    requirements: tuple[str, ...]
    """The requirements that pip installs besides the runtime and its base."""
    statement: str
    """The module whose import is timed."""
    environment: str
    """The environment's name; empty if only the wheels are looked at."""
    ours: bool = True
    """Whether it is the runtime with an engine."""


_BASE = "import numbre_runtime.classifier"
CHOICES = (
    Choice("NumPy alone", (), _BASE, "runtime"),
    Choice("[litert], the default", ("ai-edge-litert>=2.1",), f"{_BASE}, ai_edge_litert.interpreter", "runtime-litert"),
    Choice("[litert] with LiteRT 2.1.1", ("ai-edge-litert==2.1.1",), "", ""),
    Choice("[onnx]", ("onnxruntime>=1.18",), f"{_BASE}, onnxruntime", "runtime-onnx"),
    Choice("[tflite]", ("tflite-runtime==2.14.0", "numpy<2"), f"{_BASE}, tflite_runtime.interpreter", "runtime-tflite"),
    Choice("scikit-learn", ("scikit-learn",), "import sklearn.neural_network", "scikit-learn", ours=False),
    Choice("PyTorch (CPU)", ("torch==2.13.0", "numpy"), "import torch", "torch", ours=False),
    Choice("TensorFlow", ("tensorflow",), "import tensorflow", "tensorflow", ours=False),
)


def main() -> int:
    """Measures, prints, writes results/footprint.json; exit code 1 if a bound is missed."""
    rows: list[dict[str, Any]] = []
    pythons: dict[str, Path] = {}
    for choice in CHOICES:
        row: dict[str, Any] = {"choice": choice.title, "ours": choice.ours}
        if choice.ours:
            row["wheels_mb"] = {machine: _wheels_mb(choice.requirements, machine) for machine in BOUNDS}
        if choice.environment:
            try:
                pythons[choice.title] = environment(choice.environment, _requirements(choice))
                row["installed_mb"] = installed_mb(pythons[choice.title])
            except UnavailableError as cause:
                row["skipped"] = str(cause)
        rows.append(row)
        print(row, flush=True)
    imports = {
        choice.title: functools.partial(
            subprocess.run, [str(pythons[choice.title]), "-c", choice.statement], env=clean(), check=True,
            capture_output=True,
        )
        for choice in CHOICES
        if choice.title in pythons
    }  # fmt: skip
    seconds = interleaved(imports, _ROUNDS)
    for row in rows:
        if row["choice"] in seconds:
            row["import_s"] = statistics.median(seconds[row["choice"]])
    totals = {machine: sum(rows[1]["wheels_mb"][machine].values()) for machine in BOUNDS}
    missed = [machine for machine, bound in BOUNDS.items() if not 0 < totals[machine] <= bound]
    for machine, total in totals.items():
        print(f"runtime with LiteRT on {machine}: {total:.1f} MB (at most {BOUNDS[machine]:g})")
    write_result("footprint", {"rows": rows, "totals_mb": totals, "bounds_mb": BOUNDS})
    return int(bool(missed))


def _requirements(choice: Choice) -> tuple[str, ...]:
    if not choice.ours:
        return choice.requirements
    extra = choice.environment.partition("-")[2]
    return (f"{ROOT / 'runtime'}{f'[{extra}]' if extra else ''}",)


def _wheels_mb(requirements: tuple[str, ...], machine: str) -> dict[str, float]:
    """Each package's MB, the runtime's own included; empty where a wheel is missing."""
    tags = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(17, _GLIBC + 1)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
                   "--only-binary=:all:", f"--python-version={_PYTHON}", f"--dest={folder}", *tags,
                   f"--platform=manylinux2014_{machine}", "numpy>=1.24", "Pillow>=13", *requirements]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{machine}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
            return {}
        sizes = {path.name.split("-")[0].lower(): _unpacked_mb(path.read_bytes()) for path in Path(folder).iterdir()}
    return {**dict(sorted(sizes.items())), "numbre_runtime": _unpacked_mb(runtime_wheel()[1])}


def _unpacked_mb(wheel: bytes) -> float:
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return sum(entry.file_size for entry in archive.infolist() if not entry.filename.endswith(".pyc")) / 1e6


if __name__ == "__main__":
    sys.exit(main())
