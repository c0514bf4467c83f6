"""Runs NUMBRE bundles: an image in, a digit out.

import numbre_runtime as numbre

classifier = numbre.load()                # the model that ships here, or load("path/to/bundle")
classifier.predict("digit.png")           # Prediction(label='7', confidence=0.999, scores=…)
classifier.predict_batch(images)          # (N, 28, 28) uint8 in, (N, 11) float32 out: 0–9 and none
numbre.read("page.jpg").text              # all numbers on a page; needs the extra `photo`
"""

from __future__ import annotations

from numbre_runtime.first_use import at_first_use

# See `first_use`.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from numbre_runtime.classifier import Classifier, Prediction
    from numbre_runtime.errors import (
        BackendError,
        BackendNotInstalledError,
        BackendUnsupportedError,
        BundleError,
        ImageError,
        NumbreError,
        PhotoNotInstalledError,
        ScoreNotInstalledError,
    )
    from numbre_runtime.loading import load
    from numbre_runtime.manifest import Manifest
    from numbre_runtime.page import Page, read
    from numbre_runtime.pictures.digit import Found
    from numbre_runtime.scoring.frames import score

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "BackendNotInstalledError",
    "BackendUnsupportedError",
    "BundleError",
    "Classifier",
    "Found",
    "ImageError",
    "Manifest",
    "NumbreError",
    "Page",
    "PhotoNotInstalledError",
    "Prediction",
    "ScoreNotInstalledError",
    "load",
    "read",
    "score",
]

_HOMES = {
    "Classifier": "classifier",
    "Found": "pictures.digit",
    "Manifest": "manifest",
    "Page": "page",
    "Prediction": "classifier",
    "load": "loading",
    "read": "page",
    "score": "scoring.frames",
}
"""Where the public names are defined that are not errors."""

__getattr__ = at_first_use(__name__, dict.fromkeys(__all__, "errors") | _HOMES)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
