"""What this machine computes, on the bundles that ship: what boards are held against."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import DEFAULT_BUNDLE, Bundle, read_bundle, shipped_bundles
from numbre_runtime.classifier import open_artifact
from numbre_runtime.errors import BackendError, BackendUnsupportedError
from numbre_train.data import load_mnist

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.png"))
ON_BOARD = Path(__file__).with_name("on_board.py")
_PERCENT = re.compile(r"[\d.]+%")


@dataclass(frozen=True)
class Trial:
    """A backend and an artifact of a bundle: a cell of the matrix."""

    bundle: str
    """The bundle's name."""
    backend: str
    """The backend's name."""
    artifact: str
    """The artifact's file."""
    precision: str
    """Its precision."""

    @property
    def name(self) -> str:
        """A name for its files."""
        return f"{self.bundle}-{self.backend}-{self.artifact}"


class Reference:
    """What is computed, on what, and what comes out here."""

    def __init__(self, scratch: Path, counts: set[int]) -> None:
        mnist = load_mnist()
        self.labels = mnist.test_labels
        self.images = {count: scratch / f"images{count}.npy" for count in counts}
        for count, path in self.images.items():
            np.save(path, mnist.test_images[:count])
        self.bundles = {path.name: read_bundle(path) for path in shipped_bundles()}
        self.trials = [trial for bundle in self.bundles.values() for trial in _trials(bundle)]
        self.files = {
            name: {artifact.file: artifact.sha256 for artifact in bundle.manifest.artifacts}
            for name, bundle in self.bundles.items()
        }
        self.said = said([sys.executable, "-m", "numbre_runtime.cli.predict"])
        self._outputs = {
            trial: self._compute(trial, scratch)
            for trial in self.trials
            if trial.backend != "tflite_runtime" or not _beside(trial, self.trials)
        }

    def expected(self, trial: Trial) -> NDArray[Any]:
        """The outputs here, of as many images as there are."""
        return self._outputs[trial if trial in self._outputs else _beside(trial, self.trials)[0]]

    def is_large(self, trial: Trial) -> bool:
        """Whether a board that runs more images than others runs them through this trial."""
        return (trial.bundle, trial.artifact) == (DEFAULT_BUNDLE.name, "model.int8.tflite")

    def accuracy(self, trial: Trial, outputs: NDArray[Any]) -> float:
        """The share of images that get their digit."""
        names = np.array(self.bundles[trial.bundle].manifest.labels)
        return float((names[outputs.argmax(axis=1)] == self.labels[: len(outputs)].astype(str)).mean())

    def _compute(self, trial: Trial, scratch: Path) -> NDArray[Any]:
        out = scratch / f"x86-{trial.name}.npy"
        images = self.images[max(self.images) if self.is_large(trial) else min(self.images)]
        words = (trial.bundle, trial.backend, trial.artifact, str(images), str(out))
        done = subprocess.run(
            [sys.executable, str(ON_BOARD), *words], capture_output=True, text=True, timeout=600, check=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
        if "refused" in found:
            raise BackendError(f"on x86: {found['refused']}")
        outputs: NDArray[Any] = np.load(out)
        return outputs


def said(command: list[str]) -> list[str]:
    """What numbre-predict says of the sample pictures, without the percents: their last digit may differ."""
    done = subprocess.run([*command, *map(str, SAMPLES)], capture_output=True, text=True, timeout=600, check=True)
    return without_percents(done.stdout)


def without_percents(text: str) -> list[str]:
    """Lines without the figures that may differ by one step between engines."""
    return [_PERCENT.sub("%", line) for line in text.splitlines()]


def _trials(bundle: Bundle) -> list[Trial]:
    return [
        Trial(bundle.path.name, backend, artifact.file, artifact.precision)
        for backend in BACKENDS
        for artifact in bundle.manifest.artifacts
        if backend_format(backend) == artifact.format and (backend != "numpy" or _in_numpy(bundle, artifact.file))
    ]


def _in_numpy(bundle: Bundle, file: str) -> bool:
    try:
        open_artifact(bundle, bundle.artifact(file), "numpy")
    except BackendUnsupportedError:
        return False
    return True


def _beside(trial: Trial, trials: list[Trial]) -> list[Trial]:
    """What an engine that does not install here is held against, best first.

    The numpy backend computes what tflite-runtime's kernels do; else LiteRT is its successor.
    """
    same = [other for other in trials if (other.bundle, other.artifact) == (trial.bundle, trial.artifact)]
    return sorted((other for other in same if other != trial), key=lambda other: other.backend != "numpy")
