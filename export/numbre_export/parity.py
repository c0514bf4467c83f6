"""What each written file does on the test images, through the runtime, held against Keras and the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numbre_runtime.backends import BACKENDS, backend_format
from numbre_runtime.bundle import Bundle
from numbre_runtime.classifier import open_artifact
from numbre_runtime.errors import BackendError, BackendNotInstalledError, BackendUnsupportedError, NumbreError
from numbre_runtime.manifest import Artifact, Measurement


class ParityError(NumbreError):
    """An exported file that misses its bounds."""

    exit_code = 3


@dataclass(frozen=True)
class Bounds:
    """What a file of some precision must keep of the Keras model."""

    drop: float
    """Largest loss of accuracy, 0–1; 0.001 is a tenth of a point."""
    agreement: float
    """Smallest share of images with the same answer, 0–1."""
    difference: float
    """Largest difference of any score."""


BOUNDS = {
    "float32": Bounds(drop=0.001, agreement=0.9999, difference=1e-5),
    "int8": Bounds(drop=0.001, agreement=0.997, difference=1.0),
}


@dataclass(frozen=True)
class TestSet:
    """The images that decide, with what Keras says of them."""

    __test__ = False  # pytest must not take it for a test

    images: NDArray[np.uint8]
    """(N, 28, 28)."""
    labels: NDArray[np.uint8]
    """(N,) true classes."""
    scores: NDArray[np.float32]
    """(N, classes) of the Keras model."""

    @property
    def accuracy(self) -> float:
        """The Keras model's own share of right answers."""
        return float((self.scores.argmax(axis=1) == self.labels).mean())


def measure(bundle: Bundle, artifact: Artifact, test: TestSet) -> tuple[Measurement, ...]:
    """Runs a file with every backend that is installed and takes it.

    Raises:
        BackendNotInstalledError: No backend for it is installed.
        BackendError: A backend does not run it.
    """
    measured = []
    missing: BackendError | None = None
    for name in BACKENDS:
        if backend_format(name) != artifact.format:
            continue
        try:
            classifier = open_artifact(bundle, artifact, name)
        except (BackendNotInstalledError, BackendUnsupportedError) as cause:
            missing = cause
            continue
        scores = classifier.predict_batch(test.images)
        answers = scores.argmax(axis=1)
        measured.append(
            Measurement(
                backend=classifier.backend,
                images=len(answers),
                accuracy=float((answers == test.labels).mean()),
                agreement=float((answers == test.scores.argmax(axis=1)).mean()),
                largest_difference=float(np.abs(scores - test.scores).max()),
            )
        )
    if not measured and missing is not None:
        raise missing
    return tuple(measured)


def check(artifact: Artifact, keras_accuracy: float) -> None:
    """Holds an artifact's measurements against the bounds of its precision.

    Raises:
        ParityError: One is missed; the message names the file, the figures and the bounds.
    """
    bounds = BOUNDS[artifact.precision]
    for item in artifact.measured:
        missed: Sequence[str] = [
            text
            for kept, text in (
                # Shares of 10,000 images are not exact in binary; a millionth is far below one image.
                (
                    keras_accuracy - item.accuracy <= bounds.drop + 1e-6,
                    _drop_text(item, keras_accuracy, bounds),
                ),
                (
                    item.agreement >= bounds.agreement - 1e-6,
                    f"agrees with Keras on {item.agreement:.2%}, at least {bounds.agreement:.2%} is asked for",
                ),
                (
                    item.largest_difference <= bounds.difference,
                    f"a score differs by {item.largest_difference:.1e}, at most {bounds.difference:.0e} is allowed",
                ),
            )
            if not kept
        ]
        if missed:
            raise ParityError(f"{artifact.file} with {item.backend} misses its bounds: {'; '.join(missed)}")


def _drop_text(item: Measurement, keras_accuracy: float, bounds: Bounds) -> str:
    return (
        f"accuracy {item.accuracy:.2%} against Keras's {keras_accuracy:.2%}, at most {bounds.drop * 100:.1f} points "
        "less is allowed"
    )
