"""A PC without VNNI, emulated: there ONNX Runtime's int8 products saturate unless it is asked for precision."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from emulated.outcome import compare
from emulated.reference import ON_BOARD, Reference
from emulated.trial import IMAGES

_LIMIT_S = 600


def without_vnni(reference: Reference, emulator: Path, scratch: Path) -> list[str]:
    """What is wrong with the int8 ONNX files there; empty if they give the labels that they give here."""
    faults = []
    for trial in reference.trials:
        if (trial.backend, trial.precision) != ("onnxruntime", "int8"):
            continue
        out = scratch / f"haswell-{trial.name}.npy"
        command = [str(emulator / "qemu-x86_64-static"), "-cpu", "Haswell", sys.executable, str(ON_BOARD)]
        words = (trial.bundle, trial.backend, trial.artifact, str(reference.images[IMAGES]), str(out))
        try:
            subprocess.run([*command, *words], capture_output=True, timeout=_LIMIT_S, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            faults.append(f"x86-64 without VNNI: {trial.bundle}/{trial.artifact}: {error}")
            continue
        outcome = compare(np.load(out), reference.expected(trial)[:IMAGES], trial.precision)
        if outcome.status == "differs":
            faults.append(f"x86-64 without VNNI: {trial.bundle}/{trial.artifact}: {outcome.reason}")
    return faults
