"""A folder of wheels for a system, made by the script that users make theirs with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from emulated.boards import System
from emulated.userland import CannotEmulateError

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = ROOT / "scripts" / "wheelhouse.py"
_CONSTRAINTS = ROOT / "constraints.txt"
_PACKAGES = {"litert": "ai-edge-litert", "tflite_runtime": "tflite-runtime", "onnxruntime": "onnxruntime"}
EXTRAS = {"litert": "litert", "tflite_runtime": "tflite", "onnxruntime": "onnx"}
"""Backend name to the extra that installs its engine."""
_TRIES, _PAUSE_S, _LIMIT_S = 3, 10, 600


def constraints(system: System, backend: str) -> dict[str, str]:
    """What has pip take the versions that are installed on x86, so that boards are compared on the same ones.

    On 32-bit systems NumPy and Pillow are Debian's, and tflite-runtime needs an older NumPy.
    """
    pinned = system.bits == 64 and backend != "tflite_runtime"
    return {"PIP_CONSTRAINT": str(_CONSTRAINTS)} if pinned else {}


def gather(system: System, folder: Path) -> dict[str, str]:
    """Fills the folder with wheels of the runtime, of what it needs, and of every engine that has some.

    Returns:
        Backend name to why its engine does not install; empty if it does.

    Raises:
        CannotEmulateError: They cannot be downloaded now.
    """
    found = {name: "" if name == system.engine else _gather_engine(system, name, folder) for name in EXTRAS}
    if all(found.values()) or system.engine:
        _run(system, "none", {}, folder)
    for wheel in folder.glob("*manylinux*_armv7l.whl"):
        # On ARMv7 pip reads the ELF header of Python before it takes a manylinux wheel, and here Python is a script.
        wheel.rename(wheel.with_name(f"{wheel.name.rsplit('-', 1)[0]}-linux_armv7l.whl"))
    return found


def _gather_engine(system: System, name: str, folder: Path) -> str:
    errors = _run(system, EXTRAS[name], constraints(system, name), folder)
    if not errors:
        return ""
    return f"{_PACKAGES[name]} has no wheel for {system.machine} and Python {system.python}"


def _run(system: System, engine: str, environment: dict[str, str], folder: Path) -> str:
    """Tries a few times, for the network's sake; gives what pip says if there is no such wheel."""
    options = ["--board", system.architecture, "--python", system.python, "--engine", engine, "--out", str(folder)]
    said = ""
    for attempt in range(_TRIES):
        time.sleep(attempt * _PAUSE_S)
        try:
            done = subprocess.run(
                [sys.executable, str(_SCRIPT), *options],
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            said = f"no answer within {_LIMIT_S} s"
            continue
        if done.returncode == 0:
            return ""
        said = done.stderr.strip()
        # Without a network pip says the same of a package that it could not ask for.
        if "No matching distribution" in said and "onnection" not in said:
            return said
    raise CannotEmulateError(f"wheels for {system.name}: {said.splitlines()[-1] if said else 'no message'}")
